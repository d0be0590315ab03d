using System;

namespace VirtioGuest.Net;

/// <summary>
/// What a network device gives to the stack: a way to send Ethernet frames. Received frames go the other way, to
/// <see cref="NetworkStack.OnFrame"/>.
/// </summary>
public abstract class EthernetLink
{
    /// <summary>The device's own address: unicast, and always the same.</summary>
    public abstract MacAddress Address { get; }

    /// <summary>
    /// How many bytes a frame may carry after its 14-byte header: always the same, from
    /// <see cref="NetworkStack.MinimumMtu"/> to <see cref="NetworkStack.MaximumMtu"/>.
    /// </summary>
    public abstract int Mtu { get; }

    /// <summary>Whether the link is up at the moment.</summary>
    public abstract bool IsUp { get; }

    /// <summary>Sends one frame, or takes a copy of it to send soon.</summary>
    /// <param name="frame">
    /// Header and data, at least 60 bytes, without the frame check sequence. Not to be kept after the return.
    /// </param>
    /// <returns>Whether the frame was taken; false where there is no room at the moment.</returns>
    /// <remarks>
    /// Called on any thread with the stack's lock held: must not throw, wait for received frames, or call
    /// <see cref="NetworkStack.OnFrame"/>.
    /// </remarks>
    public abstract bool TrySend(ReadOnlySpan<byte> frame);
}
