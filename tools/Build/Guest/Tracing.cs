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
        string program = ToolProgram.Compile(workspace, "Trace", "Trace");
        return ExternalProgram.RunInteractively(
            "dotnet",
            [program, "--root", workspace.Root, "--folder", Path.Combine(workspace.Artifacts, "trace"), .. words]);
    }
}
