using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>A part of a <see cref="WeakMemory"/>.</summary>
internal sealed unsafe class WeakDmaMemory : DmaMemory
{
    /// <summary>Describes the part.</summary>
    internal WeakDmaMemory(byte* address, ulong deviceAddress, uint length)
        : base(address, deviceAddress, length, isCoherent: true)
    {
    }

    /// <inheritdoc/>
    /// <remarks>The next schedule starts with an empty memory.</remarks>
    public override void Free()
    {
    }

    /// <inheritdoc/>
    public override void Quarantine()
    {
    }

    /// <inheritdoc/>
    /// <remarks>Never called: the memory is coherent.</remarks>
    protected override void SyncNonCoherent(uint offset, uint length, DmaSync operation, AccessSite site) =>
        throw new InvalidOperationException("Coherent memory needs no maintenance.");
}
