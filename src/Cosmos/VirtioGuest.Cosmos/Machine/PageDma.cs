using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>
/// DMA memory on a machine without paging: whole pages, coherent, at the same address for the device and the processor.
/// </summary>
internal sealed unsafe class PageDma : DmaTag
{
    private readonly Platform _platform;

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

        // Pages are aligned to their size only. For more, enough are taken to have an aligned address among them.
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

internal sealed unsafe class PageMemory : DmaMemory
{
    private readonly Platform _platform;
    private readonly byte* _pages;

    /// <param name="platform">Where the pages came from.</param>
    /// <param name="pages">The first page.</param>
    /// <param name="address">Where in the pages the memory starts.</param>
    /// <param name="length">The size of the memory in bytes.</param>
    internal PageMemory(Platform platform, byte* pages, byte* address, uint length)
        : base(address, (ulong)address, length, isCoherent: true)
    {
        _platform = platform;
        _pages = pages;
    }

    public override void Free() => _platform.FreePages(_pages);

    public override void Quarantine()
    {
        // Pages that are never freed are never used again.
    }

    protected override void SyncNonCoherent(uint offset, uint length, DmaSync operation, AccessSite site)
    {
        // Never called: the memory is coherent.
    }
}

/// <summary>Maps a buffer where there is no paging: one segment, at the buffer's own address.</summary>
internal sealed unsafe class IdentityDmaMap : DmaMap
{
    internal IdentityDmaMap(DmaMapLimits limits, BouncePool? bounce)
        : base(limits, bounce)
    {
    }

    protected override DmaStatus LoadDirect(byte* buffer, uint length) => Append((ulong)buffer, length);

    protected override void SyncDirect(uint offset, uint length, DmaSync operation, AccessSite site)
    {
        // Caches and DMA are coherent on a PC.
    }

    protected override void UnloadDirect()
    {
        // LoadDirect keeps nothing of its own.
    }
}

/// <summary>Maps a part of a managed array for one request.</summary>
/// <remarks>
/// Cosmos' collector never moves an object, so the array need not be pinned while the device uses it; host tests pass
/// arrays that were allocated pinned. The map refers to the array until it is unloaded, so the array is not collected.
/// </remarks>
internal sealed unsafe class BufferMap
{
    private readonly DmaMap _map;
    private byte[]? _array;

    internal BufferMap(DmaTag dma, int maximumSegments, uint maximumSegmentLength)
    {
        _map = dma.CreateMap(maximumSegments, maximumSegmentLength);
    }

    internal ReadOnlySpan<DmaSegment> Segments => _map.Segments;

    /// <summary>Loads a part of an array. The caller has checked the range.</summary>
    internal DmaStatus Load(byte[] array, uint offset, uint length)
    {
        fixed (byte* start = array)
        {
            DmaStatus status = _map.Load(start + offset, length);
            _array = status == DmaStatus.Ok ? array : null;
            return status;
        }
    }

    /// <summary>Hands the whole part to the device or back.</summary>
    internal void Sync(uint length, DmaSync operation) => _map.Sync(0, length, operation);

    /// <summary>Ends the mapping, after the POST sync.</summary>
    internal void Unload()
    {
        _map.Unload();
        _array = null;
    }

    /// <summary>Ends the mapping of an array that a device may still use.</summary>
    /// <returns>The array, which the caller has to keep alive for good.</returns>
    internal byte[]? Quarantine()
    {
        byte[]? array = _array;
        _map.Quarantine();
        _array = null;
        return array;
    }
}
