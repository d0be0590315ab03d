using System;
using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Tests;

/// <summary>Remembers what a device's owner was told, and looks at changes as an owner does.</summary>
internal sealed class RecordingSink : DeviceEventSink
{
    public List<string> Events { get; } = new List<string>();

    /// <summary>The driver that looks at changes, if there is one.</summary>
    public VirtioDevice? Driver { get; set; }

    public override void OnUsedBuffers(ushort queueIndex) => Events.Add($"queue {queueIndex}");

    public override void OnConfigurationChange()
    {
        Events.Add("configuration");
        Driver?.ObserveChange();
    }
}

/// <summary>Keeps received frames.</summary>
internal sealed class RecordingFrames : FrameSink
{
    public List<byte[]> Frames { get; } = new List<byte[]>();

    public override void OnFrame(ReadOnlySpan<byte> frame) => Frames.Add(frame.ToArray());
}
