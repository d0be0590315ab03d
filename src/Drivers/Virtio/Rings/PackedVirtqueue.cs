using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// A packed virtqueue with direct descriptor chains (virtio 1.4, 2.8).
/// </summary>
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
    /// <summary>The largest queue size of the format (virtio 1.4, 2.8).</summary>
    public const int MaximumSize = 32768;

    /// <summary>What the rings and areas are aligned to, so that no two of them share a cache line.</summary>
    private const uint LineSize = 64;

    private readonly DmaMemory _memory;
    private readonly PackedDescriptorRing _ring;
    private readonly EventSuppression _events;
    private readonly BufferRecords _records;
    private readonly uint _driverAreaOffset;
    private RingPosition _available;
    private RingPosition _used;
    private int _free;
    private int _detachCursor;
    private bool _hasUnannounced;
    private bool _interruptsEnabled;

    private PackedVirtqueue(ushort index, ushort size, DmaMemory memory, uint driverAreaOffset)
        : base(index, size)
    {
        _memory = memory;
        _driverAreaOffset = driverAreaOffset;
        _ring = new PackedDescriptorRing(memory, size);
        _events = new EventSuppression(memory, driverAreaOffset, driverAreaOffset + LineSize);
        _records = new BufferRecords(size);
        _available = new RingPosition(wrapCounter: true);
        _used = new RingPosition(wrapCounter: true);
        _free = size;
        _interruptsEnabled = true;
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
    public override ulong DescriptorArea => _memory.DeviceAddress;

    /// <inheritdoc/>
    public override ulong DriverArea => _memory.DeviceAddress + _driverAreaOffset;

    /// <inheritdoc/>
    public override ulong DeviceArea => _memory.DeviceAddress + _driverAreaOffset + LineSize;

    /// <summary>Creates an empty queue, with used buffer notifications enabled.</summary>
    /// <param name="dma">Where its memory comes from.</param>
    /// <param name="index">The virtqueue index at its device.</param>
    /// <param name="size">The number of descriptors, 1 to 32768; it need not be a power of two.</param>
    /// <returns>The queue, or null where no memory is left.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The size is out of range.</exception>
    public static PackedVirtqueue? TryCreate(DmaTag dma, ushort index, int size)
    {
        if (size < 1 || size > MaximumSize)
        {
            throw new ArgumentOutOfRangeException(nameof(size));
        }

        uint ringBytes = (uint)size * PackedDescriptorRing.DescriptorSize;
        uint driverAreaOffset = (ringBytes + LineSize - 1) & ~(LineSize - 1);
        DmaMemory? memory = dma.Allocate(driverAreaOffset + (2 * LineSize), LineSize);
        return memory == null ? null : new PackedVirtqueue(index, (ushort)size, memory, driverAreaOffset);
    }

    /// <inheritdoc/>
    public override AddStatus TryAdd(
        ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable, int token)
    {
        int count = readable.Length + writable.Length;
        if (!IsUsable)
        {
            return AddStatus.Unusable;
        }

        // Everything is checked before the first store: a later slot of a chain that was given up would carry flags
        // that make it available as soon as the device reaches it behind some other buffer.
        if (count == 0 || (uint)count > Size || !TryMeasure(readable, writable, out uint writableBytes))
        {
            return AddStatus.Invalid;
        }

        if (count > _free)
        {
            return AddStatus.Full;
        }

        ushort id = _records.Take(count, writableBytes, token);
        RingPosition head = _available;
        RingPosition next = head;
        ushort headFlags = 0;
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

        _ring.SyncBodiesToDevice(head.Slot, (uint)count);
        _ring.PublishHead(head.Slot, headFlags);
        _ring.SyncHeadToDevice(head.Slot);

        _available = next;
        _free -= count;
        _hasUnannounced = true;
        Added++;
        return AddStatus.Ok;
    }

    /// <inheritdoc/>
    public override bool TryGetUsed(out int token, out uint writtenBytes)
    {
        token = 0;
        writtenBytes = 0;
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

        int count = _records.Release(id, out token, out uint writableBytes);
        _ring.SyncDescriptorsFromDevice(slot, (uint)count);
        _used.Advance(count, Size);
        _free += count;
        writtenBytes = writableBytes == 0 ? 0 : length;
        Used++;
        return true;
    }

    /// <inheritdoc/>
    public override bool NeedsNotification()
    {
        if (!_hasUnannounced || !IsUsable)
        {
            return false;
        }

        _hasUnannounced = false;

        // The published flags must be visible before the look: else the device could find the ring empty, enable
        // notifications and sleep, while the driver still sees them disabled (virtio 1.4, 2.8.21.2).
        Barriers.Full();
        _events.SyncDeviceAreaFromDevice();
        bool disabled = _events.LoadDeviceDisables();
        _events.SyncDeviceAreaToDevice();
        if (disabled)
        {
            return false;
        }

        Notifications++;
        return true;
    }

    /// <inheritdoc/>
    public override bool EnableInterrupts()
    {
        StoreDriverEvents(enabled: true);

        // The other half of the same race: a buffer used before the device saw the flags brings no interrupt, so it has
        // to show in this look (virtio 1.4, 2.8.22).
        Barriers.Full();
        if (!LookForUsed())
        {
            return false;
        }

        _ring.SyncSlotToDevice(_used.Slot);
        return true;
    }

    /// <inheritdoc/>
    public override void DisableInterrupts() => StoreDriverEvents(enabled: false);

    /// <inheritdoc/>
    protected override void ReleaseCore(bool quarantine)
    {
        if (quarantine)
        {
            _memory.Quarantine();
        }
        else
        {
            _memory.Free();
        }
    }

    /// <inheritdoc/>
    protected override bool TryDetachCore(out int token)
    {
        token = 0;
        if (!_records.TryFindInFlight(ref _detachCursor))
        {
            return false;
        }

        _free += _records.Release((ushort)_detachCursor, out token, out _);
        return true;
    }

    /// <summary>Adds up a buffer.</summary>
    /// <returns>False when a segment is empty, or when the whole does not fit the 32 bits of a used length.</returns>
    private static bool TryMeasure(
        ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable, out uint writableBytes)
    {
        bool isWhole = TrySum(readable, out ulong readableTotal) & TrySum(writable, out ulong writableTotal);
        writableBytes = (uint)writableTotal;
        return isWhole && readableTotal + writableTotal <= uint.MaxValue;
    }

    private static bool TrySum(ReadOnlySpan<DmaSegment> segments, out ulong total)
    {
        total = 0;
        for (int i = 0; i < segments.Length; i++)
        {
            if (segments[i].Length == 0)
            {
                return false;
            }

            total += segments[i].Length;
        }

        return true;
    }

    /// <summary>
    /// Looks whether the device has used the slot where its next used descriptor is due. Found, the slot is the
    /// driver's to read; not found, it is the device's again.
    /// </summary>
    private bool LookForUsed()
    {
        // With nothing in flight the slot is not the device's, and there is nothing to look for.
        if (_records.InFlight == 0 || !IsUsable)
        {
            return false;
        }

        _ring.SyncSlotFromDevice(_used.Slot);
        if (_used.IsUsed(_ring.LoadFlags(_used.Slot)))
        {
            return true;
        }

        _ring.SyncSlotToDevice(_used.Slot);
        return false;
    }

    private void StoreDriverEvents(bool enabled)
    {
        // The device reads this line all the time: it is written only when it changes.
        if (enabled == _interruptsEnabled || !IsUsable)
        {
            return;
        }

        _interruptsEnabled = enabled;
        _events.SyncDriverAreaFromDevice();
        _events.StoreDriverFlags(enabled ? EventSuppression.Enable : EventSuppression.Disable);
        _events.SyncDriverAreaToDevice();
    }
}
