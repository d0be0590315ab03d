#if NET10_0_OR_GREATER
using System;
using System.Diagnostics.CodeAnalysis;
#endif

namespace VirtioGuest.Hal;

/// <summary>
/// A memory that stands in for the real one under <see cref="SharedMemory"/> and <see cref="Barriers"/>, so that the
/// very same compiled driver runs against weak ordering and against caches that the machine at hand does not have.
/// </summary>
/// <remarks>
/// Only a process that sets the switch <c>VirtioGuest.Hal.MemorySimulation</c> at its start can install one. Elsewhere
/// the switch is constant, and compilers leave nothing of this in the drivers.
/// </remarks>
public abstract unsafe class MemorySimulation
{
#if NET10_0_OR_GREATER
    [ThreadStatic]
    private static MemorySimulation? s_current;

    /// <summary>Whether simulations can be installed in this process.</summary>
    [FeatureSwitchDefinition("VirtioGuest.Hal.MemorySimulation")]
    public static bool IsSupported { get; } =
        AppContext.TryGetSwitch("VirtioGuest.Hal.MemorySimulation", out bool isOn) && isOn;

    /// <summary>The simulation that the calling thread's accesses go to; null for the real memory.</summary>
    public static MemorySimulation? Current
    {
        get => s_current;
        set => s_current = value;
    }
#else
    /// <summary>Whether simulations can be installed in this process.</summary>
    public static bool IsSupported => false;

    /// <summary>The simulation that the calling thread's accesses go to: none, on this framework.</summary>
    public static MemorySimulation? Current => null;
#endif

    /// <summary>A plain load of 1, 2, 4 or 8 bytes.</summary>
    public abstract ulong Load(byte* address, int size, AccessSite site);

    /// <summary>A plain store of 1, 2, 4 or 8 bytes.</summary>
    public abstract void Store(byte* address, int size, ulong value, AccessSite site);

    /// <summary>A load of 2 or 4 bytes with acquire ordering.</summary>
    public abstract ulong LoadAcquire(byte* address, int size, AccessSite site);

    /// <summary>A store of 2 or 4 bytes with release ordering.</summary>
    public abstract void StoreRelease(byte* address, int size, ulong value, AccessSite site);

    /// <summary>A full barrier.</summary>
    public abstract void FullBarrier(AccessSite site);

    /// <summary>
    /// What makes the full barrier before it hold for devices of a bus as well; nothing on a machine whose devices see
    /// memory as processors do.
    /// </summary>
    public virtual void DeviceBarrier(AccessSite site)
    {
    }
}
