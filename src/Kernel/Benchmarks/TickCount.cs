using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Kernel.Machine;

namespace VirtioGuest.Kernel.Benchmarks;

/// <summary>
/// Adds up what passes between pairs of looks at the timestamp counter, without what the looks themselves take.
/// </summary>
/// <remarks>
/// <para>Under QEMU's <c>-icount shift=0</c> a tick is an instruction, and the same run gives the same.</para>
/// <para>
/// An interrupt that comes between two looks takes its time there, other threads included. The median leaves it out
/// where the work is the same each time and interrupts are rare.
/// </para>
/// </remarks>
internal sealed class TickCount
{
    private const int Attempts = 64;
    private const int Longest = 4096;

    private readonly uint[] _pairsByTicks = new uint[Longest];
    private readonly ulong _emptyPair;
    private ulong _ticks;
    private ulong _pairs;

    /// <summary>Starts at 0.</summary>
    /// <param name="emptyPair">What a pair with nothing in between takes: <see cref="MeasureEmptyPair"/>.</param>
    public TickCount(ulong emptyPair)
    {
        _emptyPair = emptyPair;
    }

    /// <summary>The sum over all pairs.</summary>
    public ulong Total => _ticks;

    /// <summary>How many pairs there were.</summary>
    public ulong Pairs => _pairs;

    /// <summary>What a pair takes at the median.</summary>
    public ulong Median
    {
        get
        {
            ulong seen = 0;
            ulong ticks = 0;
            while (ticks < Longest - 1 && (seen += _pairsByTicks[ticks]) * 2 < _pairs)
            {
                ticks++;
            }

            return ticks;
        }
    }

    /// <summary>How many ticks a pair with nothing in between takes: the least of many.</summary>
    public static ulong MeasureEmptyPair()
    {
        ulong least = ulong.MaxValue;
        for (int i = 0; i < Attempts; i++)
        {
            ulong begin = Begin();
            least = Math.Min(TimestampCounter.Read() - begin, least);
        }

        return least;
    }

    /// <summary>
    /// Whether a tick is an instruction: then the same work takes the same number of them, each time, which no clock
    /// ever showed.
    /// </summary>
    public static bool IsCountingInstructions()
    {
        const int Rounds = 8;
        int same = 0;
        ulong last = 0;
        for (int i = 0; i < Rounds; i++)
        {
            ulong ticks = MeasureWork();
            same += ticks == last ? 1 : 0;
            last = ticks;
        }

        // The first may be slower, and an interrupt may come into one.
        return same >= Rounds - 3;
    }

    /// <summary>The first look of a pair, for <see cref="End"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Begin() => TimestampCounter.Read();

    /// <summary>The second look of a pair.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void End(ulong begin) => Add(TimestampCounter.Read() - begin);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong MeasureWork()
    {
        const int Steps = 10_000;
        ulong begin = Begin();
        uint work = 1;
        for (int i = 0; i < Steps; i++)
        {
            work = (work * 1664525) + 1013904223;
        }

        ulong ticks = TimestampCounter.Read() - begin;
        return work == 0 ? 0 : ticks;
    }

    private void Add(ulong ticks)
    {
        ticks = ticks > _emptyPair ? ticks - _emptyPair : 0;
        _ticks += ticks;
        _pairs++;
        _pairsByTicks[Math.Min(ticks, Longest - 1)]++;
    }
}
