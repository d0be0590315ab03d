using System;

namespace VirtioGuest.Hal;

/// <summary>What the segments of a <see cref="DmaMap"/> have to be like for a device to take them.</summary>
/// <remarks>Made by its constructor: with the default value no map can be created.</remarks>
public readonly struct DmaMapLimits
{
    private const int MostSegments = 65536;

    /// <summary>Says what segments have to be like.</summary>
    /// <param name="maximumSegments">How many there may be, 1 to 65536.</param>
    /// <param name="maximumSegmentLength">How many bytes one may have, at least <paramref name="alignment"/>.</param>
    /// <param name="highestAddress">The last byte that the device can address.</param>
    /// <param name="alignment">A power of two; each segment starts at a multiple of it.</param>
    /// <param name="boundary">
    /// A power of two, at least <paramref name="alignment"/>, of which no segment crosses a multiple; 0 for none.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A parameter is not as described.</exception>
    public DmaMapLimits(
        int maximumSegments,
        uint maximumSegmentLength,
        ulong highestAddress = ulong.MaxValue,
        uint alignment = 1,
        uint boundary = 0)
    {
        if (maximumSegments < 1 || maximumSegments > MostSegments)
        {
            throw new ArgumentOutOfRangeException(nameof(maximumSegments));
        }

        if (alignment == 0 || (alignment & (alignment - 1)) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(alignment));
        }

        if (maximumSegmentLength == 0 || maximumSegmentLength < alignment)
        {
            throw new ArgumentOutOfRangeException(nameof(maximumSegmentLength));
        }

        if ((boundary & (boundary - 1)) != 0 || (boundary != 0 && boundary < alignment))
        {
            throw new ArgumentOutOfRangeException(nameof(boundary));
        }

        MaximumSegments = maximumSegments;
        MaximumSegmentLength = maximumSegmentLength;
        HighestAddress = highestAddress;
        Alignment = alignment;
        Boundary = boundary;
    }

    /// <summary>How many segments there may be.</summary>
    public int MaximumSegments { get; }

    /// <summary>How many bytes a segment may have.</summary>
    public uint MaximumSegmentLength { get; }

    /// <summary>The last byte that the device can address.</summary>
    public ulong HighestAddress { get; }

    /// <summary>A power of two; each segment starts at a multiple of it.</summary>
    public uint Alignment { get; }

    /// <summary>A power of two of which no segment crosses a multiple; 0 for none.</summary>
    public uint Boundary { get; }

    /// <summary>How many bytes a segment that starts at an address may have.</summary>
    internal uint RoomAt(ulong deviceAddress)
    {
        // What follows a full segment is the start of the next one, so it has to be aligned as well.
        uint room = MaximumSegmentLength & ~(Alignment - 1);
        if (Boundary != 0)
        {
            uint untilBoundary = Boundary - (uint)(deviceAddress & (Boundary - 1UL));
            room = untilBoundary < room ? untilBoundary : room;
        }

        return room;
    }
}
