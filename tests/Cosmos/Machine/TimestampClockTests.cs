using NUnit.Framework;
using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Cosmos.Tests.Simulation;

namespace VirtioGuest.Cosmos.Tests.Machine;

/// <summary>The time that deadlines are measured by.</summary>
public sealed class TimestampClockTests
{
    [Test]
    public void The_timestamp_is_measured_against_the_timer()
    {
        using ModelPlatform platform = new();

        var clock = new TimestampClock(platform);

        Assert.That(clock.TicksPerMillisecond,
            Is.EqualTo(ModelPlatform.TicksPerSecond / 1000).Within(1).Percent);
    }

    [TestCase(1u)]
    [TestCase(60u)]
    [TestCase(400u * 24 * 3600)]
    public void Time_follows_the_timestamp_for_longer_than_a_year(uint seconds)
    {
        using ModelPlatform platform = new();
        var clock = new TimestampClock(platform);
        ulong before = clock.Nanoseconds;

        platform.Pass(seconds * ModelPlatform.TicksPerSecond);

        Assert.That((clock.Nanoseconds - before) / 1e9, Is.EqualTo(seconds).Within(1).Percent);
    }

    [Test]
    public void Time_never_goes_back()
    {
        using ModelPlatform platform = new();
        var clock = new TimestampClock(platform);
        ulong last = 0;

        for (int i = 0; i < 10_000; i++)
        {
            platform.Pass((ulong)i % 7);
            ulong now = clock.Nanoseconds;
            Assert.That(now, Is.GreaterThanOrEqualTo(last));
            last = now;
        }
    }

    [Test]
    public void Without_a_timer_time_passes_by_waiting()
    {
        using ModelPlatform platform = new();
        platform.ModelPorts.HasTimer = false;
        var clock = new TimestampClock(platform);
        ulong before = clock.Nanoseconds;

        for (int i = 0; i < 1000; i++)
        {
            clock.Relax();
        }

        Assert.That((clock.TicksPerMillisecond, clock.Nanoseconds - before), Is.EqualTo((0UL, 1_000_000UL)));
    }

    [Test]
    public void With_a_timestamp_that_stands_still_time_passes_by_waiting()
    {
        using ModelPlatform platform = new() { ReadTicks = 0 };
        var frozen = new TimestampClock(new FrozenPlatform(platform));
        ulong before = frozen.Nanoseconds;

        frozen.Relax();

        Assert.That(frozen.Nanoseconds - before, Is.EqualTo(1000));
    }
}
