using System;
using System.Threading;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>The clocks go on, at the same speed, and never back.</summary>
internal sealed class ClockTest : SelfTestCase
{
    private const int Samples = 10_000;
    private const ulong SleepNanoseconds = 50_000_000;
    private const ulong Patience = 5_000_000_000;

    private readonly MonotonicClock _clock;

    /// <summary>Creates the test.</summary>
    public ClockTest(MonotonicClock clock)
        : base("the clock goes on, never goes back, and a sleep takes its time")
    {
        _clock = clock;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        ulong last = _clock.Nanoseconds;
        for (int sample = 0; sample < Samples; sample++)
        {
            ulong now = _clock.Nanoseconds;
            if (now < last)
            {
                return SelfTestResult.Failed($"the clock went back by {last - now} ns");
            }

            last = now;
        }

        Thread.Sleep(TimeSpan.FromMicroseconds(SleepNanoseconds / 1000.0));
        ulong slept = _clock.Nanoseconds - last;
        if (slept is < SleepNanoseconds or > Patience)
        {
            return SelfTestResult.Failed($"a sleep of {SleepNanoseconds} ns took {slept} ns");
        }

        int year = DateTime.UtcNow.Year;
        return SelfTestResult.Expect(year >= 2024, $"the wall clock says that it is {year}");
    }
}
