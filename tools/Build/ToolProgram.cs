using System.IO;

namespace VirtioGuest.Build;

/// <summary>The programs under <c>tools</c> that this one runs.</summary>
internal static class ToolProgram
{
    /// <summary>Compiles one.</summary>
    /// <param name="workspace">Where things are.</param>
    /// <param name="folder">Its folder under <c>tools</c>.</param>
    /// <param name="name">What it is called, behind <c>VirtioGuest.</c>.</param>
    /// <returns>Its assembly, for <c>dotnet</c>.</returns>
    /// <exception cref="BuildFailure">It does not compile.</exception>
    public static string Compile(Workspace workspace, string folder, string name)
    {
        ExternalProgram.Run(
            "dotnet",
            [
                "build", Path.Combine(workspace.Root, "tools", folder), "-nologo", "-verbosity:quiet",
                $"-property:ArtifactsPath={workspace.Artifacts}",
            ]);
        return AssemblyOf(workspace, name);
    }

    /// <summary>Where its assembly is once it has been compiled.</summary>
    public static string AssemblyOf(Workspace workspace, string name) =>
        Path.Combine(workspace.Artifacts, "bin", $"VirtioGuest.{name}", "debug", $"VirtioGuest.{name}.dll");
}
