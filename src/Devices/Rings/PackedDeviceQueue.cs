using System;
using System.Buffers.Binary;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Hal;

namespace VirtioGuest.Devices.Rings;

/// <summary>The device's side of a packed virtqueue (virtio 1.4, 2.8).</summary>
/// <remarks>
/// A position counts descriptors through two rounds of the ring: its slot is what remains modulo the size, and the wrap
/// counter is 1 in the first round and 0 in the second.
/// </remarks>
public sealed class PackedDeviceQueue : DeviceQueue
{
    private const uint DescriptorLength = 16;
    private const uint LengthField = 8;
    private const uint IdField = 12;
    private const uint FlagsField = 14;

    private const uint EventFlagsField = 2;
    private const uint EventLength = 4;
    private const ushort EventWrap = 1 << 15;
    private const ushort EventFlagsMask = 3;
    private const ushort EventEnable = 0;
    private const ushort EventDisable = 1;
    private const ushort EventDescriptor = 2;

    private readonly GuestArea _descriptors;
    private readonly GuestArea _driverEvent;
    private readonly GuestArea _deviceEvent;
    private int _available;
    private int _used;
    private int _held;

    private PackedDeviceQueue(
        GuestMemory memory,
        GuestArea descriptors,
        GuestArea driverEvent,
        GuestArea deviceEvent,
        int size,
        ulong features)
        : base(memory, size, features, ushort.MaxValue + 1)
    {
        _descriptors = descriptors;
        _driverEvent = driverEvent;
        _deviceEvent = deviceEvent;
    }

    /// <summary>
    /// Whether used descriptors carry WRITE where something was written (virtio 1.4, 2.8.3). QEMU never sets it.
    /// </summary>
    public bool MarksWritten { get; set; } = true;

    /// <summary>
    /// Whether used descriptors keep all flags that the driver wrote into the slot, NEXT and WRITE among them, and only
    /// USED changes, as kvm-host does it. It needs buffers used in order and each by an entry of its own.
    /// </summary>
    public bool KeepsFlags { get; set; }

    /// <inheritdoc/>
    public override RingPosition NextAvailable => new RingPosition((ushort)SlotOf(_available), WrapOf(_available));

    /// <inheritdoc/>
    internal override uint VhostBase
    {
        get => PlaceOf(_available) | (PlaceOf(_used) << 16);
        set
        {
            _available = PositionOf(value & 0xFFFF);
            _used = PositionOf(value >> 16);
        }
    }

    /// <inheritdoc/>
    private protected override uint UsedPlace => PlaceOf(_used);

    /// <inheritdoc/>
    private protected override void ResumeAt(uint place, int slots)
    {
        int position = PositionOf(place);
        ushort flags = _descriptors.LoadAcquire16(FieldOf(position, FlagsField), DeviceSites.PackedLoadAvailableFlags);
        bool isUsed = slots != 0 && ((flags & DescriptorFlags.Used) != 0) == WrapOf(position);
        _used = _available = isUsed ? Advance(position, slots) : position;
    }

    /// <summary>Opens a packed queue of any size from 1 to 32768.</summary>
    internal static PackedDeviceQueue? TryOpenPacked(
        GuestMemory memory, QueueAreas areas, int size, ulong features, out QueueError error)
    {
        if (size < 1 || size > LargestSize)
        {
            error = QueueError.SizeInvalid;
            return null;
        }

        if (!IsAligned(areas.Descriptor, 16) || !IsAligned(areas.Driver, 4) || !IsAligned(areas.Device, 4))
        {
            error = QueueError.AreaMisaligned;
            return null;
        }

        uint length = (uint)size * DescriptorLength;
        GuestArea? descriptors = memory.TryMap(areas.Descriptor, length, GuestAccess.ReadWrite);
        GuestArea? driverEvent = memory.TryMap(areas.Driver, EventLength, GuestAccess.Read);
        GuestArea? deviceEvent = memory.TryMap(areas.Device, EventLength, GuestAccess.Write);
        if (descriptors == null || driverEvent == null || deviceEvent == null)
        {
            error = QueueError.AreaUnreachable;
            return null;
        }

        error = QueueError.None;
        return new PackedDeviceQueue(memory, descriptors, driverEvent, deviceEvent, size, features);
    }

    /// <inheritdoc/>
    public override bool HasAvailable()
    {
        uint at = FieldOf(_available, FlagsField);
        return IsAvailable(_descriptors.LoadAcquire16(at, DeviceSites.PackedLoadAvailableFlags), _available);
    }

    /// <inheritdoc/>
    public override void SuppressNotifications() =>
        _deviceEvent.Store16(EventFlagsField, EventDisable);

    /// <inheritdoc/>
    public override bool EnableNotifications()
    {
        ushort flags = EventEnable;
        if (HasEventIndex)
        {
            _deviceEvent.Store16(0, (ushort)(SlotOf(_available) | (WrapOf(_available) ? EventWrap : 0)));
            flags = EventDescriptor;
        }

        // Nothing orders the position and the flags. A driver that sees them mixed has published a buffer before the
        // barrier here, and the look behind it finds that.
        _deviceEvent.Store16(EventFlagsField, flags);

        // The driver publishes and then reads these flags; this is the other half of that handshake.
        Barriers.Full(DeviceSites.PackedAfterEnable);
        return HasAvailable();
    }

    private protected override QueueError Take(DeviceChain chain)
    {
        int position = _available;
        ushort flags;
        int slots = 0;
        do
        {
            if (slots == Size)
            {
                return QueueError.Loop;
            }

            flags = _descriptors.Load16(FieldOf(position, FlagsField));
            if (!IsAvailable(flags, position))
            {
                return QueueError.ChainIncomplete;
            }

            QueueError error = TakeDescriptor(chain, position, flags, slots == 0);
            if (error != QueueError.None)
            {
                return error;
            }

            // The ID stands in the last descriptor of a list (virtio 1.4, 2.8.6).
            chain.Id = _descriptors.Load16(FieldOf(position, IdField));
            position = Advance(position, 1);
            slots++;
        }
        while ((flags & DescriptorFlags.Next) != 0);

        chain.Slots = slots;
        if (_held + slots > Size)
        {
            return QueueError.RingOverrun;
        }

        _held += slots;
        _available = position;
        return QueueError.None;
    }

    private protected override void Untake(DeviceChain chain)
    {
        _available = GoBack(_available, chain.Slots);
        _held -= chain.Slots;
    }

    private protected override int SlotsOf(DeviceChain chain) => chain.Slots;

    private protected override bool WriteUsed(ReadOnlySpan<UsedEntry> entries)
    {
        int count = 0;
        foreach (UsedEntry entry in entries)
        {
            count += entry.Slots;
        }

        // The driver looks at the first one only, so that one is written last.
        int position = Advance(_used, count);
        for (int i = entries.Length - 1; i >= 0; i--)
        {
            position = GoBack(position, entries[i].Slots);
            WriteDescriptor(entries[i], position);
        }

        _used = Advance(_used, count);
        _held -= count;
        return IsNotificationWanted(count);
    }

    private QueueError TakeDescriptor(DeviceChain chain, int position, ushort flags, bool isFirst)
    {
        const int Known = DescriptorFlags.Next | DescriptorFlags.Write | DescriptorFlags.Indirect
            | DescriptorFlags.Available | DescriptorFlags.Used;
        const int WritableTable = DescriptorFlags.Indirect | DescriptorFlags.Write;
        bool isReserved = (flags & ~Known) != 0 || (flags & WritableTable) == WritableTable;
        if (IsStrict && isReserved)
        {
            return QueueError.ReservedFlags;
        }

        ulong address = _descriptors.Load64(FieldOf(position, 0));
        uint length = _descriptors.Load32(FieldOf(position, LengthField));
        if ((flags & DescriptorFlags.Indirect) == 0)
        {
            return chain.Add(new ChainElement(address, length, (flags & DescriptorFlags.Write) != 0), ChainLimit);
        }

        if (!HasIndirect)
        {
            return QueueError.IndirectNotNegotiated;
        }

        if (!isFirst)
        {
            return QueueError.IndirectNested;
        }

        return (flags & DescriptorFlags.Next) != 0 ? QueueError.IndirectWithNext : TakeTable(chain, address, length);
    }

    /// <summary>
    /// Takes all descriptors of a table; of their flags only WRITE has a meaning (virtio 1.4, 2.8.7).
    /// </summary>
    private QueueError TakeTable(DeviceChain chain, ulong address, uint length)
    {
        if (length == 0 || length % DescriptorLength != 0)
        {
            return QueueError.IndirectTableSize;
        }

        chain.IsIndirect = true;
        Span<byte> descriptor = stackalloc byte[(int)DescriptorLength];
        QueueError error = QueueError.None;
        for (uint at = 0; at < length && error == QueueError.None; at += DescriptorLength)
        {
            if (!TryReadTable(address + at, descriptor))
            {
                return QueueError.BufferUnreachable;
            }

            ushort flags = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[(int)FlagsField..]);
            error = Strictly((flags & ~DescriptorFlags.Write) != 0, QueueError.ReservedFlags);
            error = error != QueueError.None ? error : chain.Add(
                new ChainElement(
                    BinaryPrimitives.ReadUInt64LittleEndian(descriptor),
                    BinaryPrimitives.ReadUInt32LittleEndian(descriptor[(int)LengthField..]),
                    (flags & DescriptorFlags.Write) != 0),
                ChainLimit);
        }

        return error;
    }

    private void WriteDescriptor(UsedEntry entry, int position)
    {
        _descriptors.Store32(FieldOf(position, LengthField), entry.Length);
        _descriptors.Store16(FieldOf(position, IdField), entry.Id);
        int flags = WrapOf(position) ? DescriptorFlags.Available | DescriptorFlags.Used : 0;
        flags |= MarksWritten && entry.IsWritten ? DescriptorFlags.Write : 0;
        uint at = FieldOf(position, FlagsField);
        flags = KeepsFlags ? _descriptors.Load16(at) ^ DescriptorFlags.Used : flags;
        _descriptors.StoreRelease16(at, (ushort)flags, DeviceSites.PackedStoreUsedFlags);
    }

    private bool IsNotificationWanted(int count)
    {
        Barriers.Full(DeviceSites.PackedBeforeDriverEvent);
        int flags = EventFlagsMask & _driverEvent.Load16(EventFlagsField);
        if (flags == EventDisable)
        {
            return false;
        }

        if (flags == EventDescriptor && !HasEventIndex && IsStrict)
        {
            Break(QueueError.SuppressionNotNegotiated);
        }

        if (flags != EventDescriptor || !HasEventIndex)
        {
            return true;
        }

        // An offset outside the ring names no descriptor: the driver is told more than it asked for, which it may be.
        ushort place = _driverEvent.Load16(0);
        int slot = place & ~EventWrap;
        int position = (place & EventWrap) != 0 ? slot : slot + Size;
        return slot >= Size || EventTest.Packed(position, _used, count, Size);
    }

    private int Advance(int position, int slots) => (position + slots) % (2 * Size);

    private int GoBack(int position, int slots) => Advance(position, (2 * Size) - slots);

    private int SlotOf(int position) => position % Size;

    private bool WrapOf(int position) => position < Size;

    private uint PlaceOf(int position) => (uint)SlotOf(position) | (WrapOf(position) ? (uint)EventWrap : 0);

    private int PositionOf(uint place) =>
        (int)((place & ~(uint)EventWrap) % (uint)Size) + ((place & EventWrap) != 0 ? 0 : Size);

    private uint FieldOf(int position, uint field) => ((uint)SlotOf(position) * DescriptorLength) + field;

    private bool IsAvailable(ushort flags, int position) =>
        ((flags & DescriptorFlags.Available) != 0) == WrapOf(position)
        && ((flags & DescriptorFlags.Used) != 0) != WrapOf(position);
}
