using System;

namespace VirtioGuest.Net.Tcp;

/// <summary>Sequence numbers from one up to another, which is not among them.</summary>
internal readonly record struct TcpRange(long Start, long End);

/// <summary>A bounded set of sequence numbers as ranges in order, none of which touch.</summary>
internal sealed class TcpRanges
{
    /// <summary>How many ranges are remembered. More come only from a peer that means no good.</summary>
    public const int Capacity = 32;

    private readonly TcpRange[] _ranges = new TcpRange[Capacity];

    public int Count { get; private set; }

    public TcpRange this[int index] => _ranges[index];

    /// <summary>The end of the last range; there is one.</summary>
    public long End => _ranges[Count - 1].End;

    /// <summary>Adds a range, joined with those that it touches.</summary>
    /// <returns>How many of its numbers were not there before; 0 also where there is no room.</returns>
    public long Add(long start, long end)
    {
        int first = 0;
        while (first < Count && _ranges[first].End < start)
        {
            first++;
        }

        int after = first;
        long before = 0;
        while (after < Count && _ranges[after].Start <= end)
        {
            before += _ranges[after].End - _ranges[after].Start;
            after++;
        }

        if (after == first)
        {
            if (Count == Capacity)
            {
                return 0;
            }

            Array.Copy(_ranges, first, _ranges, first + 1, Count - first);
            Count++;
        }
        else
        {
            start = Math.Min(start, _ranges[first].Start);
            end = Math.Max(end, _ranges[after - 1].End);
            Array.Copy(_ranges, after, _ranges, first + 1, Count - after);
            Count -= after - first - 1;
        }

        _ranges[first] = new TcpRange(start, end);
        return end - start - before;
    }

    /// <summary>Removes all numbers below one.</summary>
    public void RemoveBelow(long sequence)
    {
        int gone = 0;
        while (gone < Count && _ranges[gone].End <= sequence)
        {
            gone++;
        }

        Array.Copy(_ranges, gone, _ranges, 0, Count - gone);
        Count -= gone;
        if (Count > 0 && _ranges[0].Start < sequence)
        {
            _ranges[0] = _ranges[0] with { Start = sequence };
        }
    }

    public void Clear() => Count = 0;
}
