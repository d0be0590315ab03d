using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Conformance.Events;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Conformance.Models;

/// <summary>
/// Watches one ring from its device's place: reads from the guest's memory what stands there, and tells the judge.
/// </summary>
internal sealed class RingWatch : QueueObserver
{
    private const int DescriptorLength = 16;
    private const ushort Next = 1;
    private const ushort Indirect = 4;
    private const ushort PackedAvailable = 1 << 7;
    private const ushort PackedUsed = 1 << 15;
    private const int MostTable = 1024;

    private readonly GuestMemory _memory;
    private readonly ModelQueue _queue;
    private readonly Func<ulong> _features;
    private readonly Action<DriverEvent> _tell;
    private readonly Dictionary<ulong, IReadOnlyList<RingDescriptor>> _taken =
        new Dictionary<ulong, IReadOnlyList<RingDescriptor>>();

    private int _position;
    private int _seen;

    public RingWatch(GuestMemory memory, ModelQueue queue, Func<ulong> features, Action<DriverEvent> tell)
    {
        _memory = memory;
        _queue = queue;
        _features = features;
        _tell = tell;
    }

    private bool IsPacked => (_features() & FeatureBit.RingPacked) != 0;

    /// <summary>
    /// Whether the driver has made buffers available since the last look, and some of them the device has not taken.
    /// </summary>
    public bool HasNews => _queue.Ring is not null && Read().Available is int now && now != _position && now != _seen;

    /// <summary>How far the device has come: see <see cref="RingState.Taken"/>.</summary>
    public int Position => _position;

    /// <summary>The device goes on in the middle of the ring.</summary>
    /// <param name="position">Where; 0 for a split ring's first entry or a packed one's first descriptor.</param>
    public void OnResumed(int position)
    {
        _taken.Clear();
        _position = position;
        Look(RingMoment.Resumed);
    }

    /// <summary>The driver has enabled the queue.</summary>
    public void OnEnabled()
    {
        _taken.Clear();
        _position = 0;
        if (_queue.Ring is not null)
        {
            Look(RingMoment.Enabled);
            return;
        }

        DeviceQueue.TryOpen(_memory, _queue.Areas, _queue.Size, _features(), out QueueError error);
        _tell(new RingBroken(_queue.Index, error, false, 0));
    }

    /// <summary>Tells what stands in the ring now.</summary>
    public void Look(RingMoment moment)
    {
        if (_queue.Ring is not null)
        {
            RingState state = Read();
            _seen = state.Available;
            _tell(new RingSeen(_queue.Index, moment, state));
        }
    }

    /// <inheritdoc/>
    public override void OnTaken(DeviceChain chain)
    {
        IReadOnlyList<RingDescriptor> descriptors = ReadDescriptors(chain.Id, chain.Slots);
        _taken[chain.Sequence] = descriptors;
        byte[] readable = new byte[Math.Min(chain.ReadableLength, RingBuffer.MostBytes)];
        chain.TryRead(0, readable);
        _tell(new BufferTaken(
            _queue.Index, new RingBuffer(chain.Id, descriptors, chain.Elements.ToArray(), readable)));
        Move(chain.Slots);
    }

    /// <inheritdoc/>
    public override void OnPutBack(DeviceChain chain)
    {
        _taken.Remove(chain.Sequence);
        Move(-chain.Slots);
    }

    /// <inheritdoc/>
    public override void OnUsing(DeviceChain chain, uint length)
    {
        if (_taken.Remove(chain.Sequence, out IReadOnlyList<RingDescriptor>? before))
        {
            _tell(new BufferUsed(_queue.Index, chain.Id, length, before, Again(before)));
        }
    }

    /// <inheritdoc/>
    public override void OnBroken(QueueError error, DeviceChain? chain) =>
        _tell(new RingBroken(_queue.Index, error, chain is { IsIndirect: true }, chain?.Slots ?? 0));

    /// <summary>Goes on by a buffer, which is one entry of a split ring, or back.</summary>
    private void Move(int slots)
    {
        int round = IsPacked ? 2 * _queue.Size : ushort.MaxValue + 1;
        _position = (_position + round + (IsPacked ? slots : Math.Sign(slots))) % round;
    }

    private RingState Read()
    {
        QueueAreas areas = _queue.Areas;
        int size = _queue.Size;
        return IsPacked
            ? new RingState(
                true,
                size,
                PackedAvailablePosition(areas.Descriptor, size),
                _position,
                Read16(areas.Driver + 2),
                Read16(areas.Device + 2),
                Read16(areas.Device))
            : new RingState(
                false,
                size,
                Read16(areas.Driver + 2),
                _position,
                Read16(areas.Driver),
                Read16(areas.Device),
                (_features() & FeatureBit.EventIndex) != 0 ? Read16(areas.Device + 4 + (8 * (ulong)size)) : (ushort)0);
    }

    private List<RingDescriptor> ReadDescriptors(ushort id, int slots)
    {
        List<RingDescriptor> descriptors = [];
        if (IsPacked)
        {
            for (int i = 0; i < slots; i++)
            {
                Add(descriptors, (_position + i) % _queue.Size);
            }

            return descriptors;
        }

        int slot = id;
        do
        {
            Add(descriptors, slot);
            slot = descriptors[^1].IsInTable ? 0 : descriptors[^1].Last;
        }
        while (descriptors.Count < _queue.Size
            && !descriptors[^1].IsInTable
            && (descriptors[^1].Flags & (Next | Indirect)) == Next);
        return descriptors;
    }

    /// <summary>Reads a descriptor, and the table that it refers to.</summary>
    private void Add(List<RingDescriptor> descriptors, int slot)
    {
        RingDescriptor found = Read(_queue.Areas.Descriptor, slot, isInTable: false);
        descriptors.Add(found);
        if ((found.Flags & Indirect) != 0)
        {
            long count = Math.Min(found.Length / DescriptorLength, MostTable);
            for (int i = 0; i < count; i++)
            {
                descriptors.Add(Read(found.Address, i, isInTable: true));
            }
        }
    }

    private List<RingDescriptor> Again(IReadOnlyList<RingDescriptor> before)
    {
        List<RingDescriptor> now = [];
        ulong table = 0;
        foreach (RingDescriptor each in before)
        {
            now.Add(Read(each.IsInTable ? table : _queue.Areas.Descriptor, each.Slot, each.IsInTable));
            table = each.IsInTable ? table : each.Address;
        }

        return now;
    }

    private RingDescriptor Read(ulong start, int slot, bool isInTable)
    {
        Span<byte> bytes = stackalloc byte[DescriptorLength];
        _memory.TryRead(start + (DescriptorLength * (ulong)slot), bytes);
        ushort first = BinaryPrimitives.ReadUInt16LittleEndian(bytes[12..]);
        ushort second = BinaryPrimitives.ReadUInt16LittleEndian(bytes[14..]);
        return new RingDescriptor(
            slot,
            isInTable,
            BinaryPrimitives.ReadUInt64LittleEndian(bytes),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]),
            IsPacked ? second : first,
            IsPacked ? first : second);
    }

    /// <summary>The place behind the last descriptor that is available.</summary>
    private int PackedAvailablePosition(ulong descriptors, int size)
    {
        int position = _position;
        for (int count = 0; count < size; count++)
        {
            ushort flags = Read16(descriptors + (DescriptorLength * (ulong)(position % size)) + 14);
            bool wrap = position < size;
            if (((flags & PackedAvailable) != 0) != wrap || ((flags & PackedUsed) != 0) == wrap)
            {
                break;
            }

            position = (position + 1) % (2 * size);
        }

        return position;
    }

    private ushort Read16(ulong address)
    {
        Span<byte> bytes = stackalloc byte[2];
        _memory.TryRead(address, bytes);
        return BinaryPrimitives.ReadUInt16LittleEndian(bytes);
    }
}
