using System;
using VirtioGuest.Simulation;

namespace VirtioGuest.Cosmos.Tests.Simulation;

/// <summary>How an interrupt comes after its cause.</summary>
public enum Arrival
{
    /// <summary>As soon as the processor takes interrupts.</summary>
    AtOnce,

    /// <summary>Some steps later.</summary>
    Late,

    /// <summary>And once more for nothing.</summary>
    Twice,

    /// <summary>Once for nothing before, and then at once.</summary>
    Early,

    /// <summary>Not until the call is over and everything was polled.</summary>
    Never,
}

/// <summary>How the interrupt of a device comes.</summary>
internal static class Arrivals
{
    private const int StepsUntilLate = 3;

    /// <summary>Makes a device do something and interrupt.</summary>
    public static void Interrupt(
        this Arrival arrival, ModelPlatform platform, byte line, Steps steps, Action action)
    {
        if (arrival == Arrival.Early)
        {
            platform.InterruptForNothing(line);
        }

        // What a device does is done before its interrupt is served.
        platform.HoldsInterrupts = true;
        action();
        if (arrival == Arrival.Late)
        {
            steps.Arm(StepsUntilLate, () => platform.HoldsInterrupts = false);
            return;
        }

        platform.HoldsInterrupts = arrival == Arrival.Never;
        if (arrival == Arrival.Twice)
        {
            platform.InterruptForNothing(line);
        }
    }
}
