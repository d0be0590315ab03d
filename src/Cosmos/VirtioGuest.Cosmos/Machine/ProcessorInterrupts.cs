namespace VirtioGuest.Cosmos.Machine;

/// <summary>
/// What no C# says: the methods that VirtioGuest.Cosmos.Plugs replaces by instructions when IL2CPU compiles a kernel,
/// as it does <see cref="Hal.Barriers.Full"/>.
/// </summary>
/// <remarks>
/// <see cref="VirtioDrivers.Register"/> drives no device unless <see cref="IsPlugged"/>: without the barrier a driver
/// and its device could miss each other.
/// </remarks>
public static class ProcessorInterrupts
{
    /// <summary>Whether the replacements are there: 1 then, else 0.</summary>
    public static uint IsPlugged() => 0;

    /// <summary>Saves the flags, and clears the interrupt flag (<c>pushfd</c>, <c>cli</c>).</summary>
    /// <returns>The flags as they were.</returns>
    public static uint Disable() => 0;

    /// <summary>Puts saved flags back (<c>popfd</c>).</summary>
    public static void Restore(uint flags)
    {
    }
}
