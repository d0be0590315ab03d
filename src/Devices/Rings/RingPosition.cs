namespace VirtioGuest.Devices.Rings;

/// <summary>A place in a ring as notification data tells it (virtio 1.4, 2.9).</summary>
/// <param name="Offset">
/// The descriptor's slot in a packed ring; the lower 15 bits of the available index of a split one.
/// </param>
/// <param name="Wrap">The wrap counter; bit 15 of the available index of a split ring.</param>
public readonly record struct RingPosition(ushort Offset, bool Wrap);
