using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings.Split;

/// <summary>
/// The descriptor table of a split queue in shared memory: <c>{ le64 addr; le32 len; le16 flags; le16 next }</c> each
/// (virtio 1.4, 2.7.5). The device only reads it.
/// </summary>
internal readonly unsafe struct SplitDescriptorTable
{
    /// <summary>The size of a descriptor in bytes.</summary>
    internal const uint DescriptorSize = 16;

    private readonly byte* _table;
    private readonly DmaMemory _memory;

    /// <summary>Lays the table over the start of a region.</summary>
    internal SplitDescriptorTable(DmaMemory memory)
    {
        _memory = memory;
        _table = memory.Address;
    }

    /// <summary>Writes a descriptor that is the driver's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Store(ushort index, in DmaSegment segment, ushort flags, ushort next)
    {
        byte* descriptor = _table + (index * DescriptorSize);
        SharedMemory.Store64(descriptor, 0, segment.DeviceAddress);
        SharedMemory.Store64(
            descriptor, DescriptorWord.Offset, DescriptorWord.Split(segment.Length, flags, next));
    }

    /// <summary>Descriptor to the device, before the chain that it belongs to is published.</summary>
    internal void SyncToDevice(ushort index) =>
        _memory.Sync(index * DescriptorSize, DescriptorSize, DmaSync.PreWrite, SplitSites.DescriptorToDevice);

    /// <summary>Descriptor from the device, once its buffer was used.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void SyncFromDevice(ushort index) =>
        _memory.Sync(index * DescriptorSize, DescriptorSize, DmaSync.PostWrite, SplitSites.DescriptorFromDevice);

    /// <summary>Descriptor from a device that had it when it was reset.</summary>
    internal void SyncLeftFromDevice(ushort index) =>
        _memory.Sync(index * DescriptorSize, DescriptorSize, DmaSync.PostWrite, SplitSites.LeftDescriptorFromDevice);
}

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
    /// <param name="hasEventIndex">Whether suppression is in <c>used_event</c>, not in <c>flags</c>.</param>
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
        byte* start = _area.Start;
        SharedMemory.Store16(start + (entry * EntrySize), SplitRingArea.EntriesOffset, head);
        SharedMemory.StoreRelease16(start, SplitRingArea.IndexOffset, index, SplitSites.PublishIndex);
    }

    /// <summary>
    /// Writes which used buffer notifications are wanted, <c>used_event</c> or <c>flags</c>, and hands that over.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void StoreSuppression(ushort value)
    {
        if (_area.IsCoherent)
        {
            SharedMemory.Store16(_area.Start, _area.SuppressionOffset, value);
        }
        else
        {
            HandSuppressionOver(value);
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
    private void HandSuppressionOver(ushort value)
    {
        uint at = _area.SuppressionOffset;
        _area.Sync(at, SplitRingArea.FieldSize, DmaSync.PostWrite, SplitSites.DriverEventFromDevice);
        SharedMemory.Store16(_area.Start, at, value);
        _area.Sync(at, SplitRingArea.FieldSize, DmaSync.PreWrite, SplitSites.DriverEventToDevice);
    }
}

/// <summary>
/// The used ring of a split queue in shared memory: <c>{ le16 flags; le16 idx; { le32 id; le32 len } ring[];
/// le16 avail_event }</c> (virtio 1.4, 2.7.8). The driver only reads it.
/// </summary>
internal readonly unsafe struct UsedRing
{
    /// <summary>In <c>flags</c>: no available buffer notification is wanted.</summary>
    internal const ushort NoNotify = 1;

    private const uint ElementSize = 8;
    private const uint LengthOffset = 4;

    private readonly SplitRingArea _area;

    /// <summary>Lays the ring over a part of a zeroed region.</summary>
    /// <param name="memory">The region.</param>
    /// <param name="offset">Where the ring begins, a multiple of 4.</param>
    /// <param name="queueSize">How many elements it has.</param>
    /// <param name="hasEventIndex">Whether suppression is in <c>avail_event</c>, not in <c>flags</c>.</param>
    internal UsedRing(DmaMemory memory, uint offset, uint queueSize, bool hasEventIndex)
    {
        _area = new SplitRingArea(memory, offset, queueSize * ElementSize, hasEventIndex);
    }

    /// <summary>The size of a ring in bytes.</summary>
    internal static uint LengthFor(uint queueSize) => SplitRingArea.LengthFor(queueSize * ElementSize);

    /// <summary>Reads the index; what the device wrote before it is read after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ushort LoadIndex() => _area.IsCoherent ? LoadCoherentIndex() : TakeIndexOver();

    /// <summary>The same for a ring in coherent memory: nothing is handed over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ushort LoadCoherentIndex() =>
        SharedMemory.LoadAcquire16(_area.Start, SplitRingArea.IndexOffset, SplitSites.LoadUsedIndex);

    /// <summary>Reads an element that the index counts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal uint LoadElement(uint element, out uint length)
    {
        uint at = SplitRingArea.EntriesOffset + (element * ElementSize);
        _area.Sync(at, ElementSize, DmaSync.PostRead, SplitSites.ElementFromDevice);
        uint id = LoadCoherentElement(element, out length);
        _area.Sync(at, ElementSize, DmaSync.PreRead, SplitSites.ElementToDevice);
        return id;
    }

    /// <summary>Reads an element that the index counts, of a ring in coherent memory: nothing is handed over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal uint LoadCoherentElement(uint element, out uint length)
    {
        byte* at = _area.Start + (element * ElementSize);
        length = SharedMemory.Load32(at, SplitRingArea.EntriesOffset + LengthOffset);
        return SharedMemory.Load32(at, SplitRingArea.EntriesOffset);
    }

    /// <summary>Reads which available buffer notifications are wanted: <c>avail_event</c> or <c>flags</c>.</summary>
    internal ushort LoadSuppression()
    {
        uint at = _area.SuppressionOffset;
        _area.Sync(at, SplitRingArea.FieldSize, DmaSync.PostRead, SplitSites.DeviceEventFromDevice);
        ushort suppression = LoadCoherentSuppression();
        _area.Sync(at, SplitRingArea.FieldSize, DmaSync.PreRead, SplitSites.DeviceEventToDevice);
        return suppression;
    }

    /// <summary>The same for a ring in coherent memory: nothing is handed over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ushort LoadCoherentSuppression() => SharedMemory.Load16(_area.Start, _area.SuppressionOffset);

    /// <summary>The ring from a device that was reset.</summary>
    internal void SyncLeftFromDevice() =>
        _area.Sync(0, _area.Length, DmaSync.PostRead, SplitSites.LeftUsedRingFromDevice);

    /// <summary>Hands the zeroed ring to the device, which keeps it, before the queue is enabled.</summary>
    internal void SyncInitially()
    {
        _area.Sync(0, _area.Length, DmaSync.PreWrite, SplitSites.ClearedUsedRingToDevice);
        _area.Sync(0, _area.Length, DmaSync.PostWrite, SplitSites.ClearedUsedRingFromDevice);
        _area.Sync(0, _area.Length, DmaSync.PreRead, SplitSites.UsedRingToDeviceInitially);
    }

    // What is not needed on coherent memory stays out of line, so that nothing but a branch is in the way there.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ushort TakeIndexOver()
    {
        const uint At = SplitRingArea.IndexOffset;
        _area.Sync(At, SplitRingArea.FieldSize, DmaSync.PostRead, SplitSites.UsedIndexFromDevice);
        ushort index = LoadCoherentIndex();

        // Before the next look, whatever this one found (NetBSD kern/60144).
        _area.Sync(At, SplitRingArea.FieldSize, DmaSync.PreRead, SplitSites.UsedIndexToDevice);
        return index;
    }

}

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
    private readonly uint _suppressionOffset;
    private readonly uint _length;
    private readonly bool _isCoherent;

    /// <summary>Lays a ring over a part of a zeroed region.</summary>
    /// <param name="memory">The region.</param>
    /// <param name="offset">Where the ring begins.</param>
    /// <param name="entriesLength">How many bytes its entries take.</param>
    /// <param name="hasEventIndex">Whether the writer's suppression is in <c>event</c>, not in <c>flags</c>.</param>
    internal SplitRingArea(DmaMemory memory, uint offset, uint entriesLength, bool hasEventIndex)
    {
        _memory = memory;
        _ring = memory.Address + offset;
        _offset = offset;
        _suppressionOffset = hasEventIndex ? EntriesOffset + entriesLength : 0;
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
    internal uint SuppressionOffset => _suppressionOffset;

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
