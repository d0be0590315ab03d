using System;

namespace VirtioGuest.Hal;

/// <summary>What memory has to be like for a device to use it.</summary>
/// <remarks>Made by its constructor: the default value allows no memory at all.</remarks>
public readonly struct DmaConstraints
{
    /// <summary>Says what memory has to be like.</summary>
    /// <param name="alignment">A power of two; both addresses are multiples of it.</param>
    /// <param name="highestAddress">The last byte that the device can address.</param>
    /// <param name="boundary">A power of two of which the memory crosses no multiple; 0 where there is none.</param>
    /// <param name="mustBeCoherent">
    /// Whether <see cref="DmaMemory.IsCoherent"/> is a condition: where driver and device share a block of
    /// <see cref="DmaTag.HandOverGranularity"/> bytes, no hand-over can keep them apart.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">An alignment or boundary is not a power of two.</exception>
    public DmaConstraints(
        uint alignment, ulong highestAddress = ulong.MaxValue, uint boundary = 0, bool mustBeCoherent = false)
    {
        if (alignment == 0 || (alignment & (alignment - 1)) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(alignment));
        }

        if ((boundary & (boundary - 1)) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(boundary));
        }

        Alignment = alignment;
        HighestAddress = highestAddress;
        Boundary = boundary;
        MustBeCoherent = mustBeCoherent;
    }

    /// <summary>A power of two; both addresses are multiples of it.</summary>
    public uint Alignment { get; }

    /// <summary>The last byte that the device can address.</summary>
    public ulong HighestAddress { get; }

    /// <summary>A power of two of which the memory crosses no multiple; 0 where there is none.</summary>
    public uint Boundary { get; }

    /// <summary>Whether only coherent memory will do.</summary>
    public bool MustBeCoherent { get; }

    /// <summary>
    /// The alignment that keeps memory of a length off the boundary as well; 0 where the memory is longer than the
    /// boundary allows.
    /// </summary>
    public uint AlignmentFor(uint length)
    {
        if (Boundary == 0)
        {
            return Alignment;
        }

        if (length > Boundary)
        {
            return 0;
        }

        // A block that is aligned to a power of two not below its length crosses no multiple of a larger one.
        uint alignment = Alignment;
        while (alignment < length)
        {
            alignment <<= 1;
        }

        return alignment;
    }

    /// <summary>Whether memory at a device address satisfies all of this but coherence.</summary>
    public bool Allow(ulong deviceAddress, uint length)
    {
        ulong last = deviceAddress + (length - 1UL);
        return Alignment != 0
            && last >= deviceAddress
            && last <= HighestAddress
            && (deviceAddress & (Alignment - 1UL)) == 0
            && (Boundary == 0 || (deviceAddress & ~(Boundary - 1UL)) == (last & ~(Boundary - 1UL)));
    }
}
