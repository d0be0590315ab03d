using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>A map of a <see cref="SimulatedDma"/>: finds buffers and allocations by the processor's address.</summary>
internal sealed unsafe class SimulatedDmaMap : DmaMap
{
    private readonly SimulatedDma _dma;
    private SimulatedRegion? _region;
    private uint _start;
    private uint _length;

    /// <summary>Creates an empty map.</summary>
    internal SimulatedDmaMap(SimulatedDma dma, DmaMapLimits limits, BouncePool? bounce)
        : base(limits, bounce)
    {
        _dma = dma;
    }

    /// <inheritdoc/>
    protected override DmaStatus LoadDirect(byte* buffer, uint length)
    {
        SimulatedRegion? region = Find(buffer, length);
        if (region == null)
        {
            return DmaStatus.Unreachable;
        }

        uint start = (uint)(buffer - region.Processor);
        uint end = start + length;
        foreach (DeviceRun run in region.Runs)
        {
            uint first = run.Offset > start ? run.Offset : start;
            uint last = run.Offset + run.Length < end ? run.Offset + run.Length : end;
            if (first < last)
            {
                DmaStatus status = Append(run.DeviceAddress + (first - run.Offset), last - first);
                if (status != DmaStatus.Ok)
                {
                    return status;
                }
            }
        }

        _region = region;
        _start = start;
        _length = length;
        return DmaStatus.Ok;
    }

    /// <inheritdoc/>
    protected override void SyncDirect(uint offset, uint length, DmaSync operation, AccessSite site) =>
        _dma.Sync(_region!, _start + offset, length, operation, site);

    /// <inheritdoc/>
    protected override void UnloadDirect()
    {
        if (_region?.Cache != null)
        {
            _dma.Auditor.GiveUp(_region, _start, _length, "a buffer was unloaded");
        }

        _region = null;
    }

    private SimulatedRegion? Find(byte* buffer, uint length)
    {
        foreach (SimulatedRegion region in _dma.Regions)
        {
            long offset = buffer - region.Processor;
            if (!region.IsGone && offset >= 0 && offset < region.Length && length <= region.Length - offset)
            {
                return region;
            }
        }

        return null;
    }
}
