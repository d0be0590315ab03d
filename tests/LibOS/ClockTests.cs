using NUnit.Framework;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
internal sealed class ClockTests
{
    [TestCase(1_000_000u)]
    [TestCase(2_599_998u)]
    [TestCase(62_500u)]
    [TestCase(5_000_000u)]
    public void A_day_of_ticks_is_a_day(uint kilohertz)
    {
        var source = default(ClockSource);
        source.Initialize(1000, kilohertz);
        const ulong day = 86_400_000;

        ulong nanoseconds = source.At(1000 + (day * kilohertz));

        // A quarter of a millionth, which is what the multiplier is exact to.
        Assert.That(nanoseconds, Is.EqualTo(day * 1_000_000).Within(day / 4));
    }

    [Test]
    public void Time_never_goes_back()
    {
        var source = default(ClockSource);
        source.Initialize(1000, 1_000_000);
        ulong later = source.At(5000);

        Assert.That(source.At(4000), Is.EqualTo(later));
        Assert.That(source.At(500), Is.EqualTo(later));
        Assert.That(source.At(6000), Is.GreaterThan(later));
    }

    [Test]
    public void Years_of_ticks_do_not_overflow()
    {
        var source = default(ClockSource);
        source.Initialize(0, 4_000_000);
        const ulong tenYears = 10ul * 365 * 86_400;

        Assert.That(source.At(tenYears * 4_000_000_000) / 1_000_000_000, Is.EqualTo(tenYears).Within(1000));
    }
}
