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
    // Each lets every other thread use up its time slice, so that a few take as long as all the turns of the others.
    private const ulong LongRoundYields = 20;
    private const ulong ShortRoundYields = 4;

    // As long as a time slice or longer, so that most rounds are interrupted. An even number: every second turn of
    // compiled code brings back what was there.
    private const int LongRoundTurns = 2_000_000;
    private const int ShortRoundTurns = 20_000;

    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(60);

    private readonly RegisterWorker[] _workers;

    private RegisterStress(int turns, ulong yields)
    {
        ulong spins = (ulong)turns;
        _workers =
        [
            new("registers under signals", 0x1_0000_0000, seed => RegisterPattern.HoldCooperatively(seed, spins)),
            new("registers under signals", 0x2_0000_0000, seed => RegisterPattern.HoldCooperatively(seed, spins)),
            new("registers under interrupts", 0x3_0000_0000, seed => RegisterPattern.HoldPreemptively(seed, spins)),
            new("registers under interrupts", 0x4_0000_0000, seed => RegisterPattern.HoldPreemptively(seed, spins)),
            new("registers across system calls", 0x5_0000_0000, seed => RegisterPattern.HoldAcrossCalls(seed, yields)),
            new("registers across page faults", 0x6_0000_0000, RegisterPattern.HoldAcrossPageFaults),
            new("vectors of compiled code", 0x7_0000_0000, seed => TurnVectors(seed, turns / 2)),
            new("vectors of compiled code", 0x8_0000_0000, seed => TurnVectors(seed, turns / 2)),
            new("floating-point time-outs", 0x9_0000_0000, seed => ConvertTimeouts(seed, turns / 20)),
            new("exceptions", 0xA_0000_0000, CatchFaults),
            new("collections", 0xB_0000_0000, Collect),
        ];
    }

    /// <summary>Runs it in long rounds.</summary>
    /// <param name="duration">How long; longer where a thread has not had a single round by then.</param>
    /// <param name="rounds">How many rounds of all threads ended well.</param>
    /// <returns>What was lost, in words, or null.</returns>
    public static string? Run(TimeSpan duration, out ulong rounds) =>
        new RegisterStress(LongRoundTurns, LongRoundYields).RunFor(duration, out rounds);

    /// <summary>
    /// Runs it until each thread has had a short round, which is some hundred milliseconds of processor time.
    /// </summary>
    /// <returns>What was lost, in words, or null.</returns>
    public static string? RunBriefly() =>
        new RegisterStress(ShortRoundTurns, ShortRoundYields).RunFor(TimeSpan.Zero, out _);

    private string? RunFor(TimeSpan duration, out ulong rounds)
    {
        string? failure = Watch(duration);
        foreach (RegisterWorker worker in _workers)
        {
            worker.Stop();
        }

        rounds = 0;
        foreach (RegisterWorker worker in _workers)
        {
            if (!worker.Join(s_timeout))
            {
                return failure ?? worker.Name + ": the thread never ended";
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
            RegisterWorker? late = null;
            foreach (RegisterWorker worker in _workers)
            {
                if (worker.Failure is not null)
                {
                    return worker.Failure;
                }

                late = worker.Rounds == 0 ? worker : late;
            }

            if (late is null && watch.Elapsed >= duration)
            {
                return null;
            }

            if (watch.Elapsed >= duration + s_timeout)
            {
                return $"{late!.Name}: not a single round in {s_timeout.TotalSeconds} s";
            }
        }
    }

    // Compiled code keeps all of these in registers. It is made for the oldest processor, so none is a YMM register.
    private static string? TurnVectors(ulong seed, int turns) => AreVectorsKept(seed, turns) ? null : "a vector";

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool AreVectorsKept(ulong seed, int turns)
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
        for (int turn = 0; turn < turns; turn++)
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
    private static string? ConvertTimeouts(ulong seed, int turns)
    {
        int seconds = (int)(seed % 1000) + 1;
        for (int turn = 0; turn < turns; turn++)
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

        // Mostly the youngest generation's, which stop the threads as whole ones do and take less time.
        GC.Collect(seed % 4 == 0 ? GC.MaxGeneration : 0);
        Thread.Sleep(1);
        return text[99] == (seed + 99).ToString() ? null : "a string";
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int ReadLength(string? text) => text!.Length;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Divide(int dividend, int divisor) => dividend / divisor;
}

/// <summary>
/// A thread that does one thing again and again until it is stopped, and notes the first register that was lost.
/// </summary>
internal sealed class RegisterWorker
{
    private const int StackSize = 256 * 1024;

    private readonly Func<ulong, string?> _round;
    private readonly Thread _thread;
    private volatile bool _stop;
    private long _rounds;

    /// <summary>Starts it.</summary>
    /// <param name="name">What it does, for people.</param>
    /// <param name="seed">The seed of its first round; the next ones follow.</param>
    /// <param name="round">One round with a seed: null, or what was lost.</param>
    public RegisterWorker(string name, ulong seed, Func<ulong, string?> round)
    {
        Name = name;
        _round = round;
        _thread = new Thread(() => Work(seed), StackSize) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>What it does, for people.</summary>
    public string Name { get; }

    /// <summary>How many rounds have ended.</summary>
    public ulong Rounds => (ulong)Volatile.Read(ref _rounds);

    /// <summary>What was lost, in words; null while all is well.</summary>
    public string? Failure { get; private set; }

    /// <summary>Asks it to end after its round.</summary>
    public void Stop() => _stop = true;

    /// <summary>Waits for its end.</summary>
    /// <returns>False where it has not come in time.</returns>
    public bool Join(TimeSpan timeout) => _thread.Join(timeout);

    private void Work(ulong seed)
    {
        while (!_stop)
        {
            string? lost = _round(seed++);
            if (lost is not null)
            {
                Failure = Name + ": " + lost + " changed";
                return;
            }

            Volatile.Write(ref _rounds, _rounds + 1);
        }
    }
}
