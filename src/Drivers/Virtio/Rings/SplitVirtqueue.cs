using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>A split virtqueue (virtio 1.4, 2.7).</summary>
/// <remarks>
/// <para>
/// A buffer's ID is the first descriptor of its chain. Which descriptors follow is known from private records: the
/// descriptor table is written and never read.
/// </para>
/// <para>See <see cref="Virtqueue"/> for the contract.</para>
/// </remarks>
public sealed class SplitVirtqueue : Virtqueue
{
    /// <summary>
    /// What the parts are aligned to at least: each has one side that writes, so that none shares a cache line.
    /// </summary>
    private const uint LineSize = 64;

    private readonly DmaMemory _memory;
    private readonly SplitDescriptorTable _descriptors;
    private readonly AvailableRing _availableRing;
    private readonly UsedRing _usedRing;
    private readonly BufferRecords _records;
    private readonly IndirectTables? _tables;
    private readonly int _tableLength;
    private readonly uint _availableOffset;
    private readonly uint _usedOffset;
    private readonly uint _mask;
    private readonly bool _hasEventIndex;
    private readonly bool _isInOrder;
    private UsedBatch _batch;
    private ulong _announced;
    private int _free;
    private int _detachCursor;
    private int _waiting;
    private ushort _availableIndex;
    private ushort _usedIndex;
    private ushort _wish;
    private bool _isTakenBack;

    private SplitVirtqueue(
        ushort index,
        ushort size,
        RingFeatures features,
        DmaMemory memory,
        uint availableOffset,
        uint usedOffset,
        IndirectTables? tables)
        : base(index, size, features)
    {
        _memory = memory;
        _availableOffset = availableOffset;
        _usedOffset = usedOffset;
        _tables = tables;
        _tableLength = tables == null ? 0 : tables.Length;
        _mask = size - 1u;
        _hasEventIndex = (features & RingFeatures.EventIdx) != 0;
        _isInOrder = (features & RingFeatures.InOrder) != 0;
        _descriptors = new SplitDescriptorTable(memory);
        _availableRing = new AvailableRing(memory, availableOffset, size, _hasEventIndex);
        _usedRing = new UsedRing(memory, usedOffset, size, _hasEventIndex);
        _records = new BufferRecords(size, areDescriptors: true, _isInOrder);
        _free = size;
        _availableRing.SyncInitially();
        _usedRing.SyncInitially();
    }

    /// <inheritdoc/>
    public override string Format => "split";

    /// <inheritdoc/>
    public override int FreeDescriptors => _free;

    /// <inheritdoc/>
    public override int InFlight => _records.InFlight;

    /// <inheritdoc/>
    public override int IndirectTableLength => _tableLength;

    /// <inheritdoc/>
    public override ulong DescriptorArea => _memory.DeviceAddress;

    /// <inheritdoc/>
    public override ulong DriverArea => _memory.DeviceAddress + _availableOffset;

    /// <inheritdoc/>
    public override ulong DeviceArea => _memory.DeviceAddress + _usedOffset;

    /// <inheritdoc/>
    public override ushort NextAvailable => _availableIndex;

    /// <summary>Creates an empty queue; the parameters were checked.</summary>
    internal static SplitVirtqueue? TryCreate(
        DmaTag dma, ushort index, ushort size, RingFeatures features, int tableLength)
    {
        uint line = Math.Max(dma.HandOverGranularity, LineSize);
        uint availableOffset = RoundUp(size * SplitDescriptorTable.DescriptorSize, line);
        uint usedOffset = availableOffset + RoundUp(AvailableRing.LengthFor(size), line);
        DmaMemory? memory = dma.Allocate(usedOffset + RoundUp(UsedRing.LengthFor(size), line), line);
        return memory == null
            ? null
            : new SplitVirtqueue(
                index,
                size,
                features,
                memory,
                availableOffset,
                usedOffset,
                IndirectTables.TryCreate(dma, size, tableLength, isPacked: false));
    }

    /// <inheritdoc/>
    private protected override AddStatus Add(
        ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable, int token)
    {
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

        ushort head = _records.Take(descriptors, isIndirect ? segments : 0, writableBytes, token, _availableIndex);
        if (isIndirect)
        {
            DmaSegment table = _tables!.Store(head, readable, writable);
            _tables.SyncToDevice(head, segments, SplitSites.TableToDevice);
            _descriptors.Store(head, table, DescriptorFlags.Indirect, 0);
        }
        else
        {
            StoreChain(head, readable, writable);
        }

        _availableRing.StoreEntry(_availableIndex & _mask, head);
        _availableIndex++;
        _availableRing.PublishIndex(_availableIndex);
        _free -= descriptors;
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
        if (!LookForUsed())
        {
            return false;
        }

        ushort head;
        uint writableBytes;
        if (_batch.Remaining == 0)
        {
            uint id = _usedRing.LoadElement(_usedIndex & _mask, out uint length);
            QueueFault fault = _records.Check(id, length);
            if (fault != QueueFault.None)
            {
                MarkBroken(fault);
                return false;
            }

            head = (ushort)id;
            if (!_isInOrder || head == _records.Oldest)
            {
                TakeBack(head, out token, out writableBytes);
                writtenBytes = writableBytes == 0 ? 0 : length;
                return true;
            }

            int count = (ushort)(_records.SequenceOf(head) - _usedIndex) + 1;
            if (count > _waiting)
            {
                MarkBroken(QueueFault.BatchBeyondIndex);
                return false;
            }

            _batch = new UsedBatch(head, length, count);
        }

        // One element stands for several buffers; the skipped ones were used completely (virtio 1.4, 2.7.9).
        head = _records.Oldest;
        TakeBack(head, out token, out writableBytes);
        writtenBytes = _batch.Take(head, writableBytes);
        return true;
    }

    /// <inheritdoc/>
    private protected override bool IsNotificationDue()
    {
        ulong added = Added - _announced;
        if (added == 0)
        {
            return false;
        }

        _announced = Added;

        // The published index must be visible before the look: else the device could find the ring empty, ask for
        // notifications and sleep, while the driver still sees that it wants none (virtio 1.4, 2.7.13.4.1).
        FullBarrier(SplitSites.NotificationBarrier);
        ushort wish = _usedRing.LoadWish();
        return _hasEventIndex ? EventIndex.Split(wish, _availableIndex, added) : (wish & UsedRing.NoNotify) == 0;
    }

    /// <inheritdoc/>
    private protected override void AskForInterrupt(int percent)
    {
        StoreWish(_hasEventIndex ? (ushort)(_usedIndex + DelayOf(_records.InFlight, percent)) : (ushort)0);

        // The other half of the same race: a buffer used before the device saw the wish brings no interrupt, so it has
        // to show in the look behind this (virtio 1.4, 2.7.14).
        FullBarrier(SplitSites.InterruptBarrier);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// With EVENT_IDX there is no way to say never. The entry behind the last one is 65535 entries away, which is as
    /// far as it goes.
    /// </remarks>
    private protected override void AskForNoInterrupt() =>
        StoreWish(_hasEventIndex ? (ushort)(_usedIndex - 1) : AvailableRing.NoInterrupt);

    /// <summary>Looks whether the index of the used ring counts a buffer that was not taken yet.</summary>
    private protected override bool LookForUsed()
    {
        if (_waiting != 0)
        {
            return true;
        }

        if (_records.InFlight == 0)
        {
            return false;
        }

        int waiting = (ushort)(_usedRing.LoadIndex() - _usedIndex);
        if (waiting > _records.InFlight)
        {
            MarkBroken(QueueFault.IndexBeyondInFlight);
            return false;
        }

        _waiting = waiting;
        return waiting != 0;
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

    private static uint RoundUp(uint length, uint alignment) => (length + alignment - 1) & ~(alignment - 1);

    /// <summary>Writes a chain into the descriptors that were taken for it.</summary>
    private void StoreChain(ushort head, ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable)
    {
        ushort descriptor = head;
        int count = readable.Length + writable.Length;
        for (int i = 0; i < count; i++)
        {
            bool isWritable = i >= readable.Length;
            bool isLast = i == count - 1;
            ushort next = _records.Next(descriptor);
            ushort flags = isWritable ? DescriptorFlags.Write : (ushort)0;
            flags |= isLast ? (ushort)0 : DescriptorFlags.Next;
            _descriptors.Store(
                descriptor, isWritable ? writable[i - readable.Length] : readable[i], flags, isLast ? (ushort)0 : next);
            descriptor = next;
        }
    }

    /// <summary>Ends a buffer's flight and moves past it.</summary>
    private void TakeBack(ushort head, out int token, out uint writableBytes)
    {
        int tableLength = _records.TableLengthOf(head);
        if (tableLength != 0)
        {
            _tables!.SyncFromDevice(head, tableLength, SplitSites.TableFromDevice);
        }

        int descriptors = _records.DescriptorsOf(head);
        ushort descriptor = head;
        for (int i = 0; i < descriptors && !_memory.IsCoherent; i++)
        {
            _descriptors.SyncFromDevice(descriptor);
            descriptor = _records.Next(descriptor);
        }

        _free += _records.Release(head, out token, out writableBytes);
        _usedIndex++;
        _waiting--;
        Used++;
    }

    /// <summary>Takes everything over that a device had when it was reset.</summary>
    private void TakeLeftBack()
    {
        if (_isTakenBack)
        {
            return;
        }

        _isTakenBack = true;
        _availableRing.SyncLeftFromDevice();
        _usedRing.SyncLeftFromDevice();
        for (int id = 0; _records.TryFindInFlight(ref id); id++)
        {
            ushort descriptor = (ushort)id;
            int tableLength = _records.TableLengthOf(descriptor);
            if (tableLength != 0)
            {
                _tables!.SyncFromDevice(descriptor, tableLength, SplitSites.LeftTableFromDevice);
            }

            int count = _records.DescriptorsOf(descriptor);
            for (int i = 0; i < count; i++)
            {
                _descriptors.SyncLeftFromDevice(descriptor);
                descriptor = _records.Next(descriptor);
            }
        }
    }

    private void StoreWish(ushort wish)
    {
        // The device reads this line all the time: it is written only when it changes.
        if (wish != _wish)
        {
            _wish = wish;
            _availableRing.StoreWish(wish);
        }
    }
}
