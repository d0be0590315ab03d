using System;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Tests.Races;

/// <summary>
/// Counts the accesses to memory and to registers, and the hand-overs, that a thread makes, and lets a device act
/// before one of them.
/// </summary>
internal sealed unsafe class Steps : MemorySimulation, IDisposable
{
    private readonly SimulatedMachine _machine;
    private Action? _action;
    private int _left;

    /// <summary>Counts what the calling thread does from now on.</summary>
    public Steps(SimulatedMachine machine, int step, Action action)
    {
        _machine = machine;
        _left = step;
        _action = action;
        machine.BeforeRegister = Count;
        machine.Memory.BeforeHandOver = Count;
        Current = this;
    }

    /// <summary>Runs something, and tells where it was if it fails.</summary>
    /// <param name="where">The place, in words.</param>
    /// <param name="run">What is run.</param>
    public static bool Tell(string where, Func<bool> run)
    {
        try
        {
            return run();
        }
        catch (Exception exception) when (exception is not ResultStateException)
        {
            Assert.Fail($"{where}: {exception}");
            throw;
        }
        catch (AssertionException exception)
        {
            throw new AssertionException($"{where}: {exception.Message}", exception);
        }
    }

    /// <summary>Whether the step was not reached.</summary>
    public bool IsPending => _action != null;

    public override ulong Load(byte* address, int size, AccessSite site)
    {
        Count();
        return size switch
        {
            1 => *address,
            2 => *(ushort*)address,
            4 => *(uint*)address,
            _ => *(ulong*)address,
        };
    }

    public override void Store(byte* address, int size, ulong value, AccessSite site)
    {
        Count();
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
    }

    public override ulong LoadAcquire(byte* address, int size, AccessSite site) => Load(address, size, site);

    public override void StoreRelease(byte* address, int size, ulong value, AccessSite site) =>
        Store(address, size, value, site);

    public override void FullBarrier(AccessSite site)
    {
    }

    public void Dispose()
    {
        _machine.BeforeRegister = null;
        _machine.Memory.BeforeHandOver = null;
        Current = null;
    }

    private void Count()
    {
        // The thread pool's threads are not the ones that are counted.
        if (Current == this && _action != null && _left-- == 0)
        {
            Action action = _action;
            _action = null;
            action();
        }
    }
}
