using System.Runtime.CompilerServices;
using System.Threading;
using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Ways to order accesses and to keep others out.</summary>
public static class Fences
{
    private static readonly object s_gate = new();
    private static ulong s_wide;
    private static double s_real;
    private static uint s_narrow;
    private static int s_count;

    [Breaks(typeof(WideVolatile))]
    public static ulong ReadWide() => Volatile.Read(ref s_wide);

    public static void SetWide(ulong value) => s_wide = value;

    [Breaks(typeof(WideVolatile))]
    public static void WriteWide(double value) => Volatile.Write(ref s_real, value);

    public static uint ReadNarrow() => Volatile.Read(ref s_narrow);

    public static void WriteNarrow(uint value) => Volatile.Write(ref s_narrow, value);

    [Breaks(typeof(ForeignBarriers))]
    public static void Full() => Interlocked.MemoryBarrier();

    [Breaks(typeof(ForeignBarriers))]
    public static void Older() => Thread.MemoryBarrier();

    [Breaks(typeof(ForeignBarriers))]
    public static void Half() => Volatile.ReadBarrier();

    [Breaks(typeof(ForeignBarriers))]
    public static int Count() => Interlocked.Increment(ref s_count);

    [Breaks(typeof(Locks))]
    [Breaks(typeof(FinallyHandlers))]
    public static int Locked()
    {
        lock (s_gate)
        {
            return s_count;
        }
    }

    [Breaks(typeof(Locks))]
    [Breaks(typeof(FinallyHandlers))]
    public static int LockedAnew(Lock gate)
    {
        lock (gate)
        {
            return s_count;
        }
    }

    [Breaks(typeof(Locks))]
    public static bool Tried() => Monitor.TryEnter(s_gate);

    [Breaks(typeof(Locks))]
    [MethodImpl(MethodImplOptions.Synchronized)]
    public static int Synchronized() => s_count;
}
