namespace VirtioGuest.Drivers.Virtio.Rings.Packed;

/// <summary>
/// A place in a packed ring: a slot and the wrap counter that goes with it (virtio 1.4, 2.8.1).
/// </summary>
/// <remarks>
/// A queue has two, one for each side. A chain is built on a copy, which counts once it is stored back.
/// </remarks>
internal struct RingPosition
{
    private const uint Both = DescriptorFlags.Available | DescriptorFlags.Used;

    // The wrap counter as the flags of a used descriptor show it: both set for 1, none for 0.
    private uint _usedFlags;

    /// <summary>Where both sides start: slot 0, wrap counter 1.</summary>
    internal static RingPosition Start => new RingPosition { _usedFlags = Both };

    /// <summary>The index of a descriptor, from 0 to the queue size - 1.</summary>
    internal uint Slot { get; private set; }

    /// <summary>The single-bit counter, which changes whenever the last slot is passed.</summary>
    internal readonly bool WrapCounter => _usedFlags != 0;

    /// <summary>
    /// The flags that make a descriptor at this place available: AVAIL as the counter, USED its inverse.
    /// </summary>
    internal readonly uint AvailableFlags => _usedFlags ^ DescriptorFlags.Used;

    /// <summary>
    /// The place as event suppression and notifications name it: the slot in bits 0 to 14, the counter in bit 15, which
    /// is the bit of USED (virtio 1.4, 2.8.14 and 2.9).
    /// </summary>
    internal readonly uint Word => Slot | (_usedFlags & DescriptorFlags.Used);

    /// <summary>
    /// Whether flags read at this place say that the device has used it: AVAIL and USED both as the counter.
    /// </summary>
    internal readonly bool IsUsed(ushort flags) => (flags & Both) == _usedFlags;

    /// <summary>
    /// Moves on by up to a whole ring; a chain that fills the ring comes back to its slot with the counter changed.
    /// </summary>
    internal void Advance(uint descriptors, uint queueSize)
    {
        uint slot = Slot + descriptors;
        if (slot >= queueSize)
        {
            slot -= queueSize;
            _usedFlags ^= Both;
        }

        Slot = slot;
    }
}
