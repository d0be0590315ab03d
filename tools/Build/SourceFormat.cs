using System;

namespace VirtioGuest.Build;

/// <summary>Brings the sources into the layout that .editorconfig lays down, or checks that they are in it.</summary>
internal static class SourceFormat
{
    /// <summary>Changes the sources.</summary>
    public static void Apply(Workspace workspace) => ExternalProgram.Run("dotnet", ["format", workspace.Solution]);

    /// <summary>Checks the sources, which have been restored and compiled already.</summary>
    /// <param name="workspace">Where they are.</param>
    /// <param name="everything">
    /// Whether to look for what the compiler finds as well, style and analyzers, which takes minutes. The ordinary
    /// build treats that as errors.
    /// </param>
    /// <exception cref="BuildFailure">Something would change; the message says what.</exception>
    public static void Check(Workspace workspace, bool everything) => ExternalProgram.Run(
        "dotnet",
        [
            "format",
            .. everything ? Array.Empty<string>() : ["whitespace"],
            workspace.Solution,
            "--no-restore",
            "--verify-no-changes",
        ]);
}
