namespace VirtioGuest.Hal;

/// <summary>
/// What one device can reach of a machine's memory and on which terms, after <c>bus_dma_tag</c>: the source of all
/// memory that the device is told of.
/// </summary>
public abstract class DmaTag
{
    /// <summary>Allocates zeroed memory, contiguous for the device.</summary>
    /// <param name="length">Bytes, at least 1.</param>
    /// <param name="alignment">A power of two; both addresses are multiples of it.</param>
    /// <returns>The memory, or null where none is left.</returns>
    public abstract DmaMemory? Allocate(uint length, uint alignment);

    /// <summary>Creates an empty map for requests of a device.</summary>
    /// <param name="maximumSegments">How many segments a request may have, at least 1.</param>
    /// <param name="maximumSegmentLength">How many bytes a segment may have, at least 1.</param>
    public abstract DmaMap CreateMap(int maximumSegments, uint maximumSegmentLength);
}
