namespace VirtioGuest.Hal;

/// <summary>What a driver does when its device interrupts.</summary>
public abstract class InterruptHandler
{
    /// <summary>
    /// Serves the device. Called once for one or more interrupts, never twice at a time, in a context that the machine
    /// chooses: a driver thread of its own in the unikernel, the interrupt itself under Cosmos.
    /// </summary>
    /// <returns>
    /// Whether the device had asked. A line that no handler claims is masked by the machine after a bounded count. A
    /// message-signalled interrupt is always the device's own, so its handlers return true.
    /// </returns>
    /// <remarks>May be called although the device asked for nothing; must not throw.</remarks>
    public abstract bool OnInterrupt();
}
