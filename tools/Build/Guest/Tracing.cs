using System.Collections.Generic;
using System.IO;

namespace VirtioGuest.Build.Guest;

/// <summary>Builds the maker of pages and has it turn a recording into one.</summary>
internal static class Tracing
{
    private static readonly string[] s_inputs =
    [
        "tools/Trace", "src/Drivers/Virtio", "src/Hal", "src/Pci", "src/Devices", "src/Recording", "src/Simulation",
    ];

    /// <param name="workspace">Where things are.</param>
    /// <param name="words">What the maker is told.</param>
    /// <returns>Its exit status.</returns>
    public static int Run(Workspace workspace, IEnumerable<string> words) => ExternalProgram.RunInteractively(
        "dotnet",
        [
            Build(workspace), "--root", workspace.Root, "--folder", Path.Combine(workspace.Artifacts, "trace"),
            .. words,
        ]);

    /// <summary>Makes a page of each recording, beside it and of the same name.</summary>
    /// <param name="workspace">Where things are.</param>
    /// <param name="recordings">The recordings, which are in one folder.</param>
    /// <param name="sources">Where sources are that are not this project's.</param>
    public static void MakePages(Workspace workspace, IReadOnlyList<string> recordings, string sources)
    {
        if (recordings.Count != 0)
        {
            string program = Build(workspace);
            ExternalProgram.Run(
                "dotnet",
                [
                    program, .. recordings, "--root", workspace.Root,
                    "--folder", Path.GetDirectoryName(recordings[0])!, "--sources", sources,
                ]);
        }
    }

    private static string Build(Workspace workspace) => ToolProgram.CompileOnce(workspace, "Trace", "Trace", s_inputs);
}
