using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>An allocation of a <see cref="SimulatedDma"/>.</summary>
internal sealed unsafe class SimulatedDmaMemory : DmaMemory
{
    private readonly SimulatedDma _dma;
    private readonly SimulatedRegion _region;
    private bool _isGivenUp;

    /// <summary>Describes the allocation.</summary>
    internal SimulatedDmaMemory(SimulatedDma dma, SimulatedRegion region, ulong deviceAddress, bool isCoherent)
        : base(region.Processor, deviceAddress, region.Length, isCoherent)
    {
        _dma = dma;
        _region = region;
    }

    /// <inheritdoc/>
    public override void Free()
    {
        GiveUp();
        if (_region.Cache != null)
        {
            _dma.Auditor.GiveUp(_region, 0, _region.Length, "memory was freed");
        }

        _region.IsGone = true;
        _dma.Freed++;
    }

    /// <inheritdoc/>
    public override void Quarantine()
    {
        GiveUp();
        _dma.Quarantined++;
        _dma.QuarantinedBytes += Length;
    }

    /// <inheritdoc/>
    protected override void SyncNonCoherent(uint offset, uint length, DmaSync operation, AccessSite site) =>
        _dma.Sync(_region, offset, length, operation, site);

    private void GiveUp()
    {
        if (_isGivenUp)
        {
            throw new InvalidOperationException("device memory was given up twice");
        }

        _isGivenUp = true;
    }
}
