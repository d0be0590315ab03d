using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// The used ring of a split queue in shared memory: <c>{ le16 flags; le16 idx; { le32 id; le32 len } ring[];
/// le16 avail_event }</c> (virtio 1.4, 2.7.8). The driver only reads it.
/// </summary>
internal readonly unsafe struct UsedRing
{
    /// <summary>In <c>flags</c>: no available buffer notification is wanted.</summary>
    internal const ushort NoNotify = 1;

    private const uint IndexOffset = 2;
    private const uint ElementsOffset = 4;
    private const uint ElementSize = 8;
    private const uint LengthOffset = 4;
    private const uint FieldSize = 2;

    private readonly byte* _ring;
    private readonly DmaMemory _memory;
    private readonly uint _offset;
    private readonly uint _wishOffset;
    private readonly uint _length;
    private readonly bool _isCoherent;

    /// <summary>Lays the ring over a part of a zeroed region.</summary>
    /// <param name="memory">The region.</param>
    /// <param name="offset">Where the ring begins, a multiple of 4.</param>
    /// <param name="queueSize">How many elements it has.</param>
    /// <param name="hasEventIndex">Whether the device's wishes are in <c>avail_event</c>, not in <c>flags</c>.</param>
    internal UsedRing(DmaMemory memory, uint offset, uint queueSize, bool hasEventIndex)
    {
        _memory = memory;
        _ring = memory.Address + offset;
        _offset = offset;
        _wishOffset = hasEventIndex ? ElementsOffset + (queueSize * ElementSize) : 0;
        _length = LengthFor(queueSize);
        _isCoherent = memory.IsCoherent;
    }

    /// <summary>The size of a ring in bytes.</summary>
    internal static uint LengthFor(uint queueSize) => ElementsOffset + (queueSize * ElementSize) + FieldSize;

    /// <summary>Reads the index; what the device wrote before it is read after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ushort LoadIndex()
    {
        if (!_isCoherent)
        {
            _memory.Sync(_offset + IndexOffset, FieldSize, DmaSync.PostRead, SplitSites.UsedIndexFromDevice);
        }

        ushort index = SharedMemory.LoadAcquire16(_ring + IndexOffset, SplitSites.LoadUsedIndex);
        if (!_isCoherent)
        {
            // Before the next look, whatever this one found (NetBSD kern/60144).
            _memory.Sync(_offset + IndexOffset, FieldSize, DmaSync.PreRead, SplitSites.UsedIndexToDevice);
        }

        return index;
    }

    /// <summary>Reads an element that the index counts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal uint LoadElement(uint element, out uint length)
    {
        uint at = ElementsOffset + (element * ElementSize);
        if (!_isCoherent)
        {
            _memory.Sync(_offset + at, ElementSize, DmaSync.PostRead, SplitSites.ElementFromDevice);
        }

        uint id = SharedMemory.Load32(_ring + at);
        length = SharedMemory.Load32(_ring + at + LengthOffset);
        if (!_isCoherent)
        {
            _memory.Sync(_offset + at, ElementSize, DmaSync.PreRead, SplitSites.ElementToDevice);
        }

        return id;
    }

    /// <summary>Reads the device's wishes, <c>avail_event</c> or <c>flags</c>.</summary>
    internal ushort LoadWish()
    {
        uint offset = _offset + _wishOffset;
        _memory.Sync(offset, FieldSize, DmaSync.PostRead, SplitSites.DeviceEventFromDevice);
        ushort wish = SharedMemory.Load16(_ring + _wishOffset);
        _memory.Sync(offset, FieldSize, DmaSync.PreRead, SplitSites.DeviceEventToDevice);
        return wish;
    }

    /// <summary>The ring from a device that was reset.</summary>
    internal void SyncLeftFromDevice() =>
        _memory.Sync(_offset, _length, DmaSync.PostRead, SplitSites.LeftUsedRingFromDevice);

    /// <summary>The zeroed ring to the device, whose it stays, before the queue is enabled.</summary>
    internal void SyncInitially()
    {
        _memory.Sync(_offset, _length, DmaSync.PreWrite, SplitSites.ClearedUsedRingToDevice);
        _memory.Sync(_offset, _length, DmaSync.PostWrite, SplitSites.ClearedUsedRingFromDevice);
        _memory.Sync(_offset, _length, DmaSync.PreRead, SplitSites.UsedRingToDeviceInitially);
    }
}
