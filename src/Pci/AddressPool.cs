using System.Collections.Generic;

namespace VirtioGuest.Pci;

/// <summary>
/// Addresses of one kind that one bus can reach: the windows that are free to give out, and what is taken.
/// </summary>
internal sealed class AddressPool
{
    private readonly List<AddressRange> _windows = new List<AddressRange>();
    private readonly List<AddressRange> _taken = new List<AddressRange>();

    /// <summary>Adds a window; lower windows are given out first.</summary>
    public void AddWindow(AddressRange window)
    {
        if (window.IsEmpty)
        {
            return;
        }

        int place = _windows.Count;
        while (place > 0 && _windows[place - 1].Start > window.Start)
        {
            place--;
        }

        _windows.Insert(place, window);
    }

    /// <summary>Takes a range, whatever else is there.</summary>
    public void Reserve(AddressRange range)
    {
        if (!range.IsEmpty)
        {
            _taken.Add(range);
        }
    }

    /// <summary>Takes a range that overlaps nothing taken.</summary>
    public bool TryTake(AddressRange range)
    {
        if (range.IsEmpty || IndexOfOverlap(range) >= 0)
        {
            return false;
        }

        _taken.Add(range);
        return true;
    }

    /// <summary>Takes a range that lies in one of the windows and overlaps nothing taken.</summary>
    public bool TryTakeInside(AddressRange range)
    {
        for (int index = 0; index < _windows.Count; index++)
        {
            AddressRange window = _windows[index];
            if (window.Contains(range))
            {
                return TryTake(range);
            }
        }

        return false;
    }

    /// <summary>Gives back a range that was taken; another one is no fault.</summary>
    public void Release(AddressRange range)
    {
        for (int index = 0; index < _taken.Count; index++)
        {
            if (_taken[index].Start == range.Start && _taken[index].Length == range.Length)
            {
                _taken.RemoveAt(index);
                return;
            }
        }
    }

    /// <summary>Takes the lowest free range of a size.</summary>
    /// <param name="length">How many addresses, at least 1.</param>
    /// <param name="alignment">A power of two.</param>
    /// <param name="last">The last address that will do.</param>
    /// <param name="range">What was taken.</param>
    public bool TryAllocate(ulong length, ulong alignment, ulong last, out AddressRange range)
    {
        for (int index = 0; index < _windows.Count; index++)
        {
            AddressRange window = _windows[index];
            ulong end = window.Last < last ? window.Last : last;
            ulong start = window.Start;
            while (TryAlign(start, alignment, out start) && start <= end && length - 1 <= end - start)
            {
                range = new AddressRange(start, length);
                int obstacle = IndexOfOverlap(range);
                if (obstacle < 0)
                {
                    _taken.Add(range);
                    return true;
                }

                // Each obstacle is passed once: the next try starts above it.
                if (_taken[obstacle].Last == ulong.MaxValue)
                {
                    break;
                }

                start = _taken[obstacle].Last + 1;
            }
        }

        range = default;
        return false;
    }

    /// <summary>Rounds up to a multiple of a power of two; false where that is beyond all addresses.</summary>
    public static bool TryAlign(ulong value, ulong alignment, out ulong aligned)
    {
        aligned = (value + (alignment - 1)) & ~(alignment - 1);
        return aligned >= value;
    }

    private int IndexOfOverlap(AddressRange range)
    {
        for (int i = 0; i < _taken.Count; i++)
        {
            if (_taken[i].Overlaps(range))
            {
                return i;
            }
        }

        return -1;
    }
}
