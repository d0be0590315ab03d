using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings.Packed;

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
    private readonly PackedDescriptorRing _ring;
    private readonly EventSuppression _events;
    private RingPosition _available = RingPosition.Start;
    private RingPosition _used = RingPosition.Start;
    private uint _announced = EventSuppression.Descriptor | RingPosition.Start.Word;
    private ulong _unannouncedRest;
    private bool _isLookedAt;
    private bool _isFound;

    /// <summary>Creates an empty queue; the parameters were checked.</summary>
    internal PackedVirtqueue(
        ushort index, ushort size, Features features, QueueMemory memory, PreparedChains? chains)
        : base(
            index,
            size,
            features,
            memory,
            new BufferRecords(size, areDescriptors: false, (features & Features.InOrder) != 0),
            chains)
    {
        _ring = new PackedDescriptorRing(memory.Memory, size);
        _events = new EventSuppression(memory.Memory, memory.DriverArea, memory.DeviceArea);
        _ring.SyncInitially();
        _events.SyncInitially();
    }

    /// <inheritdoc/>
    public override string Format => "packed";

    /// <inheritdoc/>
    public override ushort NextAvailable => (ushort)_available.Word;

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

        _unannouncedRest += (uint)count - 1;
        _ring.Publish(head, flags, (uint)count);
        _available = next;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override void PublishTable(ushort id, DmaSegment table)
    {
        uint head = _available.Slot;
        _ring.StoreHeadBody(head, table, id);
        _ring.Publish(head, (ushort)(_available.AvailableFlags | DescriptorFlags.Indirect), 1);
        _available.Advance(1, Size);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override void PublishPlain(ushort id, in DmaSegment segment, ushort flags)
    {
        RingPosition next = _available;
        PackedDescriptor head = _ring[next.Slot];
        head.StoreBody(segment, id);
        head.StoreFlags((ushort)(next.AvailableFlags | flags));
        next.Advance(1, Size);
        _available = next;
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

        if (_used.IsUsed(_ring[slot].LoadFlags()))
        {
            _isFound = true;
            RememberFound();
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

        PackedDescriptor descriptor = _ring[_used.Slot];
        id = descriptor.LoadId();
        length = descriptor.LoadLength();
        return true;
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Skipped buffers lie in the slots from the one with the used descriptor on (virtio 1.4, 2.8.8).
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override void AdvanceUsed(ushort id, int descriptors, bool isSkipped)
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
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override int TakePlain(Span<UsedBuffer> buffers, ref uint anyTrailer)
    {
        // Only this much goes to locals: there are registers for no more, and what has none costs twice.
        BufferRecords all = Records;
        BufferRecord[] records = all.All;
        RingPosition used = _used;
        int count = 0;
        for (; count < buffers.Length; count++)
        {
            PackedDescriptor descriptor = _ring[used.Slot];
            if (!used.IsUsed(descriptor.LoadFlags()))
            {
                break;
            }

            uint id = descriptor.LoadId();
            uint length = descriptor.LoadLength();
            uint descriptors = 0;
            if (!BufferRecords.IsUsual(records, id, ref length, ref descriptors))
            {
                RememberFound();
                break;
            }

            ref BufferRecord record = ref records[id];
            used.Advance(descriptors, Size);
            FreeDescriptors += (int)descriptors;
            all.Return((ushort)id, ref record, ref record);
            byte trailer = Trailers[id];
            anyTrailer |= trailer;
            buffers[count] = new UsedBuffer(record.Token, length, (ushort)id, trailer);
        }

        _used = used;
        Used += (uint)count;
        return count;
    }

    /// <inheritdoc/>
    private protected override int TakePlainTokens(Span<int> tokens)
    {
        BufferRecords all = Records;
        BufferRecord[] records = all.All;
        RingPosition used = _used;
        int count = 0;
        uint freed = 0;
        for (; count < tokens.Length; count++)
        {
            PackedDescriptor descriptor = _ring[used.Slot];
            if (!used.IsUsed(descriptor.LoadFlags()))
            {
                break;
            }

            uint id = descriptor.LoadId();
            if (!BufferRecords.IsKnown(records, id))
            {
                RememberFound();
                break;
            }

            ref BufferRecord record = ref records[id];
            uint descriptors = record.Descriptors;
            used.Advance(descriptors, Size);
            freed += descriptors;
            all.Return((ushort)id, ref record, ref record);
            tokens[count] = record.Token;
        }

        _used = used;
        Used += (uint)count;
        FreeDescriptors += (int)freed;
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
        (ushort)(place.AvailableFlags | flags | (left != 0 ? DescriptorFlags.Next : 0u));

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

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override bool IsNotificationWanted(ulong added)
    {
        // The published flags must be visible before the look: else the device could find the ring empty, enable
        // notifications and sleep, while the driver still sees them disabled (virtio 1.4, 2.8.21.2).
        FullBarrier(PackedSites.NotificationBarrier);
        return _ring.IsCoherent ? IsWanted(_events.LoadCoherentDeviceArea(), added) : TakeSuppressionOver(added);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override void AskForInterrupt(int percent)
    {
        uint wanted = EventSuppression.Enable;
        if (HasEventIndex)
        {
            RingPosition position = _used;
            if (percent != 0)
            {
                position.Advance((uint)DelayOf(Size - FreeDescriptors, percent), Size);
            }

            wanted = EventSuppression.Descriptor | position.Word;
        }

        ChangeSuppression(wanted);

        // The other half of the same race: a buffer used before the device saw that brings no interrupt, so it has
        // to show in the look behind this (virtio 1.4, 2.8.22).
        FullBarrier(PackedSites.InterruptBarrier);
    }

    /// <inheritdoc/>
    private protected override void AskForNoInterrupt() => ChangeSuppression(EventSuppression.Disable);

    /// <inheritdoc/>
    private protected override void StoreSuppression(uint value) => _events.StoreDriverArea(value);

    /// <summary>Whether the device asks to be notified of what was added since the last time.</summary>
    /// <param name="suppression">What it says of that.</param>
    /// <param name="added">How many buffers that is.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsWanted(uint suppression, ulong added)
    {
        uint announced = _announced;
        _announced = EventSuppression.Descriptor | _available.Word;

        // Most often the device has taken all that it was told of, and waits for the next.
        bool isWanted = suppression == announced || IsPassed(suppression, added + _unannouncedRest);
        _unannouncedRest = 0;
        return isWanted;
    }

    /// <summary>Whether the device asks to be notified of the newest descriptors.</summary>
    /// <remarks>
    /// Every value but one asks for it, the reserved one included: a notification too many is harmless, a missing one
    /// is a hang.
    /// </remarks>
    private bool IsPassed(uint suppression, ulong descriptors)
    {
        uint flags = suppression & EventSuppression.FlagsMask;
        return flags == EventSuppression.Descriptor && HasEventIndex
            ? EventIndex.Packed(
                (ushort)suppression, (ushort)_available.Slot, _available.WrapCounter, Size, descriptors)
            : flags != EventSuppression.Disable;
    }

    // What is not needed on coherent memory stays out of line, so that nothing but a branch is in the way there.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TakeSuppressionOver(ulong added) => IsWanted(_events.LoadDeviceArea(), added);
}
