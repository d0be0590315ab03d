using System.Collections.Generic;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Devices.Tests.Support;

/// <summary>
/// A driver's side of a ring, byte by byte from the text of the specification, for tests of whole devices.
/// </summary>
internal abstract class HandRing(GuestRam ram, ulong at, int size)
{
    public int Size { get; } = size;

    public abstract QueueAreas Areas { get; }

    protected GuestRam Ram { get; } = ram;

    protected ulong Start { get; } = at;

    public static HandRing Create(bool isPacked, GuestRam ram, ulong at, int size) =>
        isPacked ? new HandPackedRing(ram, at, size) : new HandSplitRing(ram, at, size);

    /// <summary>Makes a buffer available.</summary>
    /// <returns>Its ID.</returns>
    public abstract int Add(params Piece[] pieces);

    /// <summary>The next used buffer, or nothing.</summary>
    public abstract UsedBuffer? TakeUsed();

    /// <summary>Whether the driver wants interrupts.</summary>
    public abstract void SetInterrupts(bool areWanted);

    /// <summary>Whether the device wants notifications, as far as flags tell.</summary>
    public abstract bool DeviceWantsNotifications { get; }

    public UsedBuffer[] TakeAllUsed()
    {
        List<UsedBuffer> all = [];
        while (TakeUsed() is UsedBuffer used)
        {
            all.Add(used);
        }

        return [.. all];
    }
}

/// <summary>Split: descriptors, then the available ring, then the used ring at the next multiple of 4.</summary>
internal sealed class HandSplitRing(GuestRam ram, ulong at, int size) : HandRing(ram, at, size)
{
    private int _nextDescriptor;
    private int _available;
    private int _used;

    private ulong AvailableRing => Start + (16 * (ulong)Size);

    private ulong UsedRing => (AvailableRing + 6 + (2 * (ulong)Size) + 3) & ~3UL;

    public override QueueAreas Areas => new(Start, AvailableRing, UsedRing);

    public override bool DeviceWantsNotifications => Ram.Get16(UsedRing) == 0;

    public override int Add(params Piece[] pieces)
    {
        int head = _nextDescriptor;
        for (int i = 0; i < pieces.Length; i++)
        {
            ulong descriptor = Start + (16 * (ulong)_nextDescriptor);
            bool hasNext = i + 1 < pieces.Length;
            _nextDescriptor = (_nextDescriptor + 1) % Size;
            Ram.Put64(descriptor, pieces[i].Address);
            Ram.Put32(descriptor + 8, pieces[i].Length);
            Ram.Put16(descriptor + 12, (hasNext ? 1 : 0) | (pieces[i].IsWritable ? 2 : 0));
            Ram.Put16(descriptor + 14, hasNext ? _nextDescriptor : 0);
        }

        Ram.Put16(AvailableRing + 4 + (2 * (ulong)(_available % Size)), head);
        _available = (_available + 1) & 0xFFFF;
        Ram.Put16(AvailableRing + 2, _available);
        return head;
    }

    public override UsedBuffer? TakeUsed()
    {
        if (Ram.Get16(UsedRing + 2) == _used)
        {
            return null;
        }

        ulong entry = UsedRing + 4 + (8 * (ulong)(_used % Size));
        _used = (_used + 1) & 0xFFFF;
        return new UsedBuffer((int)Ram.Get32(entry), Ram.Get32(entry + 4));
    }

    public override void SetInterrupts(bool areWanted) => Ram.Put16(AvailableRing, areWanted ? 0 : 1);
}

/// <summary>Packed: descriptors, then the driver's and the device's event structures.</summary>
internal sealed class HandPackedRing(GuestRam ram, ulong at, int size) : HandRing(ram, at, size)
{
    private readonly Dictionary<int, int> _lengths = [];
    private int _id;
    private int _available;
    private int _used;

    private ulong DriverEvent => Start + (16 * (ulong)Size);

    private ulong DeviceEvent => DriverEvent + 4;

    public override QueueAreas Areas => new(Start, DriverEvent, DeviceEvent);

    public override bool DeviceWantsNotifications => Ram.Get16(DeviceEvent + 2) != 1;

    public override int Add(params Piece[] pieces)
    {
        int id = _id++ % Size;
        for (int i = pieces.Length - 1; i >= 0; i--)
        {
            int position = _available + i;
            bool wrap = position / Size % 2 == 0;
            ulong descriptor = Start + (16 * (ulong)(position % Size));
            int flags = (wrap ? 0x80 : 0x8000) | (pieces[i].IsWritable ? 2 : 0) | (i + 1 < pieces.Length ? 1 : 0);
            Ram.Put64(descriptor, pieces[i].Address);
            Ram.Put32(descriptor + 8, pieces[i].Length);
            Ram.Put16(descriptor + 12, id);
            Ram.Put16(descriptor + 14, flags);
        }

        _lengths[id] = pieces.Length;
        _available += pieces.Length;
        return id;
    }

    public override UsedBuffer? TakeUsed()
    {
        ulong descriptor = Start + (16 * (ulong)(_used % Size));
        int expected = _used / Size % 2 == 0 ? 0x8080 : 0;
        if ((Ram.Get16(descriptor + 14) & 0x8080) != expected || _used >= _available)
        {
            return null;
        }

        int id = Ram.Get16(descriptor + 12);
        _used += _lengths[id];
        return new UsedBuffer(id, Ram.Get32(descriptor + 8));
    }

    public override void SetInterrupts(bool areWanted) => Ram.Put16(DriverEvent + 2, areWanted ? 0 : 1);
}
