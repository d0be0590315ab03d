using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Threads;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.SystemCalls;

/// <summary>Clocks and sleeping.</summary>
internal static unsafe class TimeCalls
{
    /// <summary>CLOCK_MONOTONIC.</summary>
    public const ulong Monotonic = 1;

    private const ulong Realtime = 0;
    private const ulong ProcessTime = 2;
    private const ulong ThreadTime = 3;
    private const ulong MonotonicRaw = 4;
    private const ulong RealtimeCoarse = 5;
    private const ulong MonotonicCoarse = 6;
    private const ulong BootTime = 7;

    /// <summary>clock_gettime.</summary>
    public static long GetTime(ulong clock, TimeSpec* result)
    {
        ulong now;
        switch (clock)
        {
            case Realtime:
            case RealtimeCoarse:
                now = Clock.WallNow;
                break;
            case Monotonic:
            case MonotonicRaw:
            case MonotonicCoarse:
            case BootTime:
            case ProcessTime:
                now = Clock.Now;
                break;
            case ThreadTime:
                PerCpu* cpu = Processor.Current();
                now = Clock.ToNanoseconds(
                    cpu->CurrentThread->RunTicks + Processor.ReadTimestamp() - cpu->SwitchedAt);
                break;
            default:
                return -ErrorNumber.InvalidArgument;
        }

        *result = TimeSpec.From(now);
        return 0;
    }

    /// <summary>clock_getres: a nanosecond, as Linux says.</summary>
    public static long GetResolution(TimeSpec* result)
    {
        if (result != null)
        {
            *result = TimeSpec.From(1);
        }

        return 0;
    }

    /// <summary>nanosleep and clock_nanosleep.</summary>
    public static long Sleep(PerCpu* cpu, TrapFrame* frame, TimeSpec* time, bool isAbsolute, ulong clock)
    {
        if (!time->IsValid)
        {
            return -ErrorNumber.InvalidArgument;
        }

        cpu->CurrentThread->Deadline = Deadline(time, isAbsolute, clock == Realtime);
        LibOs.Sleepers->Add(cpu->CurrentThread);
        frame->Rax = 0;
        Scheduler.Block(cpu, ThreadState.Sleeping);
        return CallResult.Switched;
    }

    /// <summary>A time-out in monotonic nanoseconds.</summary>
    public static ulong Deadline(TimeSpec* time, bool isAbsolute, bool isWallTime)
    {
        ulong nanoseconds = time->Nanoseconds;
        if (isAbsolute && isWallTime)
        {
            ulong wall = Clock.WallNow;
            nanoseconds = nanoseconds > wall ? nanoseconds - wall : 0;
        }
        else if (isAbsolute)
        {
            return nanoseconds;
        }

        return After(nanoseconds);
    }

    /// <summary>The time after some nanoseconds.</summary>
    public static ulong After(ulong nanoseconds)
    {
        ulong now = Clock.Now;
        return nanoseconds > Clock.Never - 1 - now ? Clock.Never - 1 : now + nanoseconds;
    }
}

/// <summary>Linux' <c>struct timespec</c>.</summary>
internal struct TimeSpec
{
    private const ulong NanosecondsPerSecond = 1_000_000_000;

    public ulong Seconds;
    public ulong Fraction;

    /// <summary>Whether the value is valid: not negative, and less than a second of nanoseconds.</summary>
    public readonly bool IsValid => Seconds <= long.MaxValue && Fraction < NanosecondsPerSecond;

    /// <summary>The whole in nanoseconds, or the largest number where that is too much.</summary>
    public readonly ulong Nanoseconds => Seconds >= ulong.MaxValue / NanosecondsPerSecond
        ? ulong.MaxValue
        : (Seconds * NanosecondsPerSecond) + Fraction;

    public static TimeSpec From(ulong nanoseconds) => new()
    {
        Seconds = nanoseconds / NanosecondsPerSecond,
        Fraction = nanoseconds % NanosecondsPerSecond,
    };
}
