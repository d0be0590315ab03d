using System;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>A map of a <see cref="SimulatedDma"/>: finds buffers and allocations by the processor's address.</summary>
internal sealed unsafe class SimulatedDmaMap : DmaMap
{
    private readonly SimulatedDma _dma;
    private SimulatedRegion? _region;
    private uint _start;
    private uint _length;

    internal SimulatedDmaMap(SimulatedDma dma, DmaMapLimits limits, BouncePool? bounce)
        : base(limits, bounce)
    {
        _dma = dma;
    }

    /// <inheritdoc/>
    protected override DmaStatus LoadDirect(byte* buffer, uint length)
    {
        SimulatedRegion? region = Find(buffer, length);
        if (region is null)
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
        if (_region is { IsWatched: true })
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

/// <summary>An allocation of a <see cref="SimulatedDma"/>.</summary>
internal sealed unsafe class SimulatedDmaMemory : DmaMemory
{
    private readonly SimulatedDma _dma;
    private readonly SimulatedRegion _region;
    private bool _isGivenUp;

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
        if (_region.IsWatched)
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

/// <summary>The devices' view of a <see cref="SimulatedDma"/>.</summary>
internal sealed unsafe class SimulatedGuestMemory : GuestMemory
{
    private readonly SimulatedDma _dma;

    internal SimulatedGuestMemory(SimulatedDma dma, bool audits)
        : base(audits)
    {
        _dma = dma;
    }

    /// <inheritdoc/>
    public override bool TryTranslate(ulong deviceAddress, ulong length, GuestAccess access, out byte* pointer)
    {
        pointer = length == 0 ? null : _dma.DeviceView(deviceAddress, length);
        return pointer is not null;
    }

    /// <inheritdoc/>
    protected override void Audit(ulong deviceAddress, uint length, GuestAccess access) =>
        _dma.AuditDevice(deviceAddress, length, access);
}

/// <summary>Ordinary memory of a simulated program, to be loaded into a <see cref="DmaMap"/>.</summary>
public sealed unsafe class SimulatedBuffer
{
    private readonly SimulatedRegion _region;

    internal SimulatedBuffer(SimulatedRegion region)
    {
        _region = region;
    }

    /// <summary>Where the processor sees it: a multiple of the page size.</summary>
    public byte* Address => _region.Processor;

    /// <summary>The size in bytes.</summary>
    public uint Length => _region.Length;

    /// <summary>Reads as the processor does.</summary>
    public byte[] Read(uint offset, uint length)
    {
        CheckRange(offset, length);
        byte[] bytes = new byte[length];
        for (uint i = 0; i < length; i++)
        {
            bytes[i] = SharedMemory.Load8(Address, offset + i);
        }

        return bytes;
    }

    /// <summary>Writes as the processor does.</summary>
    public void Write(uint offset, ReadOnlySpan<byte> bytes)
    {
        CheckRange(offset, (uint)bytes.Length);
        for (int i = 0; i < bytes.Length; i++)
        {
            SharedMemory.Store8(Address, offset + (uint)i, bytes[i]);
        }
    }

    private void CheckRange(uint offset, uint length)
    {
        if (offset > Length || length > Length - offset)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }
    }
}
