namespace VirtioGuest.Build;

/// <summary>Brings the sources into the layout that .editorconfig lays down, or checks that they are in it.</summary>
internal static class SourceFormat
{
    /// <summary>Changes the sources.</summary>
    public static void Apply(Workspace workspace) => ExternalProgram.Run("dotnet", ["format", workspace.Solution]);

    /// <summary>Checks the sources, which have been restored already.</summary>
    /// <exception cref="BuildFailure">Something would change; the message says what.</exception>
    public static void Check(Workspace workspace) => ExternalProgram.Run(
        "dotnet", ["format", workspace.Solution, "--no-restore", "--verify-no-changes"]);
}
