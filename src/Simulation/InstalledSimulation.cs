using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

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
