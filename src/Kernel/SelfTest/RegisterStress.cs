using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Threading;
using VirtioGuest.Kernel.Machine;

namespace VirtioGuest.Kernel.SelfTest;

/// <summary>
/// Keeps patterns in registers on many threads at once, while everything happens that takes the processor away from a
/// thread: interrupts, time slices, system calls, page faults, faults that become exceptions, and the signals by which
/// the garbage collector stops threads.
/// </summary>
internal sealed class RegisterStress
{
    // As long as a time slice or longer, so that most rounds are interrupted.
    private const ulong SpinTurns = 2_000_000;

    // An even number: every second turn brings back what was there.
    private const int ManagedTurns = 1_000_000;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly RegisterWorker[] _workers;

    private RegisterStress()
    {
        _workers =
        [
            new("registers under signals", 0x1_0000_0000, seed => RegisterPattern.HoldCooperatively(seed, SpinTurns)),
            new("registers under signals", 0x2_0000_0000, seed => RegisterPattern.HoldCooperatively(seed, SpinTurns)),
            new("registers under interrupts", 0x3_0000_0000, seed => RegisterPattern.HoldPreemptively(seed, SpinTurns)),
            new("registers under interrupts", 0x4_0000_0000, seed => RegisterPattern.HoldPreemptively(seed, SpinTurns)),
            new("registers across system calls", 0x5_0000_0000, RegisterPattern.HoldAcrossCalls),
            new("registers across page faults", 0x6_0000_0000, RegisterPattern.HoldAcrossPageFaults),
            new("vectors of compiled code", 0x7_0000_0000, TurnVectors),
            new("vectors of compiled code", 0x8_0000_0000, TurnVectors),
            new("floating-point time-outs", 0x9_0000_0000, ConvertTimeouts),
            new("exceptions", 0xA_0000_0000, CatchFaults),
            new("collections", 0xB_0000_0000, Collect),
        ];
    }

    /// <summary>Runs it.</summary>
    /// <param name="duration">How long; longer where a thread has not had a single round by then.</param>
    /// <param name="rounds">How many rounds of all threads ended well.</param>
    /// <returns>What was lost, in words, or null.</returns>
    public static string? Run(TimeSpan duration, out ulong rounds)
    {
        var stress = new RegisterStress();
        string? failure = stress.Watch(duration);
        foreach (RegisterWorker worker in stress._workers)
        {
            worker.Stop();
        }

        rounds = 0;
        foreach (RegisterWorker worker in stress._workers)
        {
            if (!worker.Join(s_patience))
            {
                return failure ?? "a thread never ended";
            }

            failure ??= worker.Failure;
            rounds += worker.Rounds;
        }

        return failure;
    }

    // Sleeping by the millisecond keeps the timer's interrupts coming, and each wakes a thread before all others.
    private string? Watch(TimeSpan duration)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            Thread.Sleep(1);
            bool isComplete = true;
            foreach (RegisterWorker worker in _workers)
            {
                if (worker.Failure is not null)
                {
                    return worker.Failure;
                }

                isComplete &= worker.Rounds != 0;
            }

            if (isComplete && watch.Elapsed >= duration)
            {
                return null;
            }

            if (watch.Elapsed >= duration + s_patience)
            {
                return "a thread did not get through a single round";
            }
        }
    }

    // Compiled code keeps all of these in registers. It is made for the oldest processor, so none is a YMM register.
    private static string? TurnVectors(ulong seed) => AreVectorsKept(seed) ? null : "a vector";

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool AreVectorsKept(ulong seed)
    {
        Vector128<ulong> key = Vector128.Create(seed, ~seed);
        Vector128<ulong> a = Vector128.Create(seed + 1);
        Vector128<ulong> b = Vector128.Create(seed + 2);
        Vector128<ulong> c = Vector128.Create(seed + 3);
        Vector128<ulong> d = Vector128.Create(seed + 4);
        Vector128<ulong> e = Vector128.Create(seed + 5);
        Vector128<ulong> f = Vector128.Create(seed + 6);
        double x = seed;
        double y = -x;
        for (int turn = 0; turn < ManagedTurns; turn++)
        {
            a ^= key;
            b ^= key;
            c ^= key;
            d ^= key;
            e ^= key;
            f ^= key;
            (x, y) = (y, x);
        }

        return a == Vector128.Create(seed + 1) && b == Vector128.Create(seed + 2)
            && c == Vector128.Create(seed + 3) && d == Vector128.Create(seed + 4)
            && e == Vector128.Create(seed + 5) && f == Vector128.Create(seed + 6) && x == seed && y == -x;
    }

    // What the runtime does with the time-out of a wait: ticks to a floating-point number to an integer, in range?
    private static string? ConvertTimeouts(ulong seed)
    {
        int seconds = (int)(seed % 1000) + 1;
        for (int turn = 0; turn < ManagedTurns / 10; turn++)
        {
            if (Milliseconds(TimeSpan.FromSeconds(seconds)) != seconds * 1000)
            {
                return "a time-out";
            }
        }

        return null;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Milliseconds(TimeSpan span)
    {
        long milliseconds = (long)span.TotalMilliseconds;
        return milliseconds is < -1 or > int.MaxValue ? long.MinValue : milliseconds;
    }

    private static string? CatchFaults(ulong seed)
    {
        double kept = seed;
        for (int turn = 0; turn < 10; turn++)
        {
            try
            {
                ReadLength(null);
                return "a null reference";
            }
            catch (NullReferenceException)
            {
            }

            try
            {
                Divide(turn, 0);
                return "a division by zero";
            }
            catch (DivideByZeroException)
            {
                kept += 1;
            }
        }

        return kept == (double)seed + 10 ? null : "a number";
    }

    private static string? Collect(ulong seed)
    {
        var text = new string[100];
        for (int index = 0; index < text.Length; index++)
        {
            text[index] = (seed + (ulong)index).ToString();
        }

        // Whole ones now and then: the youngest generation's alone use up the collector's regions.
        GC.Collect(seed % 4 == 0 ? GC.MaxGeneration : 0);
        Thread.Sleep(1);
        return text[99] == (seed + 99).ToString() ? null : "a string";
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int ReadLength(string? text) => text!.Length;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Divide(int dividend, int divisor) => dividend / divisor;
}
