using System;
using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Devices.Net;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>Keeps received frames.</summary>
internal sealed class RecordingFrames : FrameSink
{
    public List<byte[]> Frames { get; } = new List<byte[]>();

    public override void OnFrame(ReadOnlySpan<byte> frame) => Frames.Add(frame.ToArray());
}
