using System.Collections.Generic;
using VirtioGuest.Hal;

namespace VirtioGuest.Pci.Tests.Simulation;

/// <summary>Keeps what was reported.</summary>
public sealed class RecordingLog : DeviceLog
{
    public List<string> Warnings { get; } = new List<string>();

    public override void Information(string message)
    {
    }

    public override void Warning(string message) => Warnings.Add(message);
}
