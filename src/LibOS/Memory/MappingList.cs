using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Memory;

/// <summary>What the program may do with a range of its address space: the PROT_ values of mmap.</summary>
internal static class Protection
{
    public const uint None = 0;
    public const uint Read = 1;
    public const uint Write = 2;
    public const uint Execute = 4;
}

/// <summary>A range of the program's address space with one protection.</summary>
internal struct Mapping
{
    /// <summary>The first byte, page-aligned.</summary>
    public ulong Start;

    /// <summary>The byte after the last, page-aligned.</summary>
    public ulong End;

    /// <summary>A combination of <see cref="Memory.Protection"/>'s values.</summary>
    public uint Protection;
}

/// <summary>
/// The program's address space as a sorted array of ranges that do not overlap; neighbours with the same protection are
/// one range.
/// </summary>
internal unsafe struct MappingList
{
    // What an operation may need in between: it splits two ranges before it removes or merges any.
    private const int Spare = 2;

    private Mapping* _mappings;
    private int _capacity;

    public int Count { get; private set; }

    /// <summary>Starts empty.</summary>
    /// <param name="store">Room for <paramref name="capacity"/> ranges.</param>
    /// <param name="capacity">At least 3.</param>
    public void Initialize(Mapping* store, int capacity)
    {
        _mappings = store;
        _capacity = capacity;
        Count = 0;
    }

    /// <summary>The range at a position, 0 to <see cref="Count"/> - 1.</summary>
    public readonly Mapping this[int index] => _mappings[index];

    /// <summary>
    /// The position of the first range that ends after an address; <see cref="Count"/> when none does.
    /// </summary>
    public readonly int FirstEndingAfter(ulong address)
    {
        int low = 0;
        int high = Count;
        while (low < high)
        {
            int middle = (low + high) >> 1;
            if (_mappings[middle].End <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    public readonly bool TryFind(ulong address, out Mapping mapping)
    {
        int index = FirstEndingAfter(address);
        bool found = index < Count && _mappings[index].Start <= address;
        mapping = found ? _mappings[index] : default;
        return found;
    }

    /// <summary>Whether every byte of a range is mapped.</summary>
    public readonly bool Covers(ulong start, ulong end)
    {
        for (int i = FirstEndingAfter(start); start < end; i++)
        {
            if (i >= Count || _mappings[i].Start > start)
            {
                return false;
            }

            start = _mappings[i].End;
        }

        return true;
    }

    /// <summary>
    /// Whether there is room for a <see cref="Map"/>, or for a <see cref="Protect"/> of a range that
    /// <see cref="Covers"/> says is mapped. There always is for one that leaves no more ranges than there were.
    /// </summary>
    /// <param name="start">The first byte, page-aligned.</param>
    /// <param name="end">The byte after the last, page-aligned, above <paramref name="start"/>.</param>
    /// <param name="protection">What the range is going to have.</param>
    /// <param name="more">How many more ranges must find room afterwards, at least 0.</param>
    public readonly bool HasRoomToMap(ulong start, ulong end, uint protection, int more)
    {
        FindOverlap(start, end, out int first, out int after);
        int growth = more + 1 + first - after;
        if (first < after && _mappings[first].Start < start)
        {
            growth += _mappings[first].Protection == protection ? 0 : 1;
        }
        else if (first > 0 && _mappings[first - 1].End == start && _mappings[first - 1].Protection == protection)
        {
            growth--;
        }

        if (first < after && _mappings[after - 1].End > end)
        {
            growth += _mappings[after - 1].Protection == protection ? 0 : 1;
        }
        else if (after < Count && _mappings[after].Start == end && _mappings[after].Protection == protection)
        {
            growth--;
        }

        return HasRoomFor(growth);
    }

    /// <summary>
    /// Whether there is room for an <see cref="Unmap"/>: there is unless it takes the middle out of a range.
    /// </summary>
    /// <param name="start">The first byte, page-aligned.</param>
    /// <param name="end">The byte after the last, page-aligned, above <paramref name="start"/>.</param>
    public readonly bool HasRoomToUnmap(ulong start, ulong end)
    {
        FindOverlap(start, end, out int first, out int after);
        bool isMiddle = after - first == 1 && _mappings[first].Start < start && _mappings[first].End > end;
        return HasRoomFor(isMiddle ? 1 : 0);
    }

    /// <summary>
    /// Adds a range in place of whatever was there. <see cref="HasRoomToMap"/> must hold.
    /// </summary>
    public void Map(ulong start, ulong end, uint protection)
    {
        Unmap(start, end);
        Insert(FirstEndingAfter(start), new() { Start = start, End = end, Protection = protection });
        MergeAround(start, end);
    }

    /// <summary>
    /// Removes a range, splitting those at its edges. <see cref="HasRoomToUnmap"/> must hold.
    /// </summary>
    public void Unmap(ulong start, ulong end)
    {
        SplitAt(start);
        SplitAt(end);
        FindOverlap(start, end, out int first, out int after);
        Remove(first, after - first);
    }

    /// <summary>
    /// Changes the protection of what is mapped in a range. <see cref="HasRoomToMap"/> must hold.
    /// </summary>
    public void Protect(ulong start, ulong end, uint protection)
    {
        SplitAt(start);
        SplitAt(end);
        for (int i = FirstEndingAfter(start); i < Count && _mappings[i].Start < end; i++)
        {
            _mappings[i].Protection = protection;
        }

        MergeAround(start, end);
    }

    /// <summary>
    /// Finds free room as high as possible below a limit, leaving at least a page to each neighbour so that a run over
    /// an edge faults.
    /// </summary>
    /// <returns>The first byte, or 0 where there is no room.</returns>
    public readonly ulong FindFree(ulong length, ulong alignment, ulong lowest, ulong limit)
    {
        ulong top = limit;
        for (int i = Count - 1; i >= -1; i--)
        {
            ulong bottom = i >= 0 ? _mappings[i].End : lowest;
            if (top > bottom && top - bottom >= length + (2 * Frame.Size))
            {
                ulong start = (top - Frame.Size - length) & ~(alignment - 1);
                if (start >= bottom + Frame.Size)
                {
                    return start;
                }
            }

            if (i >= 0)
            {
                top = _mappings[i].Start;
            }
        }

        return 0;
    }

    private readonly bool HasRoomFor(int growth) => growth <= 0 || Count + growth <= _capacity - Spare;

    // The positions of the first range that has a byte in common with another, and of the first after those.
    private readonly void FindOverlap(ulong start, ulong end, out int first, out int after)
    {
        first = FirstEndingAfter(start);
        after = FirstEndingAfter(end);
        if (after < Count && _mappings[after].Start < end)
        {
            after++;
        }
    }

    private void SplitAt(ulong address)
    {
        int index = FirstEndingAfter(address);
        if (index < Count && _mappings[index].Start < address)
        {
            Mapping upper = _mappings[index];
            upper.Start = address;
            _mappings[index].End = address;
            Insert(index + 1, upper);
        }
    }

    private void MergeAround(ulong start, ulong end)
    {
        int index = FirstEndingAfter(start == 0 ? 0 : start - 1);
        while (index + 1 < Count && _mappings[index].Start <= end)
        {
            Mapping* lower = &_mappings[index];
            Mapping* upper = &_mappings[index + 1];
            if (lower->End == upper->Start && lower->Protection == upper->Protection)
            {
                lower->End = upper->End;
                Remove(index + 1, 1);
            }
            else
            {
                index++;
            }
        }
    }

    private void Insert(int index, Mapping mapping)
    {
        if (Count == _capacity)
        {
            Panic.Fail("the mapping list is full");
        }

        Processor.Move(&_mappings[index + 1], &_mappings[index], (ulong)(Count - index) * (ulong)sizeof(Mapping));
        _mappings[index] = mapping;
        Count++;
    }

    private void Remove(int index, int count)
    {
        Processor.Move(
            &_mappings[index],
            &_mappings[index + count],
            (ulong)(Count - index - count) * (ulong)sizeof(Mapping));
        Count -= count;
    }
}
