using System;

namespace VirtioGuest.Simulation;

/// <summary>A scenario found something that must not be.</summary>
public sealed class SimulationFailedException : Exception
{
    /// <summary>Says what.</summary>
    public SimulationFailedException(string message)
        : base(message)
    {
    }

    /// <summary>Says nothing.</summary>
    public SimulationFailedException()
    {
    }

    /// <summary>Says what, and why.</summary>
    public SimulationFailedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
