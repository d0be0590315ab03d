using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

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

    /// <inheritdoc/>
    public override void Free() => _platform.FreePages(_pages);

    /// <inheritdoc/>
    public override void Quarantine()
    {
        // Pages that nobody gives back are out of use.
    }

    /// <inheritdoc/>
    protected override void SyncNonCoherent(uint offset, uint length, DmaSync operation, AccessSite site)
    {
        // Never called: the memory is coherent.
    }
}
