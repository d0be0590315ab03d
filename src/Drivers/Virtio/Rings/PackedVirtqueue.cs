using System;
using System.Runtime.CompilerServices;
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
public sealed partial class PackedVirtqueue : Virtqueue
{
    private readonly PackedDescriptorRing _ring;
    private readonly EventSuppression _events;
    private RingPosition _available = RingPosition.Start;
    private RingPosition _used = RingPosition.Start;
    private uint _announced = EventSuppression.Descriptor | RingPosition.Start.Word;
    private ulong _unannounced;
    private bool _isLookedAt;
    private bool _isFound;

    private PackedVirtqueue(
        ushort index, ushort size, RingFeatures features, QueueMemory memory, IndirectTables? tables)
        : base(
            index,
            size,
            features,
            memory,
            new BufferRecords(size, areDescriptors: false, (features & RingFeatures.InOrder) != 0),
            tables)
    {
        _ring = new PackedDescriptorRing(memory.Memory, size);
        _events = new EventSuppression(memory.Memory, memory.DriverArea, memory.DeviceArea);
        _ring.SyncInitially();
        _events.SyncInitially();
    }

    /// <inheritdoc/>
    public override string Format => "packed";

    /// <inheritdoc/>
    public override ushort NextAvailable => _available.Word;

    /// <summary>Creates an empty queue; the parameters were checked.</summary>
    internal static PackedVirtqueue? TryCreate(
        DmaTag dma, ushort index, ushort size, RingFeatures features, int tableLength)
    {
        return QueueMemory.TryAllocatePacked(dma, size, out QueueMemory memory)
            ? new PackedVirtqueue(
                index, size, features, memory, IndirectTables.TryCreate(dma, size, tableLength, isPacked: true))
            : null;
    }

    /// <inheritdoc/>
    private protected override void Publish(
        ushort id, ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable)
    {
        RingPosition next = _available;
        int count = readable.Length + writable.Length;
        bool isWritable = readable.Length == 0;
        ushort flags = FlagsOf(next, isWritable ? DescriptorFlags.Write : (ushort)0, count - 1);
        uint head = next.Slot;
        _ring.StoreHeadBody(head, isWritable ? writable[0] : readable[0], id);
        next.Advance(1, Size);
        if (count > 1)
        {
            StoreBehindHead(
                ref next, id, isWritable ? readable : readable.Slice(1), isWritable ? writable.Slice(1) : writable);
        }

        _unannounced += (uint)count;
        _ring.Publish(head, flags, (uint)count);
        _available = next;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override void PublishTable(ushort id, DmaSegment table)
    {
        uint head = _available.Slot;
        _ring.StoreHeadBody(head, table, id);
        _unannounced++;
        _ring.Publish(head, (ushort)(_available.AvailableFlags | DescriptorFlags.Indirect), 1);
        _available.Advance(1, Size);
    }

    /// <inheritdoc/>
    /// <remarks>Found, the slot is the driver's to read; not found, it is the device's again.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override bool LookForUsed()
    {
        if (_isFound)
        {
            return true;
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
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override bool TryLoadUsed(out uint id, out uint length)
    {
        if (!LookForUsed())
        {
            id = 0;
            length = 0;
            return false;
        }

        uint slot = _used.Slot;
        id = _ring.LoadId(slot);
        length = _ring.LoadLength(slot);
        return true;
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Skipped buffers lie in the slots from the one with the used descriptor on (virtio 1.4, 2.8.8).
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override void Pass(ushort id, int descriptors, bool isSkipped)
    {
        uint slot = _used.Slot;
        if (isSkipped)
        {
            _ring.SyncSkippedFromDevice(slot, (uint)descriptors);
        }
        else
        {
            _isFound = false;
            _isLookedAt = false;
            _ring.SyncUsedFromDevice(slot, (uint)descriptors);
        }

        _used.Advance((uint)descriptors, Size);
    }

    /// <inheritdoc/>
    private protected override int TakeRow(Span<UsedBuffer> buffers)
    {
        // What a look has found counts, even where the device takes it back: else it could keep its driver looking.
        if (_isFound)
        {
            return TakeOneByOne(buffers);
        }

        BufferRecords records = Records;
        RingPosition used = _used;
        int size = Size;
        int count = 0;
        while (count < buffers.Length && FreeDescriptors != size && used.IsUsed(_ring.LoadFlags(used.Slot)))
        {
            ushort id = _ring.LoadId(used.Slot);
            uint length = _ring.LoadLength(used.Slot);
            if (!records.IsUsual(id, length))
            {
                _used = used;
                Used += (uint)count;
                return count + TakeOneByOne(buffers.Slice(count));
            }

            ref BufferRecord record = ref records[id];
            int descriptors = record.Descriptors;
            buffers[count++] = new UsedBuffer(record.Token, Written(length, record.WritableBytes), id);
            records.Return(id, ref record, ref record);
            used.Advance((uint)descriptors, (uint)size);
            FreeDescriptors += descriptors;
        }

        _used = used;
        Used += (uint)count;
        return count;
    }

    /// <inheritdoc/>
    private protected override void TakeRingsBack()
    {
        uint first = _used.Slot;
        uint count = (uint)(Size - FreeDescriptors);
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
    }

    /// <summary>The flags of a descriptor at a place, with so many behind it in its chain.</summary>
    private static ushort FlagsOf(in RingPosition place, ushort flags, int left) =>
        (ushort)(place.AvailableFlags | flags | (left != 0 ? DescriptorFlags.Next : 0));

    /// <summary>Writes the descriptors of a chain behind its head, and moves on.</summary>
    private void StoreBehindHead(
        ref RingPosition next, ushort id, ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable)
    {
        int left = readable.Length + writable.Length;
        for (int i = 0; i < readable.Length; i++)
        {
            _ring.StoreBehindHead(next.Slot, readable[i], id, FlagsOf(next, 0, --left));
            next.Advance(1, Size);
        }

        for (int i = 0; i < writable.Length; i++)
        {
            _ring.StoreBehindHead(next.Slot, writable[i], id, FlagsOf(next, DescriptorFlags.Write, --left));
            next.Advance(1, Size);
        }
    }

    /// <summary>Takes the slot over in which a used descriptor is due, for a look at it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
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
}
