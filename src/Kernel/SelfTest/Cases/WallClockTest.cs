using System;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Commands.SelfTest.Cases;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Machine;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>The clocks go on, at the same speed, and never back; the date makes sense.</summary>
internal sealed class WallClockTest : ClockTest
{
    /// <summary>Creates the test.</summary>
    public WallClockTest(MonotonicClock clock, SystemControl system)
        : base(clock, system)
    {
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        SelfTestResult result = base.Run();
        int year = DateTime.UtcNow.Year;
        return result.Outcome == SelfTestOutcome.Passed
            ? SelfTestResult.Expect(year >= 2024, $"the wall clock says that it is {year}")
            : result;
    }
}
