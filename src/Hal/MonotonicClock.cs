namespace VirtioGuest.Hal;

/// <summary>Time that never goes back, for deadlines.</summary>
public abstract class MonotonicClock
{
    /// <summary>Nanoseconds since an arbitrary moment.</summary>
    public abstract ulong Nanoseconds { get; }

    /// <summary>
    /// Lets time pass between two looks at a device that is expected to finish soon: about a microsecond at first, and
    /// longer as a machine sees fit.
    /// </summary>
    public abstract void Relax();
}
