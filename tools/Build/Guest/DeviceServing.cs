using System.Collections.Generic;
using System.IO;

namespace VirtioGuest.Build.Guest;

/// <summary>Builds the server of devices and runs it.</summary>
internal static class DeviceServing
{
    /// <summary>Serves until Ctrl+C is typed.</summary>
    /// <param name="workspace">Where things are.</param>
    /// <param name="words">What the server is told.</param>
    /// <returns>Its exit status.</returns>
    public static int Run(Workspace workspace, IEnumerable<string> words)
    {
        string project = Path.Combine(workspace.Root, "tools", "Devices");
        ExternalProgram.Run(
            "dotnet",
            ["build", project, "-nologo", "-verbosity:quiet", $"-property:ArtifactsPath={workspace.Artifacts}"]);
        string program = Path.Combine(
            workspace.Artifacts, "bin", "VirtioGuest.DeviceServer", "debug", "VirtioGuest.DeviceServer.dll");
        return ExternalProgram.RunInteractively("dotnet", [program, .. words]);
    }
}
