using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 6: who tells whom, and when, with EVENT_IDX.</summary>
public sealed class Events : EventQueue
{
    private const uint Index = 2;
    private const uint Entries = 4;

    private SplitRing _ring = null!;
    private ushort _availableIndex;
    private ushort _usedIndex;

    private uint UsedEvent => Entries + (2u * _ring.Size);

    private uint AvailableEvent => Entries + (8u * _ring.Size);

    public override void Attach(SplitRing ring) => _ring = ring;

    public override bool Publish(ushort head)
    {
        ushort before = _availableIndex;
        _ring.Available.Store16(Entries + (2u * (uint)(_availableIndex % _ring.Size)), head);
        _availableIndex++;
        _ring.Available.StoreRelease16(Index, _availableIndex);

        // idx must be visible before avail_event is read: the device writes avail_event, and then reads idx.
        Barrier.Full();
        ushort asked = _ring.Used.Load16(AvailableEvent);
        return (ushort)(_availableIndex - asked - 1) < (ushort)(_availableIndex - before);
    }

    public override bool TryTake(out uint id, out uint length)
    {
        id = 0;
        length = 0;
        if (_ring.Used.LoadAcquire16(Index) == _usedIndex)
        {
            return false;
        }

        uint entry = Entries + (8u * (uint)(_usedIndex % _ring.Size));
        id = _ring.Used.Load32(entry);
        length = _ring.Used.Load32(entry + 4);
        _usedIndex++;
        return true;
    }

    public override bool EnableInterrupts()
    {
        _ring.Available.Store16(UsedEvent, _usedIndex);

        // used_event must be visible before idx is read: the device writes idx, and then reads used_event.
        Barrier.Full();
        return _ring.Used.LoadAcquire16(Index) != _usedIndex;
    }
}
