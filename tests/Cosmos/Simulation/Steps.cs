using System;
using System.Threading;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Tests.Simulation;

/// <summary>
/// What the adapters do, step by step: accesses to memory that devices share, accesses to registers, turns of the
/// interrupt flag. Somebody else may act after any of them, as devices, other lines and the timer do.
/// </summary>
/// <remarks>
/// The action comes after a step, not before the next one: what was read may be old by the time that it is used.
/// </remarks>
internal sealed unsafe class Steps : MemorySimulation, IDisposable
{
    private readonly Pc _pc;
    private Action? _action;
    private int _left;

    /// <summary>Counts what the calling thread does with a machine.</summary>
    public Steps(Pc pc)
    {
        _pc = pc;
        Current = this;
        pc.Platform.AfterStep = Take;
    }

    /// <summary>Whether an action is armed that has not come yet.</summary>
    public bool IsPending => _action is not null;

    /// <summary>Sets an action and the number of steps before it.</summary>
    public void Arm(int steps, Action action)
    {
        _left = steps;
        _action = action;
    }

    /// <summary>Drops the action.</summary>
    public void Disarm() => _action = null;

    public override ulong Load(byte* address, int size, AccessSite site)
    {
        ulong value = size switch
        {
            1 => *address,
            2 => *(ushort*)address,
            4 => *(uint*)address,
            _ => *(ulong*)address,
        };
        Take();
        return value;
    }

    public override void Store(byte* address, int size, ulong value, AccessSite site)
    {
        switch (size)
        {
            case 1:
                *address = (byte)value;
                break;
            case 2:
                *(ushort*)address = (ushort)value;
                break;
            case 4:
                *(uint*)address = (uint)value;
                break;
            default:
                *(ulong*)address = value;
                break;
        }

        Take();
    }

    public override ulong LoadAcquire(byte* address, int size, AccessSite site) => Load(address, size, site);

    public override void StoreRelease(byte* address, int size, ulong value, AccessSite site) =>
        Store(address, size, value, site);

    public override void FullBarrier(AccessSite site)
    {
        Interlocked.MemoryBarrier();
        Take();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Current = null;
        _pc.Platform.AfterStep = () => { };
    }

    private void Take()
    {
        if (_action is not null && !_pc.AreDevicesAtWork && _left-- == 0)
        {
            Action action = _action;
            _action = null;
            action();
        }
    }
}
