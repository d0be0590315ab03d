namespace VirtioGuest.Cosmos.Machine;

/// <summary>
/// Instructions that C# has no words for. VirtioGuest.Cosmos.Plugs puts them in place of these methods when IL2CPU
/// compiles a kernel, and does the same for <see cref="Hal.Barriers.Full"/>.
/// </summary>
/// <remarks>
/// <see cref="VirtioDrivers.Register()"/> drives no device unless <see cref="IsPlugged"/> returns 1: without the
/// barrier a driver and its device could miss each other's signals.
/// </remarks>
public static class ProcessorInterrupts
{
    /// <summary>1 where the instructions are in place, else 0.</summary>
    public static uint IsPlugged() => 0;

    /// <summary>Clears the interrupt flag (<c>pushfd</c>, <c>cli</c>).</summary>
    /// <returns>The flags before.</returns>
    public static uint Disable() => 0;

    /// <summary>Restores flags (<c>popfd</c>).</summary>
    /// <param name="flags">What <see cref="Disable"/> returned.</param>
    public static void Restore(uint flags)
    {
    }

    /// <summary>
    /// Loads an interrupt table that acknowledges whatever an interrupt controller raises and does nothing else.
    /// <see cref="CosmosPlatform.PrepareStart"/> calls it where Cosmos has no table yet; Cosmos loads its own when it
    /// starts.
    /// </summary>
    /// <remarks>
    /// Cosmos unmasks the timer, the keyboard and the second controller, with interrupts enabled, a moment before it
    /// loads its table. An interrupt in between resets the machine, and firmware leaves the timer ticking.
    /// </remarks>
    public static void LoadEarlyTable()
    {
    }
}
