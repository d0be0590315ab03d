using System;
using VirtioGuest.Hal;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Machine;

/// <summary>
/// Memory for devices that see the processor's physical addresses up to a limit and keep their view coherent by
/// themselves, as every PC's devices do.
/// </summary>
internal sealed class LibOsDmaTag : DmaTag
{
    private readonly ulong _highestAddress;
    private readonly LibOsAddressTranslation _translation = new();

    /// <summary>Creates the terms of a device.</summary>
    /// <param name="highestAddress">The last physical byte that the device can address.</param>
    public LibOsDmaTag(ulong highestAddress)
    {
        _highestAddress = highestAddress;
    }

    /// <inheritdoc/>
    public override unsafe DmaMemory? Allocate(uint length, DmaConstraints constraints)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ArgumentOutOfRangeException.ThrowIfZero(constraints.Alignment);
        uint alignment = constraints.AlignmentFor(length);
        if (alignment == 0)
        {
            return null;
        }

        ulong highest = Math.Min(_highestAddress, constraints.HighestAddress);
        DmaGrant grant;
        long result = LibOsCalls.AllocateDma(length, alignment, highest, &grant);
        return LibOsError.IsError(result)
            ? null
            : new LibOsDmaMemory((byte*)grant.VirtualAddress, grant.PhysicalAddress, length);
    }

    /// <inheritdoc/>
    public override DmaMap CreateMap(DmaMapLimits limits, BouncePool? bounce) =>
        new PhysicalDmaMap(_translation, limits, _highestAddress, bounce);
}

/// <summary>Contiguous frames outside of the garbage-collected heap.</summary>
internal sealed unsafe class LibOsDmaMemory : DmaMemory
{
    private bool _isGone;

    /// <summary>Describes frames that LibOS has given out.</summary>
    public LibOsDmaMemory(byte* address, ulong physicalAddress, uint length)
        : base(address, physicalAddress, length, isCoherent: true)
    {
    }

    /// <inheritdoc/>
    public override void Free()
    {
        GiveUp();
        LibOsError.ThrowIfError(LibOsCalls.FreeDma(DeviceAddress, Length), "libos_dma_free");
    }

    /// <inheritdoc/>
    public override void Quarantine()
    {
        GiveUp();
        LibOsError.ThrowIfError(LibOsCalls.QuarantineDma(DeviceAddress, Length), "libos_dma_quarantine");
    }

    /// <inheritdoc/>
    /// <remarks>Never called: the memory is coherent.</remarks>
    protected override void SyncNonCoherent(uint offset, uint length, DmaSync operation, AccessSite site) =>
        throw new InvalidOperationException("coherent memory needs no maintenance");

    private void GiveUp()
    {
        if (_isGone)
        {
            throw new InvalidOperationException("device memory was given up twice");
        }

        _isGone = true;
    }
}
