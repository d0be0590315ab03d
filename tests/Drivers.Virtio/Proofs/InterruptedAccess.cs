using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// Lets somebody else act just before one of the next accesses or hand-overs, as a device may at any time.
/// </summary>
internal sealed unsafe class InterruptedAccess : MemorySimulation, IDisposable
{
    private readonly MemorySimulation _inner;
    private Action? _action;
    private int _stepsLeft;

    /// <summary>Puts itself before the simulation that the calling thread has installed.</summary>
    public InterruptedAccess()
    {
        _inner = Current ?? throw new InvalidOperationException("Nothing is installed.");
        Current = this;
    }

    /// <summary>Whether the action was not reached.</summary>
    public bool IsPending => _action != null;

    /// <summary>Says what to do, after so many more accesses and hand-overs.</summary>
    public void Arm(int steps, Action action)
    {
        _stepsLeft = steps;
        _action = action;
    }

    /// <summary>Does it now.</summary>
    public void Act()
    {
        Action? action = _action;
        _action = null;
        action?.Invoke();
    }

    public override ulong Load(byte* address, int size, AccessSite site)
    {
        Count();
        return _inner.Load(address, size, site);
    }

    public override void Store(byte* address, int size, ulong value, AccessSite site)
    {
        Count();
        _inner.Store(address, size, value, site);
    }

    public override ulong LoadAcquire(byte* address, int size, AccessSite site)
    {
        Count();
        return _inner.LoadAcquire(address, size, site);
    }

    public override void StoreRelease(byte* address, int size, ulong value, AccessSite site)
    {
        Count();
        _inner.StoreRelease(address, size, value, site);
    }

    public override void FullBarrier(AccessSite site) => _inner.FullBarrier(site);

    public override void DeviceBarrier(AccessSite site) => _inner.DeviceBarrier(site);

    /// <inheritdoc/>
    public void Dispose() => Current = _inner;

    /// <summary>Something happens before which somebody else may act.</summary>
    public void Count()
    {
        if (_action != null && _stepsLeft-- == 0)
        {
            Act();
        }
    }
}
