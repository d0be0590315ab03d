using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.LibOS.Boot;

/// <summary>
/// Where RAM is and what else is there: ranges sorted by address that never overlap. Neighbours of one kind are one
/// range.
/// </summary>
/// <remarks>
/// Where two reports contradict each other, reserved wins over RAM, and of two reserved kinds the one that was added
/// first. When the room for ranges is used up, RAM is dropped (the smallest range first, see <see cref="DroppedRam"/>);
/// a reserved range is never lost, at worst it grows over a hole that nobody claimed.
/// </remarks>
internal unsafe struct MemoryMap
{
    public const uint Capacity = 192;

    /// <summary>The kind of a range that is usable RAM.</summary>
    public const uint Ram = 1;

    /// <summary>The kind of a range that nobody may use.</summary>
    public const uint Reserved = 2;

    private fixed ulong _starts[(int)Capacity];
    private fixed ulong _ends[(int)Capacity];
    private fixed uint _kinds[(int)Capacity];
    private uint _count;
    private ulong _droppedRam;

    public readonly uint Count => _count;

    /// <summary>How many bytes of RAM were left out because their range found no room.</summary>
    public readonly ulong DroppedRam => _droppedRam;

    public readonly ulong RamBytes
    {
        get
        {
            ulong sum = 0;
            for (uint index = 0; index < _count; index++)
            {
                if (_kinds[index] == Ram)
                {
                    sum += _ends[index] - _starts[index];
                }
            }

            return sum;
        }
    }

    /// <summary>The end of the highest range of RAM; 0 without RAM.</summary>
    public readonly ulong RamEnd
    {
        get
        {
            for (uint index = _count; index > 0; index--)
            {
                if (_kinds[index - 1] == Ram)
                {
                    return _ends[index - 1];
                }
            }

            return 0;
        }
    }

    /// <summary>Copies a range out.</summary>
    /// <returns>False at and past <see cref="Count"/>.</returns>
    public readonly bool TryGet(uint index, MemoryRange* range)
    {
        if (index >= _count)
        {
            return false;
        }

        range->Start = _starts[index];
        range->Length = _ends[index] - _starts[index];
        range->Kind = _kinds[index];
        return true;
    }

    /// <summary>Takes a range out of use, whatever it was.</summary>
    public void Reserve(ulong start, ulong length) => Add(start, length, Reserved);

    /// <summary>Adds a range that a loader's table has: its start, its length, its kind in 32 bits.</summary>
    public void AddEntry(ByteWindow table, ulong offset) =>
        Add(table.Load64(offset), table.Load64(offset + 8), table.Load32(offset + 16));

    /// <summary>Adds a range as it was reported.</summary>
    /// <param name="start">The first byte.</param>
    /// <param name="length">The number of bytes; what leaves the address space is cut, an empty range ignored.</param>
    /// <param name="kind"><see cref="Ram"/>, or any other number for memory that is not to be used.</param>
    public void Add(ulong start, ulong length, uint kind)
    {
        ulong end = length > ulong.MaxValue - start ? ulong.MaxValue : start + length;
        if (start >= end)
        {
            return;
        }

        if (kind != Ram)
        {
            CutRam(start, end);
        }

        // Only what nobody claimed before is left to this range: fill the holes, one after the other.
        ulong cursor = start;
        while (cursor < end)
        {
            uint next = FirstEndingAfter(cursor);
            if (next < _count && _starts[next] <= cursor)
            {
                cursor = _ends[next];
                continue;
            }

            ulong holeEnd = next < _count && _starts[next] < end ? _starts[next] : end;
            Place(cursor, holeEnd, kind);
            cursor = holeEnd;
        }
    }

    private readonly uint FirstEndingAfter(ulong address)
    {
        uint index = 0;
        while (index < _count && _ends[index] <= address)
        {
            index++;
        }

        return index;
    }

    private void CutRam(ulong start, ulong end)
    {
        uint index = FirstEndingAfter(start);
        while (index < _count && _starts[index] < end)
        {
            if (_kinds[index] != Ram)
            {
                index++;
                continue;
            }

            ulong below = _starts[index] < start ? start - _starts[index] : 0;
            ulong above = _ends[index] > end ? _ends[index] - end : 0;
            ulong ramStart = _starts[index];
            ulong ramEnd = _ends[index];
            RemoveAt(index);
            if (below != 0)
            {
                Place(ramStart, start, Ram);
            }

            if (above != 0)
            {
                Place(end, ramEnd, Ram);
            }

            index = FirstEndingAfter(start);
            if (above != 0)
            {
                return;
            }
        }
    }

    // The caller knows that nothing overlaps start to end.
    private void Place(ulong start, ulong end, uint kind)
    {
        uint next = FirstEndingAfter(start);
        bool joinsBelow = next > 0 && _ends[next - 1] == start && _kinds[next - 1] == kind;
        bool joinsAbove = next < _count && _starts[next] == end && _kinds[next] == kind;
        if (joinsBelow && joinsAbove)
        {
            _ends[next - 1] = _ends[next];
            RemoveAt(next);
            return;
        }

        if (joinsBelow)
        {
            _ends[next - 1] = end;
            return;
        }

        if (joinsAbove)
        {
            _starts[next] = start;
            return;
        }

        if (_count < Capacity)
        {
            InsertAt(next, start, end, kind);
            return;
        }

        PlaceInFullMap(start, end, kind);
    }

    private void PlaceInFullMap(ulong start, ulong end, uint kind)
    {
        uint smallest = SmallestRam();
        if (kind == Ram && (smallest == Capacity || _ends[smallest] - _starts[smallest] >= end - start))
        {
            _droppedRam += end - start;
            return;
        }

        if (smallest != Capacity)
        {
            _droppedRam += _ends[smallest] - _starts[smallest];
            RemoveAt(smallest);
            InsertAt(FirstEndingAfter(start), start, end, kind);
            return;
        }

        // Nothing but reserved ranges: let the nearer neighbour swallow the hole between, which is nobody's RAM.
        uint next = FirstEndingAfter(start);
        bool hasBelow = next > 0;
        bool hasAbove = next < _count;
        if (hasBelow && (!hasAbove || start - _ends[next - 1] <= _starts[next] - end))
        {
            _ends[next - 1] = end;
        }
        else
        {
            _starts[next] = start;
        }
    }

    private readonly uint SmallestRam()
    {
        uint smallest = Capacity;
        for (uint index = 0; index < _count; index++)
        {
            if (_kinds[index] == Ram &&
                (smallest == Capacity || _ends[index] - _starts[index] < _ends[smallest] - _starts[smallest]))
            {
                smallest = index;
            }
        }

        return smallest;
    }

    private void InsertAt(uint index, ulong start, ulong end, uint kind)
    {
        for (uint moved = _count; moved > index; moved--)
        {
            _starts[moved] = _starts[moved - 1];
            _ends[moved] = _ends[moved - 1];
            _kinds[moved] = _kinds[moved - 1];
        }

        _starts[index] = start;
        _ends[index] = end;
        _kinds[index] = kind;
        _count++;
    }

    private void RemoveAt(uint index)
    {
        _count--;
        for (uint moved = index; moved < _count; moved++)
        {
            _starts[moved] = _starts[moved + 1];
            _ends[moved] = _ends[moved + 1];
            _kinds[moved] = _kinds[moved + 1];
        }
    }
}
