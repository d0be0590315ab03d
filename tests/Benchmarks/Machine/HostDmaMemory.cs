using System;
using System.Runtime.InteropServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Benchmarks.Machine;

/// <summary>Memory of this process as DMA memory: coherent, at the same address for both sides.</summary>
internal sealed unsafe class HostDmaMemory : DmaMemory
{
    /// <summary>Wraps zeroed memory from <see cref="NativeMemory"/>.</summary>
    public HostDmaMemory(byte* address, uint length)
        : base(address, (ulong)address, length, isCoherent: true)
    {
    }

    /// <inheritdoc/>
    public override void Free() => NativeMemory.AlignedFree(Address);

    /// <inheritdoc/>
    public override void Quarantine() => Free();

    /// <inheritdoc/>
    protected override void SyncNonCoherent(uint offset, uint length, DmaSync operation, AccessSite site) =>
        throw new InvalidOperationException("coherent memory needs no maintenance");
}
