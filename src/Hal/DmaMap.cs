using System;

namespace VirtioGuest.Hal;

/// <summary>
/// The device's view of one buffer for the length of one request, after <c>bus_dmamap</c>.
/// </summary>
/// <remarks>
/// A map is created once with its limits and loaded again for each request; loading allocates nothing. Segments never
/// exceed the limits given to <see cref="DmaTag.CreateMap"/>.
/// </remarks>
public abstract unsafe class DmaMap
{
    private readonly DmaSegment[] _segments;

    /// <summary>Creates an empty map for at most <paramref name="maximumSegments"/> segments.</summary>
    protected DmaMap(int maximumSegments)
    {
        _segments = new DmaSegment[maximumSegments];
    }

    /// <summary>How many segments the loaded buffer has; 0 when nothing is loaded.</summary>
    public int SegmentCount { get; protected set; }

    /// <summary>The loaded buffer's segments, in order.</summary>
    public ReadOnlySpan<DmaSegment> Segments => new ReadOnlySpan<DmaSegment>(_segments, 0, SegmentCount);

    /// <summary>The store behind <see cref="Segments"/>.</summary>
    protected DmaSegment[] SegmentStore => _segments;

    /// <summary>Turns a buffer into segments.</summary>
    /// <param name="buffer">
    /// Memory that does not move until <see cref="Unload"/>: pinned managed memory, native memory or DMA memory.
    /// </param>
    /// <param name="length">Its size in bytes; 0 gives no segment.</param>
    /// <returns>
    /// <see cref="DmaStatus.Ok"/>, or why it cannot be done; then nothing is loaded.
    /// </returns>
    public abstract DmaStatus Load(byte* buffer, uint length);

    /// <summary>Hands a range of the loaded buffer over between processor and device.</summary>
    public abstract void Sync(uint offset, uint length, DmaSync operation);

    /// <summary>Forgets the buffer. The last POST operation comes first.</summary>
    public abstract void Unload();
}
