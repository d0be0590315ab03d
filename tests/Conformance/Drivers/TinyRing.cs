using System;
using System.Collections.Generic;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Conformance.Tests.Drivers;

/// <summary>A piece of a buffer.</summary>
internal readonly record struct Piece(ulong Address, uint Length, bool IsWritable);

/// <summary>A descriptor as it is about to be written; <c>Last</c> is the ID or the next field.</summary>
internal record struct Descriptor(ulong Address, uint Length, int Flags, int Last);

/// <summary>
/// The driver's side of a queue, byte by byte from the text of the specification. What it is about to write can be
/// altered on the way.
/// </summary>
internal abstract class TinyRing(TinyMachine machine, int index, int size, ulong features)
{
    public const int Next = 1;
    public const int Writable = 2;
    public const int Indirect = 4;

    public ulong Descriptors { get; } = TinyMachine.Memory + (0x10000 * (ulong)index);

    public ulong DriverArea => Descriptors + 0x4000;

    public ulong DeviceArea => Descriptors + 0x6000;

    public ulong Table => Descriptors + 0x8000;

    public int Size { get; } = size;

    public int Index { get; } = index;

    /// <summary>Alters a descriptor of the ring; the number is its place in the chain.</summary>
    public Func<int, Descriptor, Descriptor> Alter { get; set; } = (_, each) => each;

    /// <summary>Alters a descriptor of a table.</summary>
    public Func<int, Descriptor, Descriptor> AlterTable { get; set; } = (_, each) => each;

    /// <summary>How long the table says that it is, if not as long as it is.</summary>
    public uint? TableLength { get; set; }

    /// <summary>Whether the device wants to hear of what was added last.</summary>
    public abstract bool IsNotificationDue { get; }

    /// <summary>What a notification with data says of the next descriptor.</summary>
    public abstract uint Position { get; }

    protected TinyMachine Machine { get; } = machine;

    protected bool HasEvents { get; } = (features & FeatureBit.EventIndex) != 0;

    public static TinyRing Create(TinyMachine machine, int index, int size, ulong features) =>
        (features & FeatureBit.RingPacked) != 0
            ? new TinyPackedRing(machine, index, size, features)
            : new TinySplitRing(machine, index, size, features);

    public void Add(params Piece[] pieces) => Publish(pieces, null);

    /// <summary>Adds a buffer whose descriptors stand in a table.</summary>
    public void AddTable(params Piece[] pieces)
    {
        bool isPacked = this is TinyPackedRing;
        for (int i = 0; i < pieces.Length; i++)
        {
            bool hasNext = i + 1 < pieces.Length && !isPacked;
            Descriptor each = AlterTable(i, new Descriptor(
                pieces[i].Address,
                pieces[i].Length,
                (pieces[i].IsWritable ? Writable : 0) | (hasNext ? Next : 0),
                hasNext ? i + 1 : 0));
            Write(Table, i, each);
        }

        Publish([], TableLength ?? (16 * (uint)pieces.Length));
    }

    /// <summary>Takes all used buffers back.</summary>
    public abstract int TakeUsed();

    protected abstract void Publish(Piece[] pieces, uint? tableLength);

    protected void Write(ulong start, int slot, Descriptor descriptor)
    {
        ulong at = start + (16 * (ulong)slot);
        bool isPacked = this is TinyPackedRing;
        Machine.Put64(at, descriptor.Address);
        Machine.Put32(at + 8, descriptor.Length);
        Machine.Put16(at + (isPacked ? 12u : 14u), descriptor.Last);
        Machine.Put16(at + (isPacked ? 14u : 12u), descriptor.Flags);
    }
}

/// <summary>Split: descriptors in turns, so that all are used in ring order.</summary>
internal sealed class TinySplitRing(TinyMachine machine, int index, int size, ulong features)
    : TinyRing(machine, index, size, features)
{
    private int _next;
    private int _available;
    private int _used;
    private int _before;

    /// <summary>Alters the head that is made available.</summary>
    public Func<int, int> AlterHead { get; set; } = head => head;

    /// <summary>Alters the available index before it is written.</summary>
    public Func<int, int> AlterIndex { get; set; } = value => value;

    public override uint Position => (uint)_available & 0xFFFF;

    public override bool IsNotificationDue => HasEvents
        ? EventTest.Split(
            Machine.Get16(DeviceArea + 4 + (8 * (ulong)Size)), (ushort)_available, (ushort)_before)
        : (Machine.Get16(DeviceArea) & 1) == 0;

    public override int TakeUsed()
    {
        int count = (ushort)(Machine.Get16(DeviceArea + 2) - _used);
        _used += count;
        return count;
    }

    protected override void Publish(Piece[] pieces, uint? tableLength)
    {
        int head = _next;
        int count = tableLength is null ? pieces.Length : 1;
        for (int i = 0; i < count; i++)
        {
            int slot = _next;
            _next = (_next + 1) % Size;
            bool hasNext = i + 1 < count;
            Descriptor each = tableLength is uint length
                ? new Descriptor(Table, length, Indirect, 0)
                : new Descriptor(
                    pieces[i].Address,
                    pieces[i].Length,
                    (pieces[i].IsWritable ? Writable : 0) | (hasNext ? Next : 0),
                    hasNext ? _next : 0);
            Write(Descriptors, slot, Alter(i, each));
        }

        Machine.Put16(DriverArea + 4 + (2 * (ulong)(_available % Size)), AlterHead(head));
        _before = _available;
        _available++;
        Machine.Put16(DriverArea + 2, AlterIndex(_available & 0xFFFF));
    }
}

/// <summary>Packed: IDs in turns.</summary>
internal sealed class TinyPackedRing(TinyMachine machine, int index, int size, ulong features)
    : TinyRing(machine, index, size, features)
{
    private readonly Dictionary<int, int> _counts = [];
    private int _id;
    private int _available;
    private int _used;
    private int _added;

    /// <summary>Alters the ID that a buffer gets.</summary>
    public Func<int, int> AlterId { get; set; } = id => id;

    public override uint Position =>
        (uint)(_available % Size) | (_available / Size % 2 == 0 ? 0x8000u : 0);

    public override bool IsNotificationDue
    {
        get
        {
            int flags = Machine.Get16(DeviceArea + 2) & 3;
            if (flags != 2 || !HasEvents)
            {
                return flags != 1;
            }

            int place = Machine.Get16(DeviceArea);
            int position = (place & 0x7FFF) + ((place & 0x8000) != 0 ? 0 : Size);
            return EventTest.Packed(position, _available % (2 * Size), _added, Size);
        }
    }

    public override int TakeUsed()
    {
        int taken = 0;
        while (_used < _available)
        {
            ulong at = Descriptors + (16 * (ulong)(_used % Size));
            int expected = _used / Size % 2 == 0 ? 0x8080 : 0;
            if ((Machine.Get16(at + 14) & 0x8080) != expected)
            {
                break;
            }

            _used += _counts[Machine.Get16(at + 12)];
            taken++;
        }

        return taken;
    }

    protected override void Publish(Piece[] pieces, uint? tableLength)
    {
        int id = AlterId(_id++ % Size);
        int count = tableLength is null ? pieces.Length : 1;
        for (int i = count - 1; i >= 0; i--)
        {
            int position = _available + i;
            int round = position / Size % 2 == 0 ? 0x80 : 0x8000;
            Descriptor each = tableLength is uint length
                ? new Descriptor(Table, length, Indirect | round, id)
                : new Descriptor(
                    pieces[i].Address,
                    pieces[i].Length,
                    (pieces[i].IsWritable ? Writable : 0) | (i + 1 < count ? Next : 0) | round,
                    id);
            Write(Descriptors, position % Size, Alter(i, each));
        }

        _counts[id] = count;
        _added = count;
        _available += count;
    }
}
