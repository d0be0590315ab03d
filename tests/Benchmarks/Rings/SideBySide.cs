using System;
using System.Diagnostics;
using System.Linq;

namespace VirtioGuest.Benchmarks.Rings;

/// <summary>
/// Two loops measured in turns, a fraction of a millisecond each, so that whatever else the machine does hits both.
/// </summary>
internal static class SideBySide
{
    private const int WarmUpRounds = 500;
    private const int Rounds = 1001;
    private const int Operations = 1 << 14;

    /// <summary>Measures.</summary>
    /// <param name="loop">Moves so many batches of so many buffers, and returns how many came back.</param>
    /// <param name="yardstick">The same, to compare with.</param>
    /// <param name="batch">How many buffers are in a batch.</param>
    /// <returns>
    /// The median of the first loop's operations per second, and of how often faster it is than the other.
    /// </returns>
    public static (double OperationsPerSecond, double Ratio) Measure(
        Func<int, int, ulong> loop, Func<int, int, ulong> yardstick, int batch)
    {
        for (int i = 0; i < WarmUpRounds; i++)
        {
            Time(loop, batch);
            Time(yardstick, batch);
        }

        double[] seconds = new double[Rounds];
        double[] ratios = new double[Rounds];
        for (int i = 0; i < Rounds; i++)
        {
            seconds[i] = Time(loop, batch);
            ratios[i] = Time(yardstick, batch) / seconds[i];
        }

        return (Operations / Median(seconds), Median(ratios));
    }

    private static double Time(Func<int, int, ulong> loop, int batch)
    {
        long start = Stopwatch.GetTimestamp();
        ulong pairs = loop(Operations / batch, batch);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return pairs == Operations
            ? seconds
            : throw new InvalidOperationException($"{pairs} of {Operations} buffers came back");
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
}
