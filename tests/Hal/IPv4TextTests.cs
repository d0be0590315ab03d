using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.Hal.Tests;

[TestFixture]
internal sealed class IPv4TextTests
{
    [TestCase("0.0.0.0", 0u)]
    [TestCase("10.0.2.15", 0x0A00020Fu)]
    [TestCase("255.255.255.255", 0xFFFFFFFFu)]
    [TestCase("1.20.100.200", 0x011464C8u)]
    public void An_address_is_read_and_written(string text, uint expected)
    {
        Assert.That(IPv4Text.TryParse(text, out uint address), Is.True);
        Assert.That(address, Is.EqualTo(expected));
        Assert.That(IPv4Text.Format(address), Is.EqualTo(text));
    }

    [TestCase("")]
    [TestCase(".")]
    [TestCase("...")]
    [TestCase("10")]
    [TestCase("10.0.2")]
    [TestCase("10.0.2.")]
    [TestCase(".10.0.2")]
    [TestCase("10..2.2")]
    [TestCase("10.0.2.2.")]
    [TestCase("10.0.2.2.2")]
    [TestCase("10.0.2.256")]
    [TestCase("10.0.2.999")]
    [TestCase("10.0.2.1000")]
    [TestCase("10.0.2.02")]
    [TestCase("10.0.2.00")]
    [TestCase("10.0.2.-2")]
    [TestCase("10.0.2.+2")]
    [TestCase("10.0.2.0x2")]
    [TestCase("10.0.2.a")]
    [TestCase("10.0.2.2 ")]
    [TestCase(" 10.0.2.2")]
    [TestCase("10,0,2,2")]
    [TestCase("10.0.2.\u0662")]
    public void Everything_else_is_refused(string text)
    {
        Assert.That(IPv4Text.TryParse(text, out uint address), Is.False);
        Assert.That(address, Is.Zero);
    }

    [Test]
    public void What_is_written_is_read() =>
        Prop.ForAll(
            Arb.From(Gen.Choose(int.MinValue, int.MaxValue).Select(number => (uint)number)),
            address => IPv4Text.TryParse(IPv4Text.Format(address), out uint read) && read == address)
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
}
