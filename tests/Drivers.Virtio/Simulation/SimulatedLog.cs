using System.Collections.Generic;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>What drivers said.</summary>
internal sealed class SimulatedLog : DeviceLog
{
    public List<string> Warnings { get; } = new List<string>();

    public override void Information(string message)
    {
    }

    public override void Warning(string message) => Warnings.Add(message);
}
