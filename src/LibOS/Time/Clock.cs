using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Time;

/// <summary>
/// The machine's time: monotonic nanoseconds since entry, and the wall clock that the RTC gave at start.
/// </summary>
internal static class Clock
{
    /// <summary>A time that never comes: the deadline of those that have none.</summary>
    public const ulong Never = ulong.MaxValue;

    private static ClockSource s_source;
    private static ulong s_wallStartSeconds;

    /// <summary>The timestamp counter's frequency in kHz.</summary>
    public static uint Kilohertz => s_source.Kilohertz;

    /// <summary>Monotonic nanoseconds.</summary>
    public static ulong Now => s_source.At(Processor.ReadTimestamp());

    /// <summary>Nanoseconds since 1970-01-01 UTC.</summary>
    public static ulong WallNow => (s_wallStartSeconds * 1_000_000_000) + Now;

    /// <summary>Starts both.</summary>
    /// <param name="start">The timestamp counter at entry.</param>
    /// <param name="kilohertz">Its frequency.</param>
    /// <param name="wallSeconds">Seconds since 1970 now, or 0 where there is no real-time clock.</param>
    public static void Initialize(ulong start, uint kilohertz, ulong wallSeconds)
    {
        s_source.Initialize(start, kilohertz);
        ulong elapsedSeconds = Now / 1_000_000_000;
        s_wallStartSeconds = wallSeconds > elapsedSeconds ? wallSeconds - elapsedSeconds : 0;
    }

    /// <summary>The time at which the timestamp counter has a value, in monotonic nanoseconds.</summary>
    public static ulong TimeOf(ulong timestamp) => s_source.TimeOf(timestamp);

    /// <summary>The length of a number of timestamp ticks in nanoseconds.</summary>
    public static ulong ToNanoseconds(ulong ticks) => s_source.ToNanoseconds(ticks);
}

/// <summary>Turns timestamp ticks into nanoseconds without a division.</summary>
internal struct ClockSource
{
    // nanoseconds = ticks * multiplier / 2^24: exact to a quarter of a millionth at 4 GHz, and no product of a 32-bit
    // half overflows down to 62.5 MHz.
    private const int Shift = 24;

    private ulong _start;
    private ulong _multiplier;
    private ulong _last;

    /// <summary>The counter's frequency in kHz.</summary>
    public uint Kilohertz { get; private set; }

    /// <summary>Starts the clock at zero.</summary>
    /// <param name="start">The counter's value at time zero.</param>
    /// <param name="kilohertz">Its frequency, at least 62,500.</param>
    public void Initialize(ulong start, uint kilohertz)
    {
        _start = start;
        Kilohertz = kilohertz;
        _multiplier = (1_000_000ul << Shift) / kilohertz;
        _last = 0;
    }

    /// <summary>The time at a value of the counter; never earlier than the last one.</summary>
    public ulong At(ulong timestamp)
    {
        ulong now = ToNanoseconds(timestamp - _start);
        if (timestamp < _start || now < _last)
        {
            return _last;
        }

        _last = now;
        return now;
    }

    /// <summary>The time that a value of the counter stands for, whether it has come or not.</summary>
    public readonly ulong TimeOf(ulong timestamp) => timestamp < _start ? 0 : ToNanoseconds(timestamp - _start);

    /// <summary>The length of a number of ticks.</summary>
    public readonly ulong ToNanoseconds(ulong ticks) =>
        (((ticks >> 32) * _multiplier) << (32 - Shift)) + (((ticks & 0xFFFF_FFFF) * _multiplier) >> Shift);
}

/// <summary>What interrupts when a time comes.</summary>
internal enum TimerKind
{
    /// <summary>Nothing: the clock is checked whenever LibOS is left, and all the time while nobody runs.</summary>
    None = 0,

    /// <summary>The local APIC's timer.</summary>
    LocalApic,

    /// <summary>The 8254, through the pair of 8259s.</summary>
    Interval,
}
