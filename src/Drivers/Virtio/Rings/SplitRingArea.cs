using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// What the two rings of a split queue have in common: <c>{ le16 flags; le16 idx; entries; le16 event }</c>
/// (virtio 1.4, 2.7.6 and 2.7.8). All of a ring is written by one side and read by the other.
/// </summary>
internal readonly unsafe struct SplitRingArea
{
    /// <summary>Where <c>idx</c> is, from the start of the ring.</summary>
    internal const uint IndexOffset = 2;

    /// <summary>Where the entries begin.</summary>
    internal const uint EntriesOffset = 4;

    /// <summary>The size of each of the other fields in bytes.</summary>
    internal const uint FieldSize = 2;

    private readonly DmaMemory _memory;
    private readonly byte* _ring;
    private readonly uint _offset;
    private readonly uint _wishOffset;
    private readonly uint _length;
    private readonly bool _isCoherent;

    /// <summary>Lays a ring over a part of a zeroed region.</summary>
    /// <param name="memory">The region.</param>
    /// <param name="offset">Where the ring begins.</param>
    /// <param name="entriesLength">How many bytes its entries take.</param>
    /// <param name="hasEventIndex">Whether the writer's wishes are in <c>event</c>, not in <c>flags</c>.</param>
    internal SplitRingArea(DmaMemory memory, uint offset, uint entriesLength, bool hasEventIndex)
    {
        _memory = memory;
        _ring = memory.Address + offset;
        _offset = offset;
        _wishOffset = hasEventIndex ? EntriesOffset + entriesLength : 0;
        _length = LengthFor(entriesLength);
        _isCoherent = memory.IsCoherent;
    }

    /// <summary>Whether hand-overs have nothing to do.</summary>
    internal bool IsCoherent => _isCoherent;

    /// <summary>The size of the ring in bytes.</summary>
    internal uint Length => _length;

    /// <summary>
    /// Where the side that writes the ring says which notifications it wants: <c>flags</c> or <c>event</c>.
    /// </summary>
    internal uint WishOffset => _wishOffset;

    /// <summary>The size of a ring in bytes.</summary>
    internal static uint LengthFor(uint entriesLength) => EntriesOffset + entriesLength + FieldSize;

    /// <summary>Where the processor sees the ring.</summary>
    internal byte* Start => _ring;

    /// <summary>Hands a part of the ring over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Sync(uint offset, uint length, DmaSync operation, AccessSite site)
    {
        if (!_isCoherent)
        {
            HandOver(offset, length, operation, site);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void HandOver(uint offset, uint length, DmaSync operation, AccessSite site) =>
        _memory.Sync(_offset + offset, length, operation, site);
}
