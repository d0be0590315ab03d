using System;

namespace VirtioGuest.Devices.Net;

/// <summary>Sends every frame back as it came.</summary>
public sealed class LoopbackPeer : NetworkPeer
{
    /// <inheritdoc/>
    public override void OnFrame(NetDevice device, ReadOnlySpan<byte> frame)
    {
        ArgumentNullException.ThrowIfNull(device);
        device.Receive(frame);
    }
}
