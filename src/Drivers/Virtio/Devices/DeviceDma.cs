using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices;

/// <summary>
/// The machine's memory as one device gets it, with an account of what had to be quarantined because the device did not
/// confirm a reset. What is loaded through maps is its owner's to count.
/// </summary>
internal sealed class DeviceDma : DmaTag
{
    private readonly DmaTag _machine;

    /// <summary>Gives on what the machine gives.</summary>
    internal DeviceDma(DmaTag machine)
    {
        _machine = machine;
    }

    /// <inheritdoc/>
    public override uint HandOverGranularity => _machine.HandOverGranularity;

    /// <summary>How many bytes can never be used again.</summary>
    internal ulong QuarantinedBytes { get; private set; }

    /// <summary>Who is told of hand-overs of what is allocated from now on; null for nobody.</summary>
    internal HandOverObserver? Observer { get; set; }

    /// <inheritdoc/>
    public override DmaMemory? Allocate(uint length, DmaConstraints constraints)
    {
        DmaMemory? memory = _machine.Allocate(length, constraints);
        if (memory == null)
        {
            return null;
        }

        if (Observer is not HandOverObserver observer)
        {
            return new Allocation(this, memory);
        }

        ObservedAllocation observed = new ObservedAllocation(this, memory, observer);
        observer.OnAllocated(observed);
        return observed;
    }

    /// <inheritdoc/>
    public override DmaMap CreateMap(DmaMapLimits limits, BouncePool? bounce) => _machine.CreateMap(limits, bounce);

    private sealed class Allocation : DmaMemory
    {
        private readonly DeviceDma _account;
        private readonly DmaMemory _memory;

        internal Allocation(DeviceDma account, DmaMemory memory)
            : base(memory)
        {
            _account = account;
            _memory = memory;
        }

        public override void Free() => _memory.Free();

        public override void Quarantine()
        {
            _memory.Quarantine();
            _account.QuarantinedBytes += Length;
        }

        protected override void SyncNonCoherent(uint offset, uint length, DmaSync operation, AccessSite site) =>
            _memory.Sync(offset, length, operation, site);
    }

    private sealed class ObservedAllocation : DmaMemory
    {
        private readonly DeviceDma _account;
        private readonly DmaMemory _memory;
        private readonly HandOverObserver _observer;

        internal ObservedAllocation(DeviceDma account, DmaMemory memory, HandOverObserver observer)
            : base(memory, isCoherent: false)
        {
            _account = account;
            _memory = memory;
            _observer = observer;
        }

        public override void Free()
        {
            _observer.OnGivenUp(this);
            _memory.Free();
        }

        public override void Quarantine()
        {
            _observer.OnGivenUp(this);
            _memory.Quarantine();
            _account.QuarantinedBytes += Length;
        }

        protected override void SyncNonCoherent(uint offset, uint length, DmaSync operation, AccessSite site)
        {
            _memory.Sync(offset, length, operation, site);
            _observer.OnHandOver(this, offset, length, operation, site);
        }
    }
}
