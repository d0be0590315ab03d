using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.SelfTest.Cases;

/// <summary>The clock moves forward only, and by it pauses take as long as they should.</summary>
public class ClockTest : SelfTestCase
{
    private const int Samples = 10_000;
    private const int Pauses = 3;
    private const uint PauseMilliseconds = 50;
    private const ulong PauseNanoseconds = PauseMilliseconds * 1_000_000ul;
    private const ulong Patience = 5_000_000_000;

    private readonly MonotonicClock _clock;
    private readonly CommandSystem _system;

    /// <param name="clock">The clock.</param>
    /// <param name="system">The machine that pauses.</param>
    public ClockTest(MonotonicClock clock, CommandSystem system)
        : base("the clock moves forward only, and a sleep takes its time")
    {
        _clock = clock;
        _system = system;
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
                return SelfTestResult.Failed("the clock went back by " + DecimalText.Of(last - now) + " ns");
            }

            last = now;
        }

        // Never too short. Too long may be the host's fault, once or twice.
        ulong slept = Sleep();
        for (int pause = 1; pause < Pauses && slept > Patience; pause++)
        {
            slept = Sleep();
        }

        return slept is >= PauseNanoseconds and <= Patience
            ? SelfTestResult.Passed
            : SelfTestResult.Failed(
                "a sleep of " + DecimalText.Of(PauseNanoseconds) + " ns took " + DecimalText.Of(slept) + " ns");
    }

    private ulong Sleep()
    {
        ulong start = _clock.Nanoseconds;
        _system.Pause(PauseMilliseconds);
        return _clock.Nanoseconds - start;
    }
}
