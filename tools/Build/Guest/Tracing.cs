using System.Collections.Generic;
using System.IO;

namespace VirtioGuest.Build.Guest;

/// <summary>Builds the maker of pages and has it turn a recording into one.</summary>
internal static class Tracing
{
    /// <param name="workspace">Where things are.</param>
    /// <param name="words">What the maker is told.</param>
    /// <returns>Its exit status.</returns>
    public static int Run(Workspace workspace, IEnumerable<string> words)
    {
        string project = Path.Combine(workspace.Root, "tools", "Trace");
        ExternalProgram.Run(
            "dotnet",
            ["build", project, "-nologo", "-verbosity:quiet", $"-property:ArtifactsPath={workspace.Artifacts}"]);
        string program = Path.Combine(
            workspace.Artifacts, "bin", "VirtioGuest.Trace", "debug", "VirtioGuest.Trace.dll");
        return ExternalProgram.RunInteractively(
            "dotnet",
            [program, "--root", workspace.Root, "--folder", Path.Combine(workspace.Artifacts, "trace"), .. words]);
    }
}
