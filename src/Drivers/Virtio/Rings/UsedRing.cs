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

    private const uint ElementSize = 8;
    private const uint LengthOffset = 4;

    private readonly SplitRingArea _area;

    /// <summary>Lays the ring over a part of a zeroed region.</summary>
    /// <param name="memory">The region.</param>
    /// <param name="offset">Where the ring begins, a multiple of 4.</param>
    /// <param name="queueSize">How many elements it has.</param>
    /// <param name="hasEventIndex">Whether the device's wishes are in <c>avail_event</c>, not in <c>flags</c>.</param>
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

    /// <summary>Reads the device's wishes, <c>avail_event</c> or <c>flags</c>.</summary>
    internal ushort LoadWish()
    {
        uint at = _area.WishOffset;
        _area.Sync(at, SplitRingArea.FieldSize, DmaSync.PostRead, SplitSites.DeviceEventFromDevice);
        ushort wish = LoadCoherentWish();
        _area.Sync(at, SplitRingArea.FieldSize, DmaSync.PreRead, SplitSites.DeviceEventToDevice);
        return wish;
    }

    /// <summary>The same for a ring in coherent memory: nothing is handed over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ushort LoadCoherentWish() => SharedMemory.Load16(_area.Start, _area.WishOffset);

    /// <summary>The ring from a device that was reset.</summary>
    internal void SyncLeftFromDevice() =>
        _area.Sync(0, _area.Length, DmaSync.PostRead, SplitSites.LeftUsedRingFromDevice);

    /// <summary>The zeroed ring to the device, whose it stays, before the queue is enabled.</summary>
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
