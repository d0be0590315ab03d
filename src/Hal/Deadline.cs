namespace VirtioGuest.Hal;

/// <summary>A moment until which something is waited for by looking again and again.</summary>
public readonly struct Deadline
{
    private readonly MonotonicClock _clock;
    private readonly ulong _start;
    private readonly ulong _length;

    /// <summary>Begins to wait.</summary>
    /// <param name="clock">What tells the time.</param>
    /// <param name="nanoseconds">How long it may take from now on.</param>
    public Deadline(MonotonicClock clock, ulong nanoseconds)
    {
        _clock = clock;
        _start = clock.Nanoseconds;
        _length = nanoseconds;
    }

    /// <summary>Whether it has passed.</summary>
    public bool HasPassed => _clock.Nanoseconds - _start >= _length;

    /// <summary>Lets time pass between two looks.</summary>
    /// <returns>Whether there is to be another look; false once the deadline has passed.</returns>
    public bool TryWait()
    {
        if (HasPassed)
        {
            return false;
        }

        _clock.Relax();
        return true;
    }
}
