using System;

namespace VirtioGuest.Net;

/// <summary>What a network device gives to the stack: a way to send Ethernet frames. Received frames go the other way,
/// to <see cref="NetworkStack.OnFrame"/>.</summary>
public abstract class EthernetLink
{
    /// <summary>The device's own address: a unicast address that stays the same.</summary>
    public abstract MacAddress Address { get; }

    /// <summary>
    /// How many bytes a frame may carry after its 14-byte header. Stays the same; see
    /// <see cref="NetworkStack.MinimumMtu"/> for what the stack can work with.
    /// </summary>
    public abstract int Mtu { get; }

    /// <summary>Whether the other end can be reached at the moment.</summary>
    public abstract bool IsUp { get; }

    /// <summary>Sends one frame, or takes a copy of it to send soon.</summary>
    /// <param name="frame">
    /// Header and data, at least 60 bytes, without the frame check sequence. Not to be kept after the return.
    /// </param>
    /// <returns>Whether the frame was taken; false where there is no room just now.</returns>
    /// <remarks>
    /// Called on any thread with the stack's lock held: must not throw, wait for received frames, or call
    /// <see cref="NetworkStack.OnFrame"/>.
    /// </remarks>
    public abstract bool TrySend(ReadOnlySpan<byte> frame);
}
