using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace VirtioGuest.Kernel.Machine;

/// <summary>The processor's timestamp counter; in an ordinary process, which is none of LibOS', a stopwatch.</summary>
internal static class TimestampCounter
{
    private const ulong HertzPerKilohertz = 1000;
    private const ulong NanosecondsPerSecond = 1_000_000_000;

    /// <summary>How many ticks a millisecond has.</summary>
    public static ulong Kilohertz =>
        HasLibOs ? Startup.Information.TimestampKilohertz : (ulong)Stopwatch.Frequency / HertzPerKilohertz;

    /// <summary>Nanoseconds on the monotonic clock.</summary>
    public static ulong Nanoseconds =>
        HasLibOs
            ? LibOsCalls.MonotonicNanoseconds()
            : (ulong)Stopwatch.GetTimestamp() * (NanosecondsPerSecond / (ulong)Stopwatch.Frequency);

    // As in WakeSignal: a constant of the compiler.
    private static bool HasLibOs => !RuntimeFeature.IsDynamicCodeCompiled;

    /// <summary>Ticks so far.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Read() => HasLibOs ? LibOsCalls.Timestamp() : (ulong)Stopwatch.GetTimestamp();
}
