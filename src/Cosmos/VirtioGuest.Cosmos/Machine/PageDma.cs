using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>
/// Memory for devices on a machine without paging: whole pages, which device and processor see at one address, and
/// which their caches keep alike.
/// </summary>
internal sealed unsafe class PageDma : DmaTag
{
    private readonly Platform _platform;

    /// <summary>Takes pages from a platform.</summary>
    internal PageDma(Platform platform)
    {
        _platform = platform;
    }

    public override DmaMemory? Allocate(uint length, DmaConstraints constraints)
    {
        uint alignment = constraints.AlignmentFor(length);
        if (length == 0 || alignment == 0)
        {
            return null;
        }

        // Pages are aligned to their size only; for more, enough is taken to find an aligned place inside.
        ulong bytes = length + (alignment > Platform.PageLength ? alignment - Platform.PageLength : 0UL);
        ulong pages = (bytes + (Platform.PageLength - 1)) / Platform.PageLength;
        byte* first = _platform.AllocatePages((uint)pages);
        if (first is null)
        {
            return null;
        }

        ulong start = (ulong)first;
        ulong address = (start + (alignment - 1UL)) & ~(alignment - 1UL);
        if (!constraints.Allow(address, length))
        {
            _platform.FreePages(first);
            return null;
        }

        return new PageMemory(_platform, first, first + (uint)(address - start), length);
    }

    public override DmaMap CreateMap(DmaMapLimits limits, BouncePool? bounce) => new IdentityDmaMap(limits, bounce);
}

/// <summary>Pages that a device was told of.</summary>
internal sealed unsafe class PageMemory : DmaMemory
{
    private readonly Platform _platform;
    private readonly byte* _pages;

    /// <summary>Describes an allocation.</summary>
    /// <param name="platform">Where it came from.</param>
    /// <param name="pages">What it gave.</param>
    /// <param name="address">Where in that the memory starts.</param>
    /// <param name="length">Its size in bytes.</param>
    internal PageMemory(Platform platform, byte* pages, byte* address, uint length)
        : base(address, (ulong)address, length, isCoherent: true)
    {
        _platform = platform;
        _pages = pages;
    }

    public override void Free() => _platform.FreePages(_pages);

    public override void Quarantine()
    {
        // Pages that nobody gives back are out of use.
    }

    protected override void SyncNonCoherent(uint offset, uint length, DmaSync operation, AccessSite site)
    {
        // Never called: the memory is coherent.
    }
}

/// <summary>A buffer as a device sees it where there is no paging: in one piece, at its own address.</summary>
internal sealed unsafe class IdentityDmaMap : DmaMap
{
    /// <summary>Creates an empty map.</summary>
    internal IdentityDmaMap(DmaMapLimits limits, BouncePool? bounce)
        : base(limits, bounce)
    {
    }

    protected override DmaStatus LoadDirect(byte* buffer, uint length) => Append((ulong)buffer, length);

    protected override void SyncDirect(uint offset, uint length, DmaSync operation, AccessSite site)
    {
        // The caches of a PC see what devices write, and devices see what caches hold.
    }

    protected override void UnloadDirect()
    {
        // Nothing was noted.
    }
}

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
