using System;
using System.Buffers.Binary;
using System.Numerics;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Hal;

namespace VirtioGuest.Devices.Rings;

/// <summary>The device's side of a split virtqueue (virtio 1.4, 2.7).</summary>
public sealed class SplitDeviceQueue : DeviceQueue
{
    private const uint DescriptorLength = 16;
    private const uint LengthField = 8;
    private const uint FlagsField = 12;
    private const uint NextField = 14;

    private const uint IndexField = 2;
    private const uint RingField = 4;
    private const uint UsedElementLength = 8;
    private const ushort NoNotification = 1;

    private readonly GuestArea _descriptors;
    private readonly GuestArea _availableRing;
    private readonly GuestArea _usedRing;
    private ushort _available;
    private ushort _used;
    private uint _nextInRing;

    private SplitDeviceQueue(
        GuestMemory memory, GuestArea descriptors, GuestArea available, GuestArea used, int size, ulong features)
        : base(memory, size, features, size)
    {
        _descriptors = descriptors;
        _availableRing = available;
        _usedRing = used;
    }

    /// <inheritdoc/>
    public override RingPosition NextAvailable =>
        new RingPosition((ushort)(_available & 0x7FFF), (_available & 0x8000) != 0);

    /// <inheritdoc/>
    internal override uint VhostBase
    {
        get => _available;
        set => _available = _used = (ushort)value;
    }

    /// <inheritdoc/>
    private protected override uint UsedPlace => _used;

    private uint UsedEventField => RingField + (2 * (uint)Size);

    private uint AvailableEventField => RingField + (UsedElementLength * (uint)Size);

    /// <inheritdoc/>
    /// <remarks>The ring itself says how far it was used.</remarks>
    private protected override void ResumeAt(uint place, int slots) => VhostBase = _usedRing.Load16(IndexField);

    /// <summary>Opens a split queue, whose size is a power of two up to 32768.</summary>
    internal static SplitDeviceQueue? TryOpenSplit(
        GuestMemory memory, QueueAreas areas, int size, ulong features, out QueueError error)
    {
        if (size < 1 || size > LargestSize || !BitOperations.IsPow2(size))
        {
            error = QueueError.SizeInvalid;
            return null;
        }

        if (!IsAligned(areas.Descriptor, 16) || !IsAligned(areas.Driver, 2) || !IsAligned(areas.Device, 4))
        {
            error = QueueError.AreaMisaligned;
            return null;
        }

        // The event fields behind the rings exist only where EVENT_IDX was negotiated.
        uint count = (uint)size;
        uint events = (features & FeatureBit.EventIndex) != 0 ? 2u : 0;
        uint usedLength = RingField + (UsedElementLength * count) + events;
        GuestArea? descriptors = memory.TryMap(areas.Descriptor, count * DescriptorLength, GuestAccess.Read);
        GuestArea? available = memory.TryMap(areas.Driver, RingField + (2 * count) + events, GuestAccess.Read);
        GuestArea? used = memory.TryMap(areas.Device, usedLength, GuestAccess.Write);
        if (descriptors == null || available == null || used == null)
        {
            error = QueueError.AreaUnreachable;
            return null;
        }

        error = QueueError.None;
        return new SplitDeviceQueue(memory, descriptors, available, used, size, features);
    }

    /// <inheritdoc/>
    public override bool HasAvailable()
    {
        ushort index = _availableRing.LoadAcquire16(IndexField, DeviceSites.SplitLoadAvailableIndex);
        ushort ahead = (ushort)(index - _available);
        if (ahead > Size)
        {
            Break(QueueError.AvailableIndexJump);
            return false;
        }

        return ahead != 0;
    }

    /// <inheritdoc/>
    public override void SuppressNotifications()
    {
        // With event indices flags stay 0: an index that lies behind is all the suppression there is (2.7.10.2).
        if (!HasEventIndex)
        {
            _usedRing.Store16(0, NoNotification);
        }
    }

    /// <inheritdoc/>
    public override bool EnableNotifications()
    {
        if (HasEventIndex)
        {
            _usedRing.Store16(AvailableEventField, _available);
        }
        else
        {
            _usedRing.Store16(0, 0);
        }

        // The driver publishes and then reads this; here is the other half of that handshake.
        Barriers.Full(DeviceSites.SplitAfterEnable);
        return HasAvailable();
    }

    private protected override QueueError Take(DeviceChain chain)
    {
        ushort head = _availableRing.Load16(RingField + (2 * (_available % (uint)Size)));
        if (head >= Size)
        {
            return QueueError.DescriptorOutOfRange;
        }

        if (IsStrict && IsInOrder && head != _nextInRing)
        {
            return QueueError.OutOfRingOrder;
        }

        uint index = head;
        for (int visited = 0; ; visited++)
        {
            if (visited == Size)
            {
                return QueueError.Loop;
            }

            uint at = index * DescriptorLength;
            ulong address = _descriptors.Load64(at);
            uint length = _descriptors.Load32(at + LengthField);
            ushort flags = _descriptors.Load16(at + FlagsField);
            ushort next = _descriptors.Load16(at + NextField);
            QueueError error = TakeDescriptor(chain, address, length, flags);
            if (error != QueueError.None)
            {
                return error;
            }

            uint following = (index + 1) % (uint)Size;
            if ((flags & DescriptorFlags.Next) == 0)
            {
                _nextInRing = following;
                break;
            }

            if (next >= Size)
            {
                return QueueError.DescriptorOutOfRange;
            }

            if (IsStrict && IsInOrder && next != following)
            {
                return QueueError.OutOfRingOrder;
            }

            index = next;
        }

        chain.Id = head;
        chain.Slots = 1;
        _available++;
        return QueueError.None;
    }

    private protected override void Untake(DeviceChain chain)
    {
        _available--;
        _nextInRing = chain.Id;
    }

    private protected override int SlotsOf(DeviceChain chain) => 1;

    private protected override bool WriteUsed(ReadOnlySpan<UsedEntry> entries)
    {
        ushort index = _used;
        foreach (UsedEntry entry in entries)
        {
            uint at = RingField + (UsedElementLength * (index % (uint)Size));
            _usedRing.Store32(at, entry.Id);
            _usedRing.Store32(at + 4, entry.Length);
            index = (ushort)(index + entry.Slots);
        }

        ushort before = _used;
        _used = index;
        _usedRing.StoreRelease16(IndexField, index, DeviceSites.SplitStoreUsedIndex);
        Barriers.Full(DeviceSites.SplitBeforeUsedEvent);
        if (IsStrict && HasEventIndex && _availableRing.Load16(0) != 0)
        {
            Break(QueueError.SuppressionNotNegotiated);
        }

        return HasEventIndex
            ? EventTest.Split(_availableRing.Load16(UsedEventField), index, before)
            : (_availableRing.Load16(0) & NoNotification) == 0;
    }

    private QueueError TakeDescriptor(DeviceChain chain, ulong address, uint length, ushort flags)
    {
        const int Known = DescriptorFlags.Next | DescriptorFlags.Write | DescriptorFlags.Indirect;
        if (IsStrict && (flags & ~Known) != 0)
        {
            return QueueError.ReservedFlags;
        }

        if ((flags & DescriptorFlags.Indirect) == 0)
        {
            return chain.Add(new ChainElement(address, length, (flags & DescriptorFlags.Write) != 0), ChainLimit);
        }

        if (!HasIndirect)
        {
            return QueueError.IndirectNotNegotiated;
        }

        return (flags & DescriptorFlags.Next) != 0 ? QueueError.IndirectWithNext : TakeTable(chain, address, length);
    }

    private QueueError TakeTable(DeviceChain chain, ulong address, uint length)
    {
        if (length == 0 || length % DescriptorLength != 0)
        {
            return QueueError.IndirectTableSize;
        }

        chain.IsIndirect = true;
        uint count = length / DescriptorLength;
        Span<byte> descriptor = stackalloc byte[(int)DescriptorLength];
        uint index = 0;
        for (uint visited = 0; visited < count; visited++)
        {
            if (!TryReadTable(address + (index * DescriptorLength), descriptor))
            {
                return QueueError.BufferUnreachable;
            }

            ushort flags = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[(int)FlagsField..]);
            if ((flags & DescriptorFlags.Indirect) != 0)
            {
                return QueueError.IndirectNested;
            }

            ChainElement element = new ChainElement(
                BinaryPrimitives.ReadUInt64LittleEndian(descriptor),
                BinaryPrimitives.ReadUInt32LittleEndian(descriptor[(int)LengthField..]),
                (flags & DescriptorFlags.Write) != 0);
            const int Known = DescriptorFlags.Next | DescriptorFlags.Write;
            QueueError error = Strictly((flags & ~Known) != 0, QueueError.ReservedFlags);
            error = error != QueueError.None ? error : chain.Add(element, ChainLimit);
            if (error != QueueError.None)
            {
                return error;
            }

            if ((flags & DescriptorFlags.Next) == 0)
            {
                return Strictly(visited + 1 < count, QueueError.TableNotFilled);
            }

            uint before = index;
            index = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[(int)NextField..]);
            if (index >= count)
            {
                return QueueError.DescriptorOutOfRange;
            }

            if (IsStrict && IsInOrder && index != before + 1)
            {
                return QueueError.OutOfRingOrder;
            }
        }

        return QueueError.Loop;
    }
}
