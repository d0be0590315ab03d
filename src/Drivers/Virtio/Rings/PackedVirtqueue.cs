using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>A packed virtqueue (virtio 1.4, 2.8).</summary>
/// <remarks>
/// <para>
/// The slots from the used position up to the available position are the device's, and are exactly the slots of the
/// buffers in flight. The device writes its used descriptors there in the order of completion, so a used descriptor
/// says nothing about the buffer that once had its slot: the buffer is found by its ID alone.
/// </para>
/// <para>See <see cref="Virtqueue"/> for the contract.</para>
/// </remarks>
public sealed class PackedVirtqueue : Virtqueue
{
    /// <summary>What the rings and areas are aligned to, so that no two of them share a cache line.</summary>
    private const uint LineSize = 64;

    private readonly DmaMemory _memory;
    private readonly PackedDescriptorRing _ring;
    private readonly EventSuppression _events;
    private readonly BufferRecords _records;
    private readonly IndirectTables? _tables;
    private readonly int _tableLength;
    private readonly uint _driverAreaOffset;
    private readonly bool _hasEventIndex;
    private readonly bool _isInOrder;
    private RingPosition _available;
    private RingPosition _used;
    private UsedBatch _batch;
    private ulong _unannounced;
    private uint _driverEvents;
    private int _free;
    private int _detachCursor;
    private bool _isLookedAt;
    private bool _isFound;
    private bool _isTakenBack;

    private PackedVirtqueue(
        ushort index,
        ushort size,
        RingFeatures features,
        DmaMemory memory,
        uint driverAreaOffset,
        IndirectTables? tables)
        : base(index, size, features)
    {
        _memory = memory;
        _driverAreaOffset = driverAreaOffset;
        _tables = tables;
        _tableLength = tables == null ? 0 : tables.Length;
        _hasEventIndex = (features & RingFeatures.EventIdx) != 0;
        _isInOrder = (features & RingFeatures.InOrder) != 0;
        _ring = new PackedDescriptorRing(memory, size);
        _events = new EventSuppression(memory, driverAreaOffset, driverAreaOffset + LineSize);
        _records = new BufferRecords(size, areDescriptors: false, _isInOrder);
        _available = new RingPosition(wrapCounter: true);
        _used = new RingPosition(wrapCounter: true);
        _driverEvents = EventSuppression.Enable;
        _free = size;
        _ring.SyncInitially();
        _events.SyncInitially();
    }

    /// <inheritdoc/>
    public override string Format => "packed";

    /// <inheritdoc/>
    public override int FreeDescriptors => _free;

    /// <inheritdoc/>
    public override int InFlight => _records.InFlight;

    /// <inheritdoc/>
    public override int IndirectTableLength => _tableLength;

    /// <inheritdoc/>
    public override ulong DescriptorArea => _memory.DeviceAddress;

    /// <inheritdoc/>
    public override ulong DriverArea => _memory.DeviceAddress + _driverAreaOffset;

    /// <inheritdoc/>
    public override ulong DeviceArea => _memory.DeviceAddress + _driverAreaOffset + LineSize;

    /// <inheritdoc/>
    public override ushort NextAvailable => _available.Word;

    /// <summary>Creates an empty queue; the parameters were checked.</summary>
    internal static PackedVirtqueue? TryCreate(
        DmaTag dma, ushort index, ushort size, RingFeatures features, int tableLength)
    {
        uint ringBytes = size * PackedDescriptorRing.DescriptorSize;
        uint driverAreaOffset = (ringBytes + LineSize - 1) & ~(LineSize - 1);

        // Slots of the driver's and of the device's lie side by side: where hand-overs work in larger blocks than
        // slots, only coherent memory keeps them apart.
        bool mustBeCoherent = dma.HandOverGranularity > PackedDescriptorRing.DescriptorSize;
        DmaMemory? memory = dma.Allocate(
            driverAreaOffset + (2 * LineSize), new DmaConstraints(LineSize, mustBeCoherent: mustBeCoherent));
        return memory == null
            ? null
            : new PackedVirtqueue(
                index,
                size,
                features,
                memory,
                driverAreaOffset,
                IndirectTables.TryCreate(dma, size, tableLength, isPacked: true));
    }

    /// <inheritdoc/>
    private protected override AddStatus Add(
        ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable, int token)
    {
        // Everything is checked before the first store: a later slot of a chain that was given up would carry flags
        // that make it available as soon as the device reaches it behind some other buffer.
        int segments = readable.Length + writable.Length;
        if (segments == 0 || (uint)segments > Size
            || !BufferShape.TryMeasure(readable, writable, out uint writableBytes))
        {
            return AddStatus.Invalid;
        }

        bool isIndirect = segments > 1 && segments <= _tableLength;
        int descriptors = isIndirect ? 1 : segments;
        if (descriptors > _free)
        {
            return AddStatus.Full;
        }

        ushort id = _records.Take(descriptors, isIndirect ? segments : 0, writableBytes, token, (ushort)Added);
        RingPosition head = _available;
        ushort headFlags = isIndirect
            ? StoreIndirect(id, readable, writable)
            : StoreChain(id, readable, writable);
        _ring.SyncBodiesToDevice(head.Slot, (uint)descriptors);
        _ring.PublishHead(head.Slot, headFlags);
        _ring.SyncHeadToDevice(head.Slot);

        _free -= descriptors;
        _unannounced += (uint)descriptors;
        Added++;
        return AddStatus.Ok;
    }

    /// <inheritdoc/>
    private protected override int TakeUsed(Span<UsedBuffer> buffers)
    {
        int count = 0;
        while (count < buffers.Length && TakeUsed(out int token, out uint writtenBytes))
        {
            buffers[count++] = new UsedBuffer(token, writtenBytes);
        }

        return count;
    }

    /// <inheritdoc/>
    private protected override bool TakeUsed(out int token, out uint writtenBytes)
    {
        token = 0;
        writtenBytes = 0;
        if (_batch.Remaining != 0)
        {
            return TakeFromBatch(out token, out writtenBytes);
        }

        if (!LookForUsed())
        {
            return false;
        }

        uint slot = _used.Slot;
        ushort id = _ring.LoadId(slot);
        uint length = _ring.LoadLength(slot);
        QueueFault fault = _records.Check(id, length);
        if (fault != QueueFault.None)
        {
            MarkBroken(fault);
            return false;
        }

        _isFound = false;
        _isLookedAt = false;
        if (_isInOrder && id != _records.Oldest)
        {
            _batch = new UsedBatch(id, length, (ushort)(_records.SequenceOf(id) - (ushort)Used) + 1);
            return TakeFromBatch(out token, out writtenBytes);
        }

        _ring.SyncUsedFromDevice(slot, (uint)TakeBack(id, out token, out uint writableBytes));
        writtenBytes = writableBytes == 0 ? 0 : length;
        return true;
    }

    /// <inheritdoc/>
    private protected override bool IsNotificationDue()
    {
        ulong added = _unannounced;
        if (added == 0)
        {
            return false;
        }

        _unannounced = 0;

        // The published flags must be visible before the look: else the device could find the ring empty, enable
        // notifications and sleep, while the driver still sees them disabled (virtio 1.4, 2.8.21.2).
        FullBarrier(PackedSites.NotificationBarrier);
        _events.SyncDeviceAreaFromDevice();
        uint wishes = _events.LoadDeviceArea();
        _events.SyncDeviceAreaToDevice();

        // Every other value asks for notifications, the reserved one included: one too many is harmless, a missing one
        // is a hang.
        uint flags = wishes & EventSuppression.FlagsMask;
        return flags == EventSuppression.Descriptor && _hasEventIndex
            ? EventIndex.Packed((ushort)wishes, _available.Slot, _available.WrapCounter, Size, added)
            : flags != EventSuppression.Disable;
    }

    /// <inheritdoc/>
    private protected override void AskForInterrupt(int percent)
    {
        uint wish = EventSuppression.Enable;
        if (_hasEventIndex)
        {
            RingPosition position = _used;
            position.Advance(DelayOf(Size - _free, percent), Size);
            wish = EventSuppression.Descriptor | position.Word;
        }

        StoreDriverEvents(wish);

        // The other half of the same race: a buffer used before the device saw the wish brings no interrupt, so it has
        // to show in the look behind this (virtio 1.4, 2.8.22).
        FullBarrier(PackedSites.InterruptBarrier);
    }

    /// <inheritdoc/>
    private protected override void AskForNoInterrupt() => StoreDriverEvents(EventSuppression.Disable);

    /// <summary>
    /// Looks whether the device has used the slot where its next used descriptor is due. Found, the slot is the
    /// driver's to read; not found, it is the device's again.
    /// </summary>
    private protected override bool LookForUsed()
    {
        if (_isFound || _batch.Remaining != 0)
        {
            return true;
        }

        // With nothing in flight the slot is not the device's, and there is nothing to look for.
        if (_records.InFlight == 0)
        {
            return false;
        }

        uint slot = _used.Slot;
        if (!_ring.IsCoherent)
        {
            TakeSlotOver(slot);
        }

        if (_used.IsUsed(_ring.LoadFlags(slot)))
        {
            _isFound = true;
            return true;
        }

        _ring.SyncSlotToDevice(slot);
        return false;
    }

    /// <inheritdoc/>
    private protected override void ReleaseMemory(bool quarantine)
    {
        if (quarantine)
        {
            _isTakenBack = true;
            _memory.Quarantine();
        }
        else
        {
            TakeLeftBack();
            _memory.Free();
        }

        _tables?.Release(quarantine);
    }

    /// <inheritdoc/>
    private protected override bool Detach(out int token)
    {
        token = 0;
        TakeLeftBack();
        if (!_records.TryFindInFlight(ref _detachCursor))
        {
            return false;
        }

        _free += _records.Release((ushort)_detachCursor, out token, out _);
        return true;
    }

    /// <summary>Writes a chain's descriptors, all but the flags of the head, and moves on.</summary>
    /// <returns>The flags of the head.</returns>
    private ushort StoreChain(ushort id, ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable)
    {
        RingPosition next = _available;
        ushort headFlags = 0;
        int count = readable.Length + writable.Length;
        for (int i = 0; i < count; i++)
        {
            bool isWritable = i >= readable.Length;
            ushort flags = next.AvailableFlags;
            flags |= isWritable ? DescriptorFlags.Write : (ushort)0;
            flags |= i < count - 1 ? DescriptorFlags.Next : (ushort)0;
            _ring.StoreBody(next.Slot, isWritable ? writable[i - readable.Length] : readable[i], id);
            if (i == 0)
            {
                headFlags = flags;
            }
            else
            {
                _ring.StoreFlags(next.Slot, flags);
            }

            next.Advance(1, Size);
        }

        _available = next;
        return headFlags;
    }

    /// <summary>Writes a chain into its table and the body of the descriptor that leads to it, and moves on.</summary>
    /// <returns>The flags of that descriptor.</returns>
    private ushort StoreIndirect(ushort id, ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable)
    {
        DmaSegment table = _tables!.Store(id, readable, writable);
        _tables.SyncToDevice(id, readable.Length + writable.Length, PackedSites.TableToDevice);
        _ring.StoreBody(_available.Slot, table, id);
        ushort flags = (ushort)(_available.AvailableFlags | DescriptorFlags.Indirect);
        _available.Advance(1, Size);
        return flags;
    }

    /// <summary>
    /// Takes the oldest of the buffers that one used descriptor stands for. The skipped ones were used completely
    /// (virtio 1.4, 2.8.8); they lie in the slots from the one with the used descriptor on.
    /// </summary>
    private bool TakeFromBatch(out int token, out uint writtenBytes)
    {
        uint slot = _used.Slot;
        ushort id = _records.Oldest;
        uint descriptors = (uint)TakeBack(id, out token, out uint writableBytes);
        if (_batch.IsAtStart)
        {
            _ring.SyncUsedFromDevice(slot, descriptors);
        }
        else
        {
            _ring.SyncSkippedFromDevice(slot, descriptors);
        }

        writtenBytes = _batch.Take(id, writableBytes);
        return true;
    }

    /// <summary>Ends a buffer's flight and moves past its descriptors.</summary>
    /// <returns>How many those are.</returns>
    private int TakeBack(ushort id, out int token, out uint writableBytes)
    {
        int tableLength = _records.TableLengthOf(id);
        if (tableLength != 0)
        {
            _tables!.SyncFromDevice(id, tableLength, PackedSites.TableFromDevice);
        }

        int descriptors = _records.Release(id, out token, out writableBytes);
        _used.Advance(descriptors, Size);
        _free += descriptors;
        Used++;
        return descriptors;
    }

    /// <summary>Takes the slot over in which a used descriptor is due, for a look at it.</summary>
    private void TakeSlotOver(uint slot)
    {
        if (_isLookedAt)
        {
            _ring.SyncSlotFromDeviceAgain(slot);
        }
        else
        {
            _isLookedAt = true;
            _ring.SyncSlotFromDevice(slot);
        }
    }

    /// <summary>Takes everything over that a device had when it was reset.</summary>
    private void TakeLeftBack()
    {
        if (_isTakenBack)
        {
            return;
        }

        _isTakenBack = true;
        uint first = _used.Slot;
        uint count = (uint)(Size - _free);
        if (_isLookedAt)
        {
            if (!_isFound)
            {
                _ring.SyncLeftLookFromDevice(first);
            }

            first++;
            count--;
        }

        _ring.SyncLeftFromDevice(first, count);
        _events.SyncLeftFromDevice();
        for (int id = 0; _records.TryFindInFlight(ref id); id++)
        {
            int tableLength = _records.TableLengthOf((ushort)id);
            if (tableLength != 0)
            {
                _tables!.SyncFromDevice((ushort)id, tableLength, PackedSites.LeftTableFromDevice);
            }
        }
    }

    private void StoreDriverEvents(uint wish)
    {
        // The device reads this line all the time: it is written only when it changes.
        if (wish == _driverEvents)
        {
            return;
        }

        _driverEvents = wish;
        _events.SyncDriverAreaFromDevice();
        _events.StoreDriverArea(wish);
        _events.SyncDriverAreaToDevice();
    }
}
