using System.Collections.Generic;

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
        string program = ToolProgram.Compile(workspace, "Devices", "DeviceServer");
        return ExternalProgram.RunInteractively("dotnet", [program, .. words]);
    }
}
