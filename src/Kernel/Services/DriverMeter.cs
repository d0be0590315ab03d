namespace VirtioGuest.Kernel.Services;

/// <summary>
/// Measures what a device's driver does, from outside: each call lies between a beginning and an end.
/// </summary>
internal abstract class DriverMeter
{
    /// <summary>The driver is about to be called.</summary>
    /// <returns>What the end wants to know.</returns>
    public abstract ulong Begin();

    /// <summary>It has taken a request or a frame, or refused it.</summary>
    public abstract void EndSubmit(ulong begun);

    /// <summary>It has notified its device, if that was needed.</summary>
    public abstract void EndNotify(ulong begun);

    /// <summary>It has looked for completions, handed on what it found, or asked for interrupts.</summary>
    public abstract void EndComplete(ulong begun);
}
