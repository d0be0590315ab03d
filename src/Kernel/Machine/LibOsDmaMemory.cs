using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Machine;

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
