using System;
using System.Threading;
using VirtioGuest.Hal;
using VirtioGuest.Recording;

namespace VirtioGuest.Simulation;

/// <summary>
/// Counts what the calling thread does step by step: its accesses to memory that devices share, and whatever a machine
/// reports as one, such as accesses to registers and hand-overs. At one of the steps somebody else acts, as a device
/// may at any time.
/// </summary>
/// <remarks>What other threads do is counted by nobody.</remarks>
public sealed unsafe class Steps : MemorySimulation, IDisposable
{
    private readonly MemorySimulation? _inner;
    private readonly bool _actsAfter;
    private Action? _action;
    private int _left;

    /// <summary>Counts what the calling thread does from now on.</summary>
    /// <param name="actsAfter">
    /// Whether the action comes after a step, so that what was read may be old by the time that it is used; it comes
    /// before one otherwise. The machine has to report its steps at the same moment.
    /// </param>
    public Steps(bool actsAfter = false)
    {
        InstalledSimulation.RequireSupport();
        _actsAfter = actsAfter;
        _inner = Current;
        Current = this;
    }

    /// <summary>Counts the steps on a machine: its registers and hand-overs are steps too.</summary>
    public Steps(SimulatedMachine machine)
        : this()
    {
        ArgumentNullException.ThrowIfNull(machine);
        machine.BeforeRegister = Take;
        machine.Memory.BeforeHandOver = Take;
    }

    /// <summary>Whether an action is armed that has not come yet.</summary>
    public bool IsPending => _action is not null;

    /// <summary>Says when steps do not count, because it is a device that takes them.</summary>
    public Func<bool> IsPaused { get; init; } = () => false;

    /// <summary>Sets an action and the number of steps that pass without it.</summary>
    public void Arm(int steps, Action action)
    {
        _left = steps;
        _action = action;
    }

    /// <summary>Drops the action.</summary>
    public void Disarm() => _action = null;

    /// <summary>Acts now, if that has not come yet.</summary>
    public void Act()
    {
        Action? action = _action;
        _action = null;
        action?.Invoke();
    }

    /// <summary>Another step; on the calling thread only.</summary>
    public void Take()
    {
        if (_action is not null && Current == this && !IsPaused() && _left-- == 0)
        {
            Act();
        }
    }

    /// <inheritdoc/>
    public override ulong Load(byte* address, int size, AccessSite site)
    {
        TakeBefore();
        ulong value = _inner is null ? Words.Read(address, size) : _inner.Load(address, size, site);
        TakeAfter();
        return value;
    }

    /// <inheritdoc/>
    public override void Store(byte* address, int size, ulong value, AccessSite site)
    {
        TakeBefore();
        if (_inner is null)
        {
            Words.Write(address, size, value);
        }
        else
        {
            _inner.Store(address, size, value, site);
        }

        TakeAfter();
    }

    /// <inheritdoc/>
    public override ulong LoadAcquire(byte* address, int size, AccessSite site)
    {
        TakeBefore();
        ulong value = _inner is null ? Words.Read(address, size) : _inner.LoadAcquire(address, size, site);
        TakeAfter();
        return value;
    }

    /// <inheritdoc/>
    public override void StoreRelease(byte* address, int size, ulong value, AccessSite site)
    {
        TakeBefore();
        if (_inner is null)
        {
            Words.Write(address, size, value);
        }
        else
        {
            _inner.StoreRelease(address, size, value, site);
        }

        TakeAfter();
    }

    /// <inheritdoc/>
    public override void FullBarrier(AccessSite site)
    {
        if (_inner is null)
        {
            Interlocked.MemoryBarrier();
        }
        else
        {
            _inner.FullBarrier(site);
        }

        TakeAfter();
    }

    /// <inheritdoc/>
    public override void DeviceBarrier(AccessSite site) => _inner?.DeviceBarrier(site);

    /// <inheritdoc/>
    public void Dispose() => Current = _inner;

    private void TakeBefore()
    {
        if (!_actsAfter)
        {
            Take();
        }
    }

    private void TakeAfter()
    {
        if (_actsAfter)
        {
            Take();
        }
    }
}
