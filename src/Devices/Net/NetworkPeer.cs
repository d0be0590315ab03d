using System;

namespace VirtioGuest.Devices.Net;

/// <summary>Who is at the other end of a network device's wire.</summary>
public abstract class NetworkPeer
{
    /// <summary>A frame arrives from the guest.</summary>
    /// <param name="device">The device that sent it, to answer through.</param>
    /// <param name="frame">The frame without virtio's header; valid during the call.</param>
    public abstract void OnFrame(NetDevice device, ReadOnlySpan<byte> frame);
}
