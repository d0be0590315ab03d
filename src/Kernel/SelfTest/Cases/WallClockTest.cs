using System;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Commands.SelfTest.Cases;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Machine;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>The clocks go on, at the same speed, and never back; the date makes sense.</summary>
internal sealed class WallClockTest : ClockTest
{
    private const int Attempts = 3;
    private const uint PauseMilliseconds = 20;
    private const double ToleranceMilliseconds = 10;

    private readonly MonotonicClock _clock;
    private readonly SystemControl _system;

    public WallClockTest(MonotonicClock clock, SystemControl system)
        : base(clock, system)
    {
        _clock = clock;
        _system = system;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        SelfTestResult result = base.Run();
        if (result.Outcome != SelfTestOutcome.Passed)
        {
            return result;
        }

        double drift = MeasureDrift();
        for (int attempt = 1; attempt < Attempts && Math.Abs(drift) > ToleranceMilliseconds; attempt++)
        {
            // Whoever stops this machine between the looks at the two clocks drives them apart.
            drift = MeasureDrift();
        }

        if (Math.Abs(drift) > ToleranceMilliseconds)
        {
            return SelfTestResult.Failed($"the wall clock and the monotonic clock went apart by {drift} ms");
        }

        // Only the machine knows what day it is.
        int year = DateTime.UtcNow.Year;
        return year is >= 2024 and < 2100
            ? result
            : SelfTestResult.Skipped($"the machine says that the year is {year}");
    }

    /// <summary>How much further the wall clock goes during a pause than the other one, in milliseconds.</summary>
    private double MeasureDrift()
    {
        ulong start = _clock.Nanoseconds;
        DateTime wallStart = DateTime.UtcNow;
        _system.Pause(PauseMilliseconds);
        TimeSpan wallElapsed = DateTime.UtcNow - wallStart;
        return wallElapsed.TotalMilliseconds - ((_clock.Nanoseconds - start) / 1e6);
    }
}
