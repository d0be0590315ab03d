using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Time;

/// <summary>
/// The machine's time: monotonic nanoseconds since entry, and the wall clock that the RTC gave at start.
/// </summary>
internal static class Clock
{
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

    /// <summary>The length of a number of timestamp ticks in nanoseconds.</summary>
    public static ulong ToNanoseconds(ulong ticks) => s_source.ToNanoseconds(ticks);
}
