using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// The available ring of a split queue in shared memory: <c>{ le16 flags; le16 idx; le16 ring[]; le16 used_event }</c>
/// (virtio 1.4, 2.7.6). The device only reads it.
/// </summary>
internal readonly unsafe struct AvailableRing
{
    /// <summary>In <c>flags</c>: no used buffer notification is wanted.</summary>
    internal const ushort NoInterrupt = 1;

    private const uint EntrySize = 2;

    private readonly SplitRingArea _area;

    /// <summary>Lays the ring over a part of a zeroed region.</summary>
    /// <param name="memory">The region.</param>
    /// <param name="offset">Where the ring begins, a multiple of 2.</param>
    /// <param name="queueSize">How many entries it has.</param>
    /// <param name="hasEventIndex">Whether the driver's wishes are in <c>used_event</c>, not in <c>flags</c>.</param>
    internal AvailableRing(DmaMemory memory, uint offset, uint queueSize, bool hasEventIndex)
    {
        _area = new SplitRingArea(memory, offset, queueSize * EntrySize, hasEventIndex);
    }

    /// <summary>The size of a ring in bytes.</summary>
    internal static uint LengthFor(uint queueSize) => SplitRingArea.LengthFor(queueSize * EntrySize);

    /// <summary>
    /// Writes the head of a chain into an entry, then the index that counts it: with this the chain is the device's.
    /// For coherent memory, where nothing is handed over.
    /// </summary>
    /// <param name="entry">Which entry.</param>
    /// <param name="head">The first descriptor of the chain.</param>
    /// <param name="index">The index behind the entry.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void PublishCoherent(uint entry, ushort head, ushort index)
    {
        SharedMemory.Store16(_area.Start + (entry * EntrySize), SplitRingArea.EntriesOffset, head);
        SharedMemory.StoreRelease16(_area.Start, SplitRingArea.IndexOffset, index, SplitSites.PublishIndex);
    }

    /// <summary>Writes the driver's wishes, <c>used_event</c> or <c>flags</c>, and hands them over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void StoreWish(ushort value)
    {
        if (_area.IsCoherent)
        {
            SharedMemory.Store16(_area.Start, _area.WishOffset, value);
        }
        else
        {
            HandWishOver(value);
        }
    }

    /// <summary>The ring from a device that was reset.</summary>
    internal void SyncLeftFromDevice() =>
        _area.Sync(0, _area.Length, DmaSync.PostWrite, SplitSites.LeftAvailableRingFromDevice);

    /// <summary>
    /// The zeroed ring to the device, before the queue is enabled. It stays there: each field is taken back before it
    /// is written.
    /// </summary>
    internal void SyncInitially() =>
        _area.Sync(0, _area.Length, DmaSync.PreWrite, SplitSites.ClearedAvailableRingToDevice);

    /// <summary>
    /// The same for any memory: each field is taken over before it is written, and handed over behind.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Publish(uint entry, ushort head, ushort index)
    {
        uint at = SplitRingArea.EntriesOffset + (entry * EntrySize);
        _area.Sync(at, EntrySize, DmaSync.PostWrite, SplitSites.EntryFromDevice);
        SharedMemory.Store16(_area.Start, at, head);
        _area.Sync(at, EntrySize, DmaSync.PreWrite, SplitSites.EntryToDevice);

        const uint At = SplitRingArea.IndexOffset;
        _area.Sync(At, SplitRingArea.FieldSize, DmaSync.PostWrite, SplitSites.AvailableIndexFromDevice);
        SharedMemory.StoreRelease16(_area.Start, At, index, SplitSites.PublishIndex);
        _area.Sync(At, SplitRingArea.FieldSize, DmaSync.PreWrite, SplitSites.AvailableIndexToDevice);
    }

    // What is not needed on coherent memory stays out of line, so that nothing but a branch is in the way there.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void HandWishOver(ushort value)
    {
        uint at = _area.WishOffset;
        _area.Sync(at, SplitRingArea.FieldSize, DmaSync.PostWrite, SplitSites.DriverEventFromDevice);
        SharedMemory.Store16(_area.Start, at, value);
        _area.Sync(at, SplitRingArea.FieldSize, DmaSync.PreWrite, SplitSites.DriverEventToDevice);
    }
}
