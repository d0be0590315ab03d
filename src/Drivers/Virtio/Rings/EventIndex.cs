using System.Runtime.CompilerServices;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// Whether one side of a queue passed the place at which the other wants a notification, in arithmetic that stays right
/// when indices wrap (virtio 1.4, 2.7.10 and 2.8.10).
/// </summary>
public static class EventIndex
{
    private const ushort OffsetMask = 0x7FFF;
    private const int WrapBit = 15;

    /// <summary>Split rings: whether the entry with index <paramref name="eventIndex"/> is among the newest.</summary>
    /// <param name="eventIndex"><c>avail_event</c>, or <c>used_event</c> on the other side.</param>
    /// <param name="next">The index that the next entry will have.</param>
    /// <param name="added">
    /// How many entries, up to that one, were added since the last time that this was asked.
    /// </param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Split(ushort eventIndex, ushort next, ulong added)
    {
        // How far back the entry lies: 1 for the newest, 65536 for the one whose index is due next.
        uint distance = (uint)(ushort)(next - eventIndex - 1) + 1;
        return distance <= added;
    }

    /// <summary>Packed rings: whether the descriptor that an event word names is among the newest.</summary>
    /// <param name="eventWord">
    /// The field <c>desc</c> of an event suppression structure: a slot in bits 0 to 14, its wrap counter in bit 15.
    /// </param>
    /// <param name="slot">The slot that the next descriptor will have.</param>
    /// <param name="wrapCounter">The wrap counter that it will have.</param>
    /// <param name="size">How many descriptors the ring has.</param>
    /// <param name="added">
    /// How many descriptors, up to that one, were added since the last time that this was asked.
    /// </param>
    /// <returns>Also true where no ring of this size has such a slot: a notification too many does no harm.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Packed(ushort eventWord, ushort slot, bool wrapCounter, int size, ulong added)
    {
        int offset = eventWord & OffsetMask;
        if (offset >= size)
        {
            return true;
        }

        // Slot and wrap counter together come round every two rings. How far back the descriptor lies: 1 for the
        // newest, two rings for the one that is due next.
        bool isSameRound = (eventWord >> WrapBit != 0) == wrapCounter;
        int distance = slot - offset + (isSameRound ? 0 : size);
        if (distance <= 0)
        {
            distance += 2 * size;
        }

        return (uint)distance <= added;
    }
}
