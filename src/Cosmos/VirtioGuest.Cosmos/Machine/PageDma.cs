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

    /// <inheritdoc/>
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
        if (first == null)
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

    /// <inheritdoc/>
    public override DmaMap CreateMap(DmaMapLimits limits, BouncePool? bounce) => new IdentityDmaMap(limits, bounce);
}
