namespace VirtioGuest.Hal;

/// <summary>
/// What one device can reach of a machine's memory and on which terms, after <c>bus_dma_tag</c>: the source of all
/// memory that the device is told of.
/// </summary>
public abstract class DmaTag
{
    /// <summary>
    /// The size in bytes of the blocks that hand-overs work in: in memory that is not coherent, bytes of the driver and
    /// bytes of the device must not share an aligned block of this size. A power of two, the length of a cache line;
    /// 1 where memory is coherent.
    /// </summary>
    public virtual uint HandOverGranularity => 1;

    /// <summary>Allocates zeroed memory, contiguous for the device.</summary>
    /// <param name="length">Bytes, at least 1.</param>
    /// <param name="alignment">A power of two; both addresses are multiples of it.</param>
    /// <returns>The memory, or null where none is left.</returns>
    public DmaMemory? Allocate(uint length, uint alignment) => Allocate(length, new DmaConstraints(alignment));

    /// <summary>Allocates zeroed memory, contiguous for the device.</summary>
    /// <param name="length">Bytes, at least 1.</param>
    /// <param name="constraints">What it has to be like.</param>
    /// <returns>The memory, or null where the machine has none like that, or none left.</returns>
    public abstract DmaMemory? Allocate(uint length, DmaConstraints constraints);

    /// <summary>Creates an empty map for requests of a device.</summary>
    /// <param name="maximumSegments">How many segments a request may have, 1 to 65536.</param>
    /// <param name="maximumSegmentLength">How many bytes a segment may have, at least 1.</param>
    public DmaMap CreateMap(int maximumSegments, uint maximumSegmentLength) =>
        CreateMap(new DmaMapLimits(maximumSegments, maximumSegmentLength), null);

    /// <summary>Creates an empty map for requests of a device.</summary>
    /// <param name="limits">What its segments have to be like.</param>
    /// <param name="bounce">
    /// Memory to copy through where a buffer cannot be given to the device as it is; null to refuse such buffers.
    /// </param>
    public abstract DmaMap CreateMap(DmaMapLimits limits, BouncePool? bounce);
}
