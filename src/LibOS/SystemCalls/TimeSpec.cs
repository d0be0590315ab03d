namespace VirtioGuest.LibOS.SystemCalls;

/// <summary>Linux' <c>struct timespec</c>.</summary>
internal struct TimeSpec
{
    private const ulong NanosecondsPerSecond = 1_000_000_000;

    public ulong Seconds;
    public ulong Fraction;

    /// <summary>Whether the value is one: not negative, less than a second of nanoseconds.</summary>
    public readonly bool IsValid => Seconds <= long.MaxValue && Fraction < NanosecondsPerSecond;

    /// <summary>All of it in nanoseconds, at most the largest number.</summary>
    public readonly ulong Nanoseconds => Seconds >= ulong.MaxValue / NanosecondsPerSecond
        ? ulong.MaxValue
        : (Seconds * NanosecondsPerSecond) + Fraction;

    /// <summary>Splits nanoseconds.</summary>
    public static TimeSpec From(ulong nanoseconds) => new TimeSpec
    {
        Seconds = nanoseconds / NanosecondsPerSecond,
        Fraction = nanoseconds % NanosecondsPerSecond,
    };
}
