using System.Collections.Generic;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>Remembers what a device's owner was told.</summary>
internal sealed class RecordingSink : DeviceEventSink
{
    public List<string> Events { get; } = new List<string>();

    public override void OnUsedBuffers(ushort queueIndex) => Events.Add($"queue {queueIndex}");

    public override void OnConfigurationChange() => Events.Add("configuration");
}
