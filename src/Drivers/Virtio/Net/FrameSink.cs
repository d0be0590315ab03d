using System;

namespace VirtioGuest.Drivers.Virtio.Net;

/// <summary>Who takes received frames.</summary>
public abstract class FrameSink
{
    /// <summary>Takes a frame.</summary>
    /// <param name="frame">
    /// An Ethernet frame of at least 14 bytes, without checksum; only for the length of the call. It is memory that a
    /// device wrote, and one that breaks the rules could still be writing: what must not change under its reader is
    /// copied first.
    /// </param>
    /// <remarks>Must not throw, and must not call back into the receive side of the device.</remarks>
    public abstract void OnFrame(ReadOnlySpan<byte> frame);
}
