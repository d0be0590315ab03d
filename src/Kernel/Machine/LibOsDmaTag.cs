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
