using System;
using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.DeviceConformance;

/// <summary>
/// The driver's side of a ring, for tests: it does what it is told, right or wrong, and believes nothing. It is written
/// apart from the driver's rings on purpose, so that both do not err alike.
/// </summary>
internal abstract class TestRing
{
    /// <summary>The bits of a descriptor's flags that both formats have (virtio 1.4, 2.7.5 and 2.8.14).</summary>
    public const ushort Next = 1;
    public const ushort Write = 2;
    public const ushort Indirect = 4;

    public const uint DescriptorSize = 16;

    private readonly Virtqueue _queue;
    private readonly DmaMemory _memory;
    private readonly uint _driverArea;
    private readonly uint _deviceArea;

    /// <param name="queue">Says where the areas are; nothing else of it is used.</param>
    /// <param name="memory">The areas.</param>
    protected TestRing(Virtqueue queue, DmaMemory memory)
    {
        _queue = queue;
        _memory = memory;
        _driverArea = (uint)(queue.DriverArea - queue.DescriptorArea);
        _deviceArea = (uint)(queue.DeviceArea - queue.DescriptorArea);
    }

    /// <summary>The virtqueue index.</summary>
    public ushort Index => _queue.Index;

    /// <summary>The number of descriptors.</summary>
    public int Size => _queue.Size;

    /// <summary>How many descriptors of the ring a chain may still have.</summary>
    public abstract int Free { get; }

    /// <summary>Memory for the descriptors, to be looked at and spoilt.</summary>
    public DmaMemory Memory => _memory;

    /// <summary>Writes a chain into the ring, for <see cref="Publish"/> to make available.</summary>
    /// <returns>The ID under which it has to come back.</returns>
    public abstract ushort Post(ReadOnlySpan<TestSegment> chain);

    /// <summary>Makes available what was posted, in order.</summary>
    public abstract void Publish();

    /// <summary>Notifies the device, whether it wants it or not.</summary>
    public void Kick() => _queue.Notifier!.Notify(_queue);

    /// <summary>Takes the next used buffer.</summary>
    /// <param name="used">What the ring says.</param>
    /// <returns>False where there is none.</returns>
    public abstract bool TryTake(out UsedElement used);

    /// <summary>Asks for no used buffer notifications.</summary>
    public abstract void DisableInterrupts();

    /// <summary>Asks for one with the next used buffer.</summary>
    public abstract void EnableInterrupts();

    /// <summary>Asks for one with the used buffer after so many others; only with EVENT_IDX.</summary>
    public abstract void EnableInterruptsAfter(int others);

    /// <summary>Writes a descriptor as it is told to.</summary>
    protected void StoreDescriptor(DmaMemory memory, uint offset, in TestSegment segment, ushort third, ushort fourth)
    {
        memory.Store64(offset, segment.Address);
        memory.Store32(offset + 8, segment.Length);
        memory.Store16(offset + 12, third);
        memory.Store16(offset + 14, fourth);
        memory.Sync(offset, DescriptorSize, DmaSync.PreWrite | DmaSync.PreRead);
    }

    protected void StoreDriver16(uint offset, ushort value)
    {
        _memory.Store16(_driverArea + offset, value);
        _memory.Sync(_driverArea + offset, 2, DmaSync.PreWrite);
    }

    protected ushort LookDevice16(uint offset) => Look16(_deviceArea + offset);

    protected uint LookDevice32(uint offset)
    {
        _memory.Sync(_deviceArea + offset, 4, DmaSync.PreRead);
        _memory.Sync(_deviceArea + offset, 4, DmaSync.PostRead);
        return _memory.Load32(_deviceArea + offset);
    }

    /// <summary>Looks at memory that the device writes, as it is now.</summary>
    protected ushort Look16(uint offset)
    {
        _memory.Sync(offset, 2, DmaSync.PreRead);
        _memory.Sync(offset, 2, DmaSync.PostRead);
        return _memory.Load16(offset);
    }

    protected uint Look32(uint offset)
    {
        _memory.Sync(offset, 4, DmaSync.PreRead);
        _memory.Sync(offset, 4, DmaSync.PostRead);
        return _memory.Load32(offset);
    }
}

/// <summary>A used element, as the ring has it.</summary>
/// <param name="Id">The ID that the device gives back.</param>
/// <param name="Length">How many bytes it says that it wrote.</param>
internal readonly record struct UsedElement(uint Id, uint Length);

/// <summary>A part of a chain.</summary>
internal readonly struct TestSegment
{
    private TestSegment(ulong address, uint length, ushort flags)
    {
        Address = address;
        Length = length;
        Flags = flags;
    }

    /// <summary>Where it is for the device.</summary>
    public ulong Address { get; }

    /// <summary>How many bytes it has.</summary>
    public uint Length { get; }

    /// <summary>The flags that the descriptor gets, besides those that link it.</summary>
    public ushort Flags { get; }

    /// <summary>A part that the device reads.</summary>
    public static TestSegment Readable(ulong address, uint length) => new(address, length, 0);

    /// <summary>A part that the device writes.</summary>
    public static TestSegment Writable(ulong address, uint length) => new(address, length, TestRing.Write);

    /// <summary>A table of descriptors that lies elsewhere.</summary>
    public static TestSegment Table(ulong address, uint length, ushort moreFlags = 0) =>
        new(address, length, (ushort)(TestRing.Indirect | moreFlags));

    /// <summary>A part of this part.</summary>
    public TestSegment Slice(uint offset, uint length) => new(Address + offset, length, Flags);
}

/// <summary>A split ring (virtio 1.4, 2.7).</summary>
internal sealed class SplitTestRing : TestRing
{
    private const ushort NoInterrupt = 1;
    private const uint IndexOffset = 2;
    private const uint RingOffset = 4;
    private const uint ElementSize = 8;

    private readonly Stack<ushort> _free = new();
    private readonly Dictionary<uint, ushort[]> _chains = [];
    private readonly bool _hasEventIndex;
    private ushort _posted;
    private ushort _taken;

    public SplitTestRing(Virtqueue queue, DmaMemory memory, bool hasEventIndex)
        : base(queue, memory)
    {
        _hasEventIndex = hasEventIndex;
        for (int index = 0; index < Size; index++)
        {
            _free.Push((ushort)index);
        }
    }

    public override int Free => _free.Count;

    /// <summary>The index that the device has published.</summary>
    public ushort UsedIndex => LookDevice16(IndexOffset);

    public override ushort Post(ReadOnlySpan<TestSegment> chain)
    {
        ushort[] descriptors = new ushort[chain.Length];
        for (int i = 0; i < descriptors.Length; i++)
        {
            descriptors[i] = _free.Pop();
        }

        for (int i = 0; i < descriptors.Length; i++)
        {
            bool isLast = i == descriptors.Length - 1;
            StoreDescriptor(
                descriptors[i], chain[i], isLast ? (ushort)0 : Next, isLast ? (ushort)0 : descriptors[i + 1]);
        }

        _chains[descriptors[0]] = descriptors;
        PostHead(descriptors[0]);
        return descriptors[0];
    }

    /// <summary>Writes one descriptor, with any link.</summary>
    public void StoreDescriptor(int index, in TestSegment segment, ushort moreFlags, ushort next) =>
        StoreDescriptor(
            Memory, (uint)index * DescriptorSize, segment, (ushort)(segment.Flags | moreFlags), next);

    /// <summary>Posts what a descriptor begins, whatever it is.</summary>
    public void PostHead(ushort head) =>
        StoreDriver16(RingOffset + (uint)(_posted++ & (Size - 1)) * 2, head);

    public override void Publish() => Publish(_posted);

    /// <summary>Writes an available index, whatever it is.</summary>
    public void Publish(ushort index)
    {
        Barriers.Full();
        StoreDriver16(IndexOffset, index);
        Barriers.Full();
    }

    public override bool TryTake(out UsedElement used)
    {
        used = default;
        if (UsedIndex == _taken)
        {
            return false;
        }

        Barriers.Full();
        uint offset = RingOffset + (uint)(_taken & (Size - 1)) * ElementSize;
        used = new UsedElement(LookDevice32(offset), LookDevice32(offset + 4));
        _taken++;
        if (_chains.Remove(used.Id, out ushort[]? descriptors))
        {
            foreach (ushort descriptor in descriptors)
            {
                _free.Push(descriptor);
            }
        }

        return true;
    }

    public override void DisableInterrupts()
    {
        if (_hasEventIndex)
        {
            // As far away as it can be.
            SetUsedEvent((ushort)(_taken - 1));
        }
        else
        {
            StoreDriver16(0, NoInterrupt);
        }
    }

    public override void EnableInterrupts()
    {
        if (_hasEventIndex)
        {
            SetUsedEvent(_taken);
        }
        else
        {
            StoreDriver16(0, 0);
            Barriers.Full();
        }
    }

    public override void EnableInterruptsAfter(int others) => SetUsedEvent((ushort)(_taken + others));

    private void SetUsedEvent(ushort index)
    {
        StoreDriver16(RingOffset + (uint)Size * 2, index);
        Barriers.Full();
    }
}

/// <summary>A packed ring (virtio 1.4, 2.8).</summary>
internal sealed class PackedTestRing : TestRing
{
    public const ushort Available = 1 << 7;
    public const ushort Used = 1 << 15;

    private const uint LengthOffset = 8;
    private const uint IdOffset = 12;
    private const uint FlagsOffset = 14;
    private const ushort EventsDisabled = 1;
    private const ushort EventsAtDescriptor = 2;
    private const int WrapBit = 15;

    private readonly Dictionary<uint, int> _lengths = [];
    private readonly Stack<ushort> _ids = new();
    private readonly Queue<(int Slot, ushort Flags)> _heads = new();
    private int _next;
    private bool _nextWrap = true;
    private int _taken;
    private bool _takenWrap = true;
    private int _inFlight;

    public PackedTestRing(Virtqueue queue, DmaMemory memory)
        : base(queue, memory)
    {
        // The first slot has the last ID: a device that gives back slots for IDs is found out.
        for (int id = 0; id < Size; id++)
        {
            _ids.Push((ushort)id);
        }
    }

    public override int Free => Size - _inFlight;

    /// <summary>The flags by which a descriptor of the next chain is available.</summary>
    public ushort AvailableNow => _nextWrap ? Available : Used;

    public override ushort Post(ReadOnlySpan<TestSegment> chain)
    {
        ushort id = _ids.Pop();
        _lengths[id] = chain.Length;
        int head = _next;
        ushort headFlags = 0;
        for (int i = 0; i < chain.Length; i++)
        {
            int slot = _next;
            ushort link = i == chain.Length - 1 ? (ushort)0 : Next;
            ushort flags = (ushort)(chain[i].Flags | link | AvailableNow);
            if (i == 0)
            {
                headFlags = flags;
                StoreBody(slot, chain[i], id);
            }
            else
            {
                StoreDescriptor(slot, chain[i], id, flags);
            }

            Advance(ref _next, ref _nextWrap, 1);
        }

        _inFlight += chain.Length;
        _heads.Enqueue((head, headFlags));
        return id;
    }

    /// <summary>Writes one descriptor with any flags.</summary>
    public void StoreDescriptor(int slot, in TestSegment segment, ushort id, ushort flags) =>
        StoreDescriptor(Memory, (uint)slot * DescriptorSize, segment, id, flags);

    public override void Publish()
    {
        while (_heads.TryDequeue(out (int Slot, ushort Flags) head))
        {
            StoreFlags(head.Slot, head.Flags);
        }

        Barriers.Full();
    }

    /// <summary>Writes the flags of a descriptor behind all that was written before.</summary>
    public void StoreFlags(int slot, ushort flags)
    {
        Barriers.Full();
        uint offset = ((uint)slot * DescriptorSize) + FlagsOffset;
        Memory.Store16(offset, flags);
        Memory.Sync(offset, 2, DmaSync.PreWrite | DmaSync.PreRead);
    }

    public override bool TryTake(out UsedElement used)
    {
        used = default;
        uint offset = (uint)_taken * DescriptorSize;
        ushort flags = Look16(offset + FlagsOffset);
        bool isUsed = (flags & Used) != 0;
        if (isUsed != _takenWrap || ((flags & Available) != 0) != isUsed)
        {
            return false;
        }

        Barriers.Full();
        used = new UsedElement(Look16(offset + IdOffset), Look32(offset + LengthOffset));
        if (_lengths.Remove(used.Id, out int length))
        {
            _ids.Push((ushort)used.Id);
            _inFlight -= length;
            Advance(ref _taken, ref _takenWrap, length);
        }

        return true;
    }

    public override void DisableInterrupts() => SetEvents(0, EventsDisabled);

    public override void EnableInterrupts() => SetEvents(0, 0);

    /// <remarks>Only where each chain in flight has one descriptor.</remarks>
    public override void EnableInterruptsAfter(int others)
    {
        int slot = _taken;
        bool wrap = _takenWrap;
        Advance(ref slot, ref wrap, others);
        SetEvents((ushort)(slot | (wrap ? 1 << WrapBit : 0)), EventsAtDescriptor);
    }

    private void SetEvents(ushort place, ushort flags)
    {
        StoreDriver16(0, place);
        Barriers.Full();
        StoreDriver16(2, flags);
        Barriers.Full();
    }

    private void StoreBody(int slot, in TestSegment segment, ushort id)
    {
        uint offset = (uint)slot * DescriptorSize;
        Memory.Store64(offset, segment.Address);
        Memory.Store32(offset + LengthOffset, segment.Length);
        Memory.Store16(offset + IdOffset, id);
        Memory.Sync(offset, FlagsOffset, DmaSync.PreWrite | DmaSync.PreRead);
    }

    private void Advance(ref int slot, ref bool wrap, int count)
    {
        slot += count;
        if (slot >= Size)
        {
            slot -= Size;
            wrap = !wrap;
        }
    }
}
