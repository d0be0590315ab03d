using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;

namespace VirtioGuest.Kernel.Machine;

/// <summary>
/// Lets a thread wait for another one: a signal stays until the waiter takes it, and several are one. It does what an
/// <see cref="AutoResetEvent"/> does for a single waiter, in a tenth of the instructions, because LibOS' own wait is
/// below it and nothing in between.
/// </summary>
/// <remarks>
/// The waiting thread is outside cooperative mode, so no collection waits for it. Without LibOS, in an ordinary
/// process, a monitor stands in for its calls.
/// </remarks>
internal sealed unsafe class WakeSignal
{
    /// <summary>No limit.</summary>
    public const ulong Forever = ulong.MaxValue;

    private const uint None = 0;
    private const uint Signalled = 1;
    private const uint Awaited = 2;

    private static readonly object s_gate = new();
    private static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(1);

    // It must not move while a thread waits at it.
    private readonly uint[] _store = GC.AllocateArray<uint>(1, pinned: true);
    private readonly uint* _word;

    /// <summary>Starts without a signal.</summary>
    public WakeSignal()
    {
        _word = (uint*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_store));
    }

    // The kernel is compiled ahead of time, and every process that has a compiler at run time is none of LibOS'. As a
    // constant of the compiler it costs nothing.
    private static bool HasLibOs => !RuntimeFeature.IsDynamicCodeCompiled;

    /// <summary>Signals. Any thread may.</summary>
    public void Wake()
    {
        if (Interlocked.Exchange(ref *_word, Signalled) == Awaited)
        {
            WakeAt(_word);
        }

        GC.KeepAlive(_store);
    }

    /// <summary>Waits for a signal and takes it. One thread at a time does.</summary>
    /// <param name="nanoseconds">For how long at most, or <see cref="Forever"/>.</param>
    /// <returns>Whether there was one in time.</returns>
    public bool Wait(ulong nanoseconds)
    {
        uint before = Interlocked.CompareExchange(ref *_word, Awaited, None);
        Debug.Assert(before != Awaited, "two threads wait for one signal");
        if (before == None)
        {
            // A call of Wake whose signal was taken without it may come late, and end a wait without a new one.
            while (WaitAt(_word, Awaited, nanoseconds) && Volatile.Read(ref *_word) == Awaited)
            {
            }
        }

        bool isSignalled = Interlocked.Exchange(ref *_word, None) == Signalled;
        GC.KeepAlive(_store);
        return isSignalled;
    }

    /// <summary>Waits at a word that does not move, as long as it holds a value.</summary>
    /// <param name="word">Whoever changes it calls <see cref="WakeAt"/> afterwards.</param>
    /// <param name="value">The value.</param>
    /// <param name="nanoseconds">For how long at most, or <see cref="Forever"/>.</param>
    /// <returns>False where that took too long. True may come too early.</returns>
    internal static bool WaitAt(uint* word, uint value, ulong nanoseconds) =>
        HasLibOs
            ? LibOsCalls.Wait(word, value, nanoseconds) != LibOsError.TimedOut
            : WaitInProcess(word, value, nanoseconds);

    /// <summary>Wakes the thread that waits at a word, if one does.</summary>
    internal static void WakeAt(uint* word)
    {
        if (HasLibOs)
        {
            LibOsCalls.Wake(word, 1);
        }
        else
        {
            lock (s_gate)
            {
                Monitor.PulseAll(s_gate);
            }
        }
    }

    private static bool WaitInProcess(uint* word, uint value, ulong nanoseconds)
    {
        TimeSpan limit = nanoseconds == Forever ? TimeSpan.MaxValue : TimeSpan.FromMicroseconds(nanoseconds / 1000.0);
        long start = Stopwatch.GetTimestamp();
        lock (s_gate)
        {
            while (Volatile.Read(ref *word) == value)
            {
                TimeSpan left = limit - Stopwatch.GetElapsedTime(start);
                if (left <= TimeSpan.Zero)
                {
                    return false;
                }

                Monitor.Wait(s_gate, left < s_longestWait ? left : s_longestWait);
            }
        }

        return true;
    }
}
