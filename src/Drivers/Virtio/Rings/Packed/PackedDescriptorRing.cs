using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings.Packed;

/// <summary>
/// The descriptor ring of a packed queue in shared memory: every access and every hand-over of it, by name
/// (virtio 1.4, 2.8.13).
/// </summary>
/// <remarks>
/// <para>
/// A slot is <c>{ le64 addr; le32 len; le16 id; le16 flags }</c>. Slots are below the queue size: the caller's duty.
/// </para>
/// <para>
/// Ownership is kept to the byte. A slot belongs to the driver until its chain is published. Then it belongs to the
/// device: as memory to read, because the driver wrote a descriptor there, and as memory to write, because any slot of
/// a chain may be where the device puts its next used descriptor.
/// </para>
/// </remarks>
internal readonly unsafe struct PackedDescriptorRing
{
    /// <summary>The size of a descriptor in bytes.</summary>
    internal const uint DescriptorSize = 16;

    internal const uint LengthOffset = 8;
    internal const uint IdOffset = 12;
    internal const uint FlagsOffset = 14;
    private const uint FlagsSize = 2;

    private readonly byte* _slots;
    private readonly DmaMemory _memory;
    private readonly uint _queueSize;
    private readonly bool _isCoherent;

    /// <summary>Lays the ring over the start of a zeroed region.</summary>
    internal PackedDescriptorRing(DmaMemory memory, uint queueSize)
    {
        _memory = memory;
        _slots = memory.Address;
        _queueSize = queueSize;
        _isCoherent = memory.IsCoherent;
    }

    /// <summary>Whether hand-overs have nothing to do.</summary>
    internal bool IsCoherent => _isCoherent;

    /// <summary>The descriptor in a slot: a head, or where the device writes.</summary>
    internal PackedDescriptor this[uint slot]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new PackedDescriptor(_slots + (slot * DescriptorSize));
    }

    /// <summary>Writes all of a head but its flags.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void StoreHeadBody(uint slot, in DmaSegment segment, ushort id) => this[slot].StoreBody(segment, id);

    /// <summary>Writes a descriptor that is not the head: the device cannot reach it yet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void StoreBehindHead(uint slot, in DmaSegment segment, ushort id, ushort flags)
    {
        byte* descriptor = _slots + (slot * DescriptorSize);
        SharedMemory.Store64(descriptor, 0, segment.DeviceAddress);
        SharedMemory.Store64(
            descriptor, DescriptorWord.Offset, DescriptorWord.Packed(segment.Length, id, flags));
    }

    /// <summary>
    /// Writes the flags of a head, after everything before: with this the whole chain is the device's. Hands all of it
    /// over.
    /// </summary>
    /// <param name="head">The slot of the head.</param>
    /// <param name="flags">Its flags.</param>
    /// <param name="count">How many slots the chain takes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Publish(uint head, ushort flags, uint count)
    {
        if (_isCoherent)
        {
            PublishCoherent(head, flags);
        }
        else
        {
            HandOver(head, flags, count);
        }
    }

    /// <summary>The same in coherent memory, where there is nothing to hand over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void PublishCoherent(uint head, ushort flags) => this[head].StoreFlags(flags);

    /// <summary>Slot from the device: before the first look at where the next used descriptor is due.</summary>
    /// <remarks>The driver's descriptor there is as good as read: the driver does not write before it is.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void SyncSlotFromDevice(uint slot)
    {
        if (!_isCoherent)
        {
            const DmaSync Both = DmaSync.PostRead | DmaSync.PostWrite;
            _memory.Sync(slot * DescriptorSize, DescriptorSize, Both, PackedSites.SlotFromDevice);
        }
    }

    /// <summary>Slot from the device: before each further look at it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void SyncSlotFromDeviceAgain(uint slot)
    {
        if (!_isCoherent)
        {
            _memory.Sync(slot * DescriptorSize, DescriptorSize, DmaSync.PostRead, PackedSites.SlotFromDeviceAgain);
        }
    }

    /// <summary>
    /// Slot back to the device: after a look that found nothing, and before the next one (NetBSD kern/60144).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void SyncSlotToDevice(uint slot)
    {
        if (!_isCoherent)
        {
            HandSlotOver(slot);
        }
    }

    /// <summary>
    /// Descriptors from the device: the slots that a used buffer frees, of which the first has been looked at.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void SyncUsedFromDevice(uint first, uint count)
    {
        if (!_isCoherent)
        {
            SyncSlots(
                first + 1, count - 1, DmaSync.PostWrite | DmaSync.PostRead, PackedSites.FreedSlotsFromDevice);
        }
    }

    /// <summary>
    /// Descriptors from the device: the slots of a buffer that an in-order device skipped; none has been looked at.
    /// </summary>
    internal void SyncSkippedFromDevice(uint first, uint count)
    {
        if (!_isCoherent)
        {
            SyncSlots(first, count, DmaSync.PostWrite | DmaSync.PostRead, PackedSites.SkippedSlotsFromDevice);
        }
    }

    /// <summary>Descriptors from the device: those that it still had when it was reset.</summary>
    internal void SyncLeftFromDevice(uint first, uint count) =>
        SyncSlots(first, count, DmaSync.PostWrite | DmaSync.PostRead, PackedSites.LeftSlotsFromDevice);

    /// <summary>Slot from the device: the one that was looked at last, once the device was reset.</summary>
    internal void SyncLeftLookFromDevice(uint slot) =>
        _memory.Sync(slot * DescriptorSize, DescriptorSize, DmaSync.PostRead, PackedSites.LeftLookFromDevice);

    /// <summary>The zeroed ring to the device, and its slots back to the driver, before the queue is enabled.</summary>
    internal void SyncInitially()
    {
        uint length = _queueSize * DescriptorSize;
        _memory.Sync(0, length, DmaSync.PreWrite, PackedSites.ClearedRingToDevice);
        _memory.Sync(0, length, DmaSync.PostWrite, PackedSites.ClearedRingFromDevice);
    }

    // What is not needed on coherent memory stays out of line, so that nothing but a branch is in the way there. The
    // bodies go first: as soon as the flags are there, the device reads everything else.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void HandOver(uint head, ushort flags, uint count)
    {
        const DmaSync Both = DmaSync.PreWrite | DmaSync.PreRead;
        _memory.Sync(head * DescriptorSize, FlagsOffset, Both, PackedSites.HeadBodyToDevice);
        SyncSlots(head + 1, count - 1, Both, PackedSites.ChainRestToDevice);
        PublishCoherent(head, flags);
        _memory.Sync((head * DescriptorSize) + FlagsOffset, FlagsSize, Both, PackedSites.HeadFlagsToDevice);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void HandSlotOver(uint slot) =>
        _memory.Sync(slot * DescriptorSize, DescriptorSize, DmaSync.PreRead, PackedSites.SlotToDevice);

    /// <summary>Hands over a run of slots that may go around the end of the ring.</summary>
    private void SyncSlots(uint first, uint count, DmaSync operation, AccessSite site)
    {
        if (count == 0)
        {
            return;
        }

        uint start = first < _queueSize ? first : first - _queueSize;
        uint untilEnd = _queueSize - start;
        uint run = count < untilEnd ? count : untilEnd;
        _memory.Sync(start * DescriptorSize, run * DescriptorSize, operation, site);
        if (run < count)
        {
            _memory.Sync(0, (count - run) * DescriptorSize, operation, site);
        }
    }
}

/// <summary>A descriptor that the driver makes available, or that the device may have used.</summary>
internal readonly unsafe struct PackedDescriptor
{
    private readonly byte* _start;

    internal PackedDescriptor(byte* start)
    {
        _start = start;
    }

    /// <summary>Writes all of a head but its flags.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void StoreBody(in DmaSegment segment, ushort id)
    {
        SharedMemory.Store64(_start, 0, segment.DeviceAddress);
        SharedMemory.Store32(_start, PackedDescriptorRing.LengthOffset, segment.Length);
        SharedMemory.Store16(_start, PackedDescriptorRing.IdOffset, id);
    }

    /// <summary>Writes the flags of a head, after everything before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void StoreFlags(ushort flags) =>
        SharedMemory.StoreRelease16(_start, PackedDescriptorRing.FlagsOffset, flags, PackedSites.PublishHead);

    /// <summary>Reads the flags; what the device wrote before them is read after them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ushort LoadFlags() =>
        SharedMemory.LoadAcquire16(_start, PackedDescriptorRing.FlagsOffset, PackedSites.LoadUsedFlags);

    /// <summary>Reads the buffer ID, after the flags.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ushort LoadId() => SharedMemory.Load16(_start, PackedDescriptorRing.IdOffset);

    /// <summary>Reads the length, after the flags.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal uint LoadLength() => SharedMemory.Load32(_start, PackedDescriptorRing.LengthOffset);
}
