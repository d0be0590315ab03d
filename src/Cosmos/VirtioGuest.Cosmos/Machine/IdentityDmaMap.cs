using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>A buffer as a device sees it where there is no paging: in one piece, at its own address.</summary>
internal sealed unsafe class IdentityDmaMap : DmaMap
{
    /// <summary>Creates an empty map.</summary>
    internal IdentityDmaMap(DmaMapLimits limits, BouncePool? bounce)
        : base(limits, bounce)
    {
    }

    /// <inheritdoc/>
    protected override DmaStatus LoadDirect(byte* buffer, uint length) => Append((ulong)buffer, length);

    /// <inheritdoc/>
    protected override void SyncDirect(uint offset, uint length, DmaSync operation, AccessSite site)
    {
        // The caches of a PC see what devices write, and devices see what caches hold.
    }

    /// <inheritdoc/>
    protected override void UnloadDirect()
    {
        // Nothing was noted.
    }
}
