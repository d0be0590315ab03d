using System;
using System.Runtime.InteropServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Benchmarks.Machine;

/// <summary>Gives out memory of this process.</summary>
internal sealed unsafe class HostDmaTag : DmaTag
{
    /// <inheritdoc/>
    public override DmaMemory Allocate(uint length, DmaConstraints constraints)
    {
        byte* address = (byte*)NativeMemory.AlignedAlloc(length, constraints.Alignment);
        NativeMemory.Clear(address, length);
        return new HostDmaMemory(address, length);
    }

    /// <inheritdoc/>
    public override DmaMap CreateMap(DmaMapLimits limits, BouncePool? bounce) =>
        throw new NotSupportedException("rings need no maps");
}
