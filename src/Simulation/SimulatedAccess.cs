using System;
using VirtioGuest.Hal;
using VirtioGuest.Recording;

namespace VirtioGuest.Simulation;

/// <summary>
/// Sends each access to the view that its address belongs to: the processor's through the cache and the audit, a
/// device's to memory. What belongs to no region goes to the real memory.
/// </summary>
internal sealed unsafe class SimulatedAccess : MemorySimulation
{
    private readonly SimulatedDma _dma;
    private readonly bool _isAllThereIs;

    internal SimulatedAccess(SimulatedDma dma, bool isAllThereIs)
    {
        _dma = dma;
        _isAllThereIs = isAllThereIs;
    }

    /// <inheritdoc/>
    public override ulong Load(byte* address, int size, AccessSite site)
    {
        foreach (SimulatedRegion region in _dma.Regions)
        {
            long place = region.Place(region.Processor, address, out bool isGuard);
            bool isDevice = place < 0 && region.Cache is not null;
            place = isDevice ? region.Place(region.Device, address, out isGuard) : place;
            if (place >= 0)
            {
                if (!Check(region, (uint)place, size, isGuard, isDevice, "reads", site))
                {
                    return 0;
                }

                return isDevice
                    ? DeviceLoad(region, (uint)place, size)
                    : ProcessorLoad(region, (uint)place, size, site);
            }
        }

        return IsElsewhereAllowed(size, "read", site) ? Words.Read(address, size) : 0;
    }

    /// <inheritdoc/>
    public override void Store(byte* address, int size, ulong value, AccessSite site)
    {
        foreach (SimulatedRegion region in _dma.Regions)
        {
            long place = region.Place(region.Processor, address, out bool isGuard);
            bool isDevice = place < 0 && region.Cache is not null;
            place = isDevice ? region.Place(region.Device, address, out isGuard) : place;
            if (place < 0)
            {
                continue;
            }

            if (!Check(region, (uint)place, size, isGuard, isDevice, "writes", site))
            {
                return;
            }

            ReadOnlySpan<byte> bytes = new ReadOnlySpan<byte>(&value, size);
            if (isDevice)
            {
                DeviceStore(region, (uint)place, bytes, site);
            }
            else
            {
                ProcessorStore(region, (uint)place, bytes, site);
            }

            return;
        }

        if (IsElsewhereAllowed(size, "write", site))
        {
            Words.Write(address, size, value);
        }
    }

    /// <inheritdoc/>
    public override ulong LoadAcquire(byte* address, int size, AccessSite site) => Load(address, size, site);

    /// <inheritdoc/>
    public override void StoreRelease(byte* address, int size, ulong value, AccessSite site) =>
        Store(address, size, value, site);

    /// <inheritdoc/>
    /// <remarks>One thread does everything here, so there is nothing to order.</remarks>
    public override void FullBarrier(AccessSite site)
    {
    }

    private bool IsElsewhereAllowed(int size, string what, AccessSite site)
    {
        if (_isAllThereIs)
        {
            _dma.Violations.Add($"a {what} of {size} bytes outside of memory (site {(int)site})");
        }

        return !_isAllThereIs;
    }

    private bool Check(
        SimulatedRegion region, uint place, int size, bool isGuard, bool isDevice, string what, AccessSite site)
    {
        string who = isDevice ? "a device" : "the processor";
        if (isGuard || (uint)size > region.Length - place)
        {
            _dma.Auditor.Report(region, place, $"{who} {what} outside of the memory", site);
            return false;
        }

        if (region.IsGone)
        {
            _dma.Auditor.Report(region, place, $"{who} {what} freed memory", site);
        }

        return true;
    }

    private ulong ProcessorLoad(SimulatedRegion region, uint offset, int size, AccessSite site)
    {
        if (region.Cache is CacheModel cache)
        {
            _dma.Auditor.Touch(region, offset, (uint)size, "reads", site);
            _dma.NoticeStores(region, offset, (uint)size, site);
            cache.Disturb(region, offset, (uint)size);
            cache.BeforeLoad(region, offset, (uint)size);
        }

        return Words.Read(region.Processor + offset, size);
    }

    private void ProcessorStore(SimulatedRegion region, uint offset, ReadOnlySpan<byte> bytes, AccessSite site)
    {
        if (region.Cache is CacheModel cache)
        {
            _dma.Auditor.Touch(region, offset, (uint)bytes.Length, "writes", site);
            cache.Disturb(region, offset, (uint)bytes.Length);
            cache.Store(region, offset, bytes);
        }
        else
        {
            bytes.CopyTo(new Span<byte>(region.Processor + offset, bytes.Length));
        }
    }

    private ulong DeviceLoad(SimulatedRegion region, uint offset, int size)
    {
        _dma.NoticeStores(region, offset, (uint)size, AccessSite.Unnamed);
        region.Cache!.Disturb(region, offset, (uint)size);
        return Words.Read(region.Device + offset, size);
    }

    private void DeviceStore(SimulatedRegion region, uint offset, ReadOnlySpan<byte> bytes, AccessSite site)
    {
        _dma.Auditor.DeviceStores(region, offset, (uint)bytes.Length, site);
        _dma.NoticeStores(region, offset, (uint)bytes.Length, site);
        region.Cache!.Disturb(region, offset, (uint)bytes.Length);
        region.StoreInMemory(offset, bytes);
        region.Refresh(offset, (uint)bytes.Length);
    }
}

/// <summary>The time in which a thread's accesses go to a simulation.</summary>
internal sealed class InstalledSimulation : IDisposable
{
    private readonly MemorySimulation? _before;

    /// <summary>Installs a simulation on the calling thread.</summary>
    /// <exception cref="InvalidOperationException">The process did not ask for simulations at its start.</exception>
    internal InstalledSimulation(MemorySimulation simulation)
    {
        RequireSupport();
        _before = MemorySimulation.Current;
        MemorySimulation.Current = simulation;
    }

    /// <summary>Fails where accesses would go past every simulation.</summary>
    internal static void RequireSupport()
    {
        if (!MemorySimulation.IsSupported)
        {
            throw new InvalidOperationException("The switch VirtioGuest.Hal.MemorySimulation is not set.");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => MemorySimulation.Current = _before;
}
