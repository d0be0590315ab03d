using System;

namespace VirtioGuest.Pci;

/// <summary>A run of bus addresses, of memory or of I/O ports.</summary>
public readonly struct AddressRange
{
    /// <summary>Creates a range.</summary>
    /// <param name="start">The first address.</param>
    /// <param name="length">How many; 0 for none.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range wraps around.</exception>
    public AddressRange(ulong start, ulong length)
    {
        if (length != 0 && length - 1 > ulong.MaxValue - start)
        {
            throw new ArgumentOutOfRangeException(nameof(length));
        }

        Start = start;
        Length = length;
    }

    /// <summary>The first address.</summary>
    public ulong Start { get; }

    /// <summary>How many addresses; 0 for an empty range.</summary>
    public ulong Length { get; }

    /// <summary>Whether there is no address in it.</summary>
    public bool IsEmpty => Length == 0;

    /// <summary>The last address; means nothing in an empty range.</summary>
    public ulong Last => Start + (Length - 1);

    /// <summary>Whether all of another range is in this one. An empty range holds nothing and is in nothing.</summary>
    public bool Contains(AddressRange other) =>
        !IsEmpty && !other.IsEmpty && other.Start >= Start && other.Last <= Last;

    /// <summary>Whether both have an address in common.</summary>
    public bool Overlaps(AddressRange other) =>
        !IsEmpty && !other.IsEmpty && other.Start <= Last && Start <= other.Last;
}
