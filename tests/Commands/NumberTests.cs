using System.Globalization;
using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace VirtioGuest.Commands.Tests;

[TestFixture]
internal sealed class NumberTests
{
    private static readonly Config s_many = Config.QuickThrowOnFailure.WithMaxTest(2000);

    [TestCase("0", 0UL)]
    [TestCase("18446744073709551615", ulong.MaxValue)]
    [TestCase("00000000000000000000000000007", 7UL)]
    [TestCase("0x0", 0UL)]
    [TestCase("0XfF", 255UL)]
    [TestCase("0xffffffffffffffff", ulong.MaxValue)]
    [TestCase("0x00000000000000000000000000000010", 16UL)]
    [TestCase("0x0123456789abcdef", 0x0123456789ABCDEFUL)]
    [TestCase("0xFEDCBA9876543210", 0xFEDCBA9876543210UL)]
    [TestCase("007", 7UL)]
    public void TryParse_reads_decimal_and_hexadecimal(string text, ulong expected)
    {
        Assert.That(Number.TryParse(text, out ulong value), Is.True);
        Assert.That(value, Is.EqualTo(expected));
    }

    [TestCase("")]
    [TestCase(" ")]
    [TestCase("-1")]
    [TestCase("+1")]
    [TestCase("1 ")]
    [TestCase(" 1")]
    [TestCase("1,000")]
    [TestCase("1.0")]
    [TestCase("1e3")]
    [TestCase("a")]
    [TestCase("0x")]
    [TestCase("0x ")]
    [TestCase("0x-1")]
    [TestCase("0x0x1")]
    [TestCase("0xg")]
    [TestCase("x10")]
    [TestCase("x")]
    [TestCase("ten")]
    [TestCase("\u0661")]
    [TestCase("/")]
    [TestCase(":")]
    [TestCase("18446744073709551616")]
    [TestCase("18446744073709551620")]
    [TestCase("99999999999999999999")]
    [TestCase("184467440737095516150")]
    [TestCase("0x10000000000000000")]
    public void TryParse_refuses_everything_else(string text)
    {
        Assert.That(Number.TryParse(text, out ulong value), Is.False);
        Assert.That(value, Is.Zero);
    }

    [Test]
    public void TryParse_reads_what_is_written() =>
        Prop.ForAll(Numbers(), number =>
            IsRead(number.ToString(CultureInfo.InvariantCulture), number)
            && IsRead("0x" + number.ToString("x"), number)
            && IsRead("0X" + number.ToString("X16"), number)).Check(s_many);

    [Test]
    public void TryParse_refuses_what_64_bits_do_not_hold() =>
        Prop.ForAll(Numbers(), number =>
        {
            BigInteger large = (BigInteger.One << 64) + number;
            return !Number.TryParse(large.ToString(CultureInfo.InvariantCulture), out _)
                && !Number.TryParse("0x1" + number.ToString("x16"), out _);
        }).Check(s_many);

    private static bool IsRead(string text, ulong expected) =>
        Number.TryParse(text, out ulong value) && value == expected;

    // Of every magnitude: evenly drawn numbers would nearly all be large.
    private static Arbitrary<ulong> Numbers() =>
        Arb.From(
            from high in Gen.Choose(int.MinValue, int.MaxValue)
            from low in Gen.Choose(int.MinValue, int.MaxValue)
            from shift in Gen.Choose(0, 63)
            select (((ulong)(uint)high << 32) | (uint)low) >> shift);
}
