using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>A part of a managed array as a device sees it for the length of one request.</summary>
/// <remarks>
/// Cosmos' collector never moves an object, so nothing has to be pinned while the device is at work; host tests hand
/// over arrays that were allocated pinned. The array is referred to until it is unloaded, so it is not collected.
/// </remarks>
internal sealed unsafe class BufferMap
{
    private readonly DmaMap _map;
    private byte[]? _array;

    /// <summary>Creates an empty map.</summary>
    internal BufferMap(DmaTag dma, int maximumSegments, uint maximumSegmentLength)
    {
        _map = dma.CreateMap(maximumSegments, maximumSegmentLength);
    }

    /// <summary>The part's segments.</summary>
    internal ReadOnlySpan<DmaSegment> Segments => _map.Segments;

    /// <summary>Loads a part of an array, which has been checked to be inside of it.</summary>
    internal DmaStatus Load(byte[] array, uint offset, uint length)
    {
        fixed (byte* start = array)
        {
            DmaStatus status = _map.Load(start + offset, length);
            _array = status == DmaStatus.Ok ? array : null;
            return status;
        }
    }

    /// <summary>Hands the whole part over between processor and device.</summary>
    internal void Sync(uint length, DmaSync operation) => _map.Sync(0, length, operation);

    /// <summary>Forgets the part, after its POST hand-over.</summary>
    internal void Unload()
    {
        _map.Unload();
        _array = null;
    }

    /// <summary>
    /// Forgets the part of an array that a device may still use. The array is the caller's to keep for good.
    /// </summary>
    /// <returns>The array.</returns>
    internal byte[]? Quarantine()
    {
        byte[]? array = _array;
        _map.Quarantine();
        _array = null;
        return array;
    }
}
