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

    private const uint IndexOffset = 2;
    private const uint EntriesOffset = 4;
    private const uint FieldSize = 2;

    private readonly byte* _ring;
    private readonly DmaMemory _memory;
    private readonly uint _offset;
    private readonly uint _wishOffset;
    private readonly uint _length;
    private readonly bool _isCoherent;

    /// <summary>Lays the ring over a part of a zeroed region.</summary>
    /// <param name="memory">The region.</param>
    /// <param name="offset">Where the ring begins, a multiple of 2.</param>
    /// <param name="queueSize">How many entries it has.</param>
    /// <param name="hasEventIndex">Whether the driver's wishes are in <c>used_event</c>, not in <c>flags</c>.</param>
    internal AvailableRing(DmaMemory memory, uint offset, uint queueSize, bool hasEventIndex)
    {
        _memory = memory;
        _ring = memory.Address + offset;
        _offset = offset;
        _wishOffset = hasEventIndex ? EntriesOffset + (queueSize * FieldSize) : 0;
        _length = LengthFor(queueSize);
        _isCoherent = memory.IsCoherent;
    }

    /// <summary>The size of a ring in bytes.</summary>
    internal static uint LengthFor(uint queueSize) => EntriesOffset + ((queueSize + 1) * FieldSize);

    /// <summary>Writes the head of a chain into an entry and hands it over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void StoreEntry(uint entry, ushort head)
    {
        uint at = EntriesOffset + (entry * FieldSize);
        if (!_isCoherent)
        {
            _memory.Sync(_offset + at, FieldSize, DmaSync.PostWrite, SplitSites.EntryFromDevice);
        }

        SharedMemory.Store16(_ring + at, head);
        if (!_isCoherent)
        {
            _memory.Sync(_offset + at, FieldSize, DmaSync.PreWrite, SplitSites.EntryToDevice);
        }
    }

    /// <summary>
    /// Writes the index, after everything before, and hands it over: with this the new entries are the device's.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void PublishIndex(ushort index)
    {
        if (!_isCoherent)
        {
            _memory.Sync(
                _offset + IndexOffset, FieldSize, DmaSync.PostWrite, SplitSites.AvailableIndexFromDevice);
        }

        SharedMemory.StoreRelease16(_ring + IndexOffset, index, SplitSites.PublishIndex);
        if (!_isCoherent)
        {
            _memory.Sync(_offset + IndexOffset, FieldSize, DmaSync.PreWrite, SplitSites.AvailableIndexToDevice);
        }
    }

    /// <summary>Writes the driver's wishes, <c>used_event</c> or <c>flags</c>, and hands them over.</summary>
    internal void StoreWish(ushort value)
    {
        uint offset = _offset + _wishOffset;
        _memory.Sync(offset, FieldSize, DmaSync.PostWrite, SplitSites.DriverEventFromDevice);
        SharedMemory.Store16(_ring + _wishOffset, value);
        _memory.Sync(offset, FieldSize, DmaSync.PreWrite, SplitSites.DriverEventToDevice);
    }

    /// <summary>The ring from a device that was reset.</summary>
    internal void SyncLeftFromDevice() =>
        _memory.Sync(_offset, _length, DmaSync.PostWrite, SplitSites.LeftAvailableRingFromDevice);

    /// <summary>
    /// The zeroed ring to the device, before the queue is enabled. It stays there: each field is taken back before it
    /// is written.
    /// </summary>
    internal void SyncInitially() =>
        _memory.Sync(_offset, _length, DmaSync.PreWrite, SplitSites.ClearedAvailableRingToDevice);
}
