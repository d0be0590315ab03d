using NUnit.Framework;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.Hal.Tests;

/// <summary>Numbers as people write them.</summary>
public class DecimalTextTests
{
    [TestCase(0ul, "0")]
    [TestCase(7ul, "7")]
    [TestCase(10ul, "10")]
    [TestCase(4_294_967_296ul, "4294967296")]
    [TestCase(ulong.MaxValue, "18446744073709551615")]
    public void A_number_has_as_many_digits_as_it_needs(ulong value, string text) =>
        Assert.That(DecimalText.Of(value), Is.EqualTo(text));
}
