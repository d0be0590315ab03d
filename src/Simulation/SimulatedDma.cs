using System;
using System.Collections.Generic;
using System.Threading;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Hal;
using VirtioGuest.Recording;

namespace VirtioGuest.Simulation;

/// <summary>
/// The memory of a simulated machine: device addresses differ from the processor's, each allocation has guard pages
/// around it, and where the machine has a cache that devices do not see, both have views of their own.
/// </summary>
/// <remarks>
/// Without a cache any thread may use it. With one, driver and device models run on one thread that
/// <see cref="Install"/> was called on, and use <see cref="SharedMemory"/>: the address tells which of them it is.
/// What the processor writes past the accessors is noticed at the next hand-over.
/// </remarks>
public sealed unsafe class SimulatedDma : DmaTag, IDisposable
{
    private const ulong LowStart = 0x10_0000;
    private const ulong HighStart = 0x1_0000_0000;

    private readonly Lock _allocation = new();
    private readonly SimulatedDmaOptions _options;
    private readonly OwnershipAuditor _auditor;
    private readonly SimulatedGuestMemory _guestMemory;
    private volatile SimulatedRegion[] _regions = [];
    private ulong _nextLow = LowStart;
    private ulong _nextHigh = HighStart;
    private MemoryRecorder? _recorder;

    /// <param name="options">What it is like; null for plain coherent memory.</param>
    public SimulatedDma(SimulatedDmaOptions? options = null)
    {
        _options = options ?? new SimulatedDmaOptions();
        _auditor = new OwnershipAuditor(Violations, _options.AuditsOwnership);
        _guestMemory = new SimulatedGuestMemory(this, _options.WatchesHandOvers && _options.Cache is null);
    }

    /// <inheritdoc/>
    public override uint HandOverGranularity => _options.Cache?.LineSize ?? 1;

    /// <summary>What went wrong, in words; empty where the driver and the device kept the rules.</summary>
    public List<string> Violations { get; } = [];

    /// <summary>Called before each hand-over of memory that is not coherent, so that a device can act there.</summary>
    public Action? BeforeHandOver { get; set; }

    /// <summary>How many allocations are still to succeed.</summary>
    public int AllocationsLeft { get; set; } = int.MaxValue;

    /// <summary>How many allocations succeeded.</summary>
    public int Allocated { get; private set; }

    /// <summary>How many of them were given back.</summary>
    public int Freed { get; internal set; }

    /// <summary>How many of them were taken out of use.</summary>
    public int Quarantined { get; internal set; }

    /// <summary>How many bytes were taken out of use.</summary>
    public ulong QuarantinedBytes { get; internal set; }

    /// <summary>The memory as a device sees it.</summary>
    public GuestMemory GuestMemory => _guestMemory;

    /// <summary>
    /// Who records hand-overs, violations and what each side sees; null for nobody. It has to be installed on the
    /// thread, in front of what <see cref="Install"/> puts there, to record accesses as well.
    /// </summary>
    public MemoryRecorder? Recorder
    {
        get => _recorder;
        set
        {
            _recorder = value;
            _auditor.Reported = value is null
                ? null
                : report => value.Say(StepKind.Failure, MemoryRecorder.Driver, report);
            foreach (SimulatedRegion region in _regions)
            {
                Record(region);
            }
        }
    }

    /// <summary>Who watches the hand-overs.</summary>
    internal OwnershipAuditor Auditor => _auditor;

    /// <inheritdoc/>
    public override DmaMemory? Allocate(uint length, DmaConstraints constraints)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ArgumentOutOfRangeException.ThrowIfZero(constraints.Alignment);
        bool isWatched = !constraints.MustBeCoherent && (_options.Cache is not null || _options.WatchesHandOvers);
        uint alignment = constraints.AlignmentFor(length);
        if (alignment == 0 || (constraints.MustBeCoherent && _options.Cache is not null && !_options.HasCoherentMemory))
        {
            return null;
        }

        ulong highest = Math.Min(constraints.HighestAddress, _options.HighestAddress);
        lock (_allocation)
        {
            if (AllocationsLeft == 0
                || !TryReserve(length, Math.Max(alignment, SimulatedRegion.PageSize), highest, out ulong deviceAddress))
            {
                return null;
            }

            AllocationsLeft--;
            Allocated++;
            DeviceRun[] runs = [new DeviceRun(deviceAddress, 0, length)];
            SimulatedRegion region = AddRegion(length, alignment, runs, isWatched);
            return new SimulatedDmaMemory(this, region, deviceAddress, !isWatched);
        }
    }

    /// <inheritdoc/>
    public override DmaMap CreateMap(DmaMapLimits limits, BouncePool? bounce) =>
        new SimulatedDmaMap(this, limits, bounce);

    /// <summary>
    /// Allocates ordinary zeroed memory, as a program's heap is: contiguous for the processor only.
    /// </summary>
    /// <param name="length">Bytes, at least 1.</param>
    /// <param name="pageAddresses">
    /// Where devices see its pages of 4096 bytes, in order; without any, each page is somewhere else.
    /// </param>
    public SimulatedBuffer AllocateBuffer(uint length, params ulong[] pageAddresses)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        int pages = (int)((length - 1) / SimulatedRegion.PageSize) + 1;
        if (pageAddresses.Length == 0)
        {
            pageAddresses = new ulong[pages];
            for (int i = pages - 1; i >= 0; i--)
            {
                TryReserve(SimulatedRegion.PageSize, SimulatedRegion.PageSize, ulong.MaxValue, out pageAddresses[i]);
            }
        }

        if (pageAddresses.Length != pages)
        {
            throw new ArgumentException($"The buffer has {pages} pages.", nameof(pageAddresses));
        }

        return new SimulatedBuffer(AddRegion(
            length, 1, RunsOf(length, pageAddresses), _options.Cache is not null || _options.WatchesHandOvers));
    }

    /// <summary>Finds what a device sees.</summary>
    /// <param name="deviceAddress">The first byte.</param>
    /// <param name="length">How many bytes, at least 1.</param>
    /// <returns>The devices' view, or null where this is no memory, or memory that was given back.</returns>
    public byte* DeviceView(ulong deviceAddress, ulong length)
    {
        foreach (SimulatedRegion region in _regions)
        {
            if (region.TryFind(deviceAddress, length, out uint offset))
            {
                if (region.IsGone)
                {
                    _auditor.Report(region, offset, "a device uses freed memory", AccessSite.Unnamed);
                    return null;
                }

                return region.Device + offset;
            }
        }

        return null;
    }

    /// <summary>Finds what a device sees, as <see cref="DeviceView(ulong, ulong)"/>, and audits its access.</summary>
    public byte* DeviceView(ulong deviceAddress, uint length, GuestAccess access)
    {
        byte* view = DeviceView(deviceAddress, length);
        AuditDevice(deviceAddress, length, access);
        return view;
    }

    /// <summary>
    /// Sends the calling thread's accesses through the simulation until the result is disposed of. Needed where there
    /// is a cache; else it only watches that accesses stay in memory.
    /// </summary>
    /// <param name="isAllThereIs">Whether accesses to any other memory are violations.</param>
    public IDisposable Install(bool isAllThereIs = false) =>
        new InstalledSimulation(new SimulatedAccess(this, isAllThereIs));

    /// <summary>Reports every guard page that was written to.</summary>
    public void CheckGuards()
    {
        foreach (SimulatedRegion region in _regions)
        {
            if (!region.HasIntactGuards())
            {
                _auditor.Report(region, 0, "a guard page was overwritten", AccessSite.Unnamed);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SimulatedRegion region in _regions)
        {
            region.Dispose();
        }

        _regions = [];
    }

    /// <summary>The regions, in the order in which they were allocated.</summary>
    internal SimulatedRegion[] Regions => _regions;

    /// <summary>Audits an access of a device where no cache does.</summary>
    internal void AuditDevice(ulong deviceAddress, uint length, GuestAccess access)
    {
        foreach (SimulatedRegion region in _regions)
        {
            if (!region.TryFind(deviceAddress, length, out uint offset))
            {
                continue;
            }

            if (region.IsGone)
            {
                _auditor.Report(region, offset, "a device uses freed memory", AccessSite.Unnamed);
            }
            else if (region.IsWatched && (access & GuestAccess.Write) != 0)
            {
                _auditor.DeviceStores(region, offset, length, AccessSite.Unnamed);
            }
        }
    }

    /// <summary>Hands a range over, as the machine does it.</summary>
    internal void Sync(SimulatedRegion region, uint offset, uint length, DmaSync operation, AccessSite site)
    {
        if (site != AccessSite.Unnamed && site == _options.WeakenedSite)
        {
            operation &= ~_options.WeakenedOperations;
        }

        if (!region.IsWatched || length == 0 || operation == 0)
        {
            return;
        }

        BeforeHandOver?.Invoke();
        Record(region, offset, length, operation, site);

        if (offset > region.Length || length > region.Length - offset)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }

        if (region.IsGone)
        {
            _auditor.Report(region, offset, $"{operation} of freed memory", site);
        }

        if (region.Cache is not CacheModel cache)
        {
            _auditor.Sync(region, offset, length, operation, site);
            return;
        }

        NoticeStores(region, offset, length, site);
        cache.Disturb(region, offset, length);
        _auditor.Sync(region, offset, length, operation, site);
        cache.Sync(region, offset, length, operation & (DmaSync.PostRead | DmaSync.PostWrite));
        cache.Sync(region, offset, length, operation & (DmaSync.PreRead | DmaSync.PreWrite));
        region.Refresh(offset, length);
        _recorder?.Compare();
    }

    /// <summary>Lets the cache see what the processor wrote past the accessors.</summary>
    internal void NoticeStores(SimulatedRegion region, uint offset, uint length, AccessSite site)
    {
        uint end = offset + length;
        while (offset < end && region.TryFindUnknown(offset, end - offset, out uint found))
        {
            _auditor.Touch(region, found, 1, "wrote", site);
            byte value = region.Processor[found];
            region.Cache!.Store(region, found, new ReadOnlySpan<byte>(in value));
            offset = found + 1;
        }
    }

    private static DeviceRun[] RunsOf(uint length, ulong[] pageAddresses)
    {
        List<DeviceRun> runs = [];
        uint offset = 0;
        foreach (ulong address in pageAddresses)
        {
            uint part = Math.Min(SimulatedRegion.PageSize, length - offset);
            if (runs.Count > 0 && runs[^1].DeviceAddress + runs[^1].Length == address)
            {
                runs[^1] = runs[^1] with { Length = runs[^1].Length + part };
            }
            else
            {
                runs.Add(new DeviceRun(address, offset, part));
            }

            offset += part;
        }

        return [.. runs];
    }

    private SimulatedRegion AddRegion(uint length, uint alignment, DeviceRun[] runs, bool isWatched)
    {
        SimulatedRegion[] before = _regions;
        CacheModel? cache = isWatched ? _options.Cache : null;
        SimulatedRegion region = new SimulatedRegion(before.Length, length, alignment, runs, cache, isWatched);
        _regions = [.. before, region];
        Record(region);
        return region;
    }

    private void Record(SimulatedRegion region)
    {
        foreach (DeviceRun run in region.Runs)
        {
            _recorder?.AddRegion(
                region.Processor + run.Offset, region.Device + run.Offset, run.DeviceAddress, run.Length);
        }
    }

    private void Record(SimulatedRegion region, uint offset, uint length, DmaSync operation, AccessSite site)
    {
        foreach (DeviceRun run in region.Runs)
        {
            uint first = Math.Max(offset, run.Offset);
            uint end = Math.Min(offset + length, run.Offset + run.Length);
            if (first < end)
            {
                _recorder?.Sync(run.DeviceAddress + (first - run.Offset), end - first, operation, site);
            }
        }
    }

    /// <summary>
    /// Sets device addresses aside: above 4 GB where the device can reach them, so that nobody gets away with 32 bits.
    /// </summary>
    private bool TryReserve(uint length, uint alignment, ulong highest, out ulong deviceAddress)
    {
        ulong pages = (length + SimulatedRegion.PageSize - 1UL) & ~(SimulatedRegion.PageSize - 1UL);
        deviceAddress = (_nextHigh + alignment - 1) & ~(alignment - 1UL);
        if (deviceAddress + length - 1 <= highest)
        {
            // A page stays free behind each, so that no two are neighbours.
            _nextHigh = deviceAddress + pages + SimulatedRegion.PageSize;
            return true;
        }

        deviceAddress = (_nextLow + alignment - 1) & ~(alignment - 1UL);
        if (deviceAddress + length - 1 > Math.Min(highest, HighStart - 1))
        {
            return false;
        }

        _nextLow = deviceAddress + pages + SimulatedRegion.PageSize;
        return true;
    }
}

/// <summary>What a simulated machine's memory is like.</summary>
public sealed class SimulatedDmaOptions
{
    /// <summary>
    /// What is between processor and devices; null where they see the same memory, and nothing has to be installed.
    /// </summary>
    public CacheModel? Cache { get; init; }

    /// <summary>
    /// Whether hand-overs are audited although processor and devices see the same memory, with what devices write, but
    /// not with what the processor touches.
    /// </summary>
    public bool WatchesHandOvers { get; init; }

    /// <summary>Whether <see cref="DmaConstraints.MustBeCoherent"/> can be served although there is a cache.</summary>
    public bool HasCoherentMemory { get; init; } = true;

    /// <summary>
    /// Whether accesses and hand-overs are audited; false to see what the machine makes of a driver that breaks rules.
    /// </summary>
    public bool AuditsOwnership { get; init; } = true;

    /// <summary>The place whose hand-over does nothing; <see cref="AccessSite.Unnamed"/> for none.</summary>
    public AccessSite WeakenedSite { get; init; }

    /// <summary>Which of the operations of <see cref="WeakenedSite"/> do nothing; by default all of them.</summary>
    public DmaSync WeakenedOperations { get; init; } =
        DmaSync.PreRead | DmaSync.PostRead | DmaSync.PreWrite | DmaSync.PostWrite;

    /// <summary>The last byte of the machine's memory.</summary>
    public ulong HighestAddress { get; init; } = ulong.MaxValue;

    /// <inheritdoc/>
    public override string ToString() => Cache?.ToString() ?? "plain memory";
}
