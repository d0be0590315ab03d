using System;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace VirtioGuest.Net.Tests;

public sealed class AddressTests
{
    [TestCase("0.0.0.0", 0u)]
    [TestCase("10.0.2.15", 0x0A00020Fu)]
    [TestCase("255.255.255.255", 0xFFFFFFFFu)]
    public void An_IPv4_address_is_read_and_written(string text, uint value)
    {
        IPv4Address address = IPv4Address.Parse(text);

        Assert.That(address.Value, Is.EqualTo(value));
        Assert.That(address.ToString(), Is.EqualTo(text));
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase("10.0.2")]
    [TestCase("10.0.2.")]
    [TestCase("10.0.2.15.")]
    [TestCase("10.0.2.15.1")]
    [TestCase("10.0.2.256")]
    [TestCase("10.0.2.1000")]
    [TestCase("10.0.2.015")]
    [TestCase("10..2.15")]
    [TestCase(" 10.0.2.15")]
    [TestCase("10.0.2.15 ")]
    [TestCase("-1.0.2.15")]
    [TestCase("10.0.2.0x1")]
    [TestCase("10,0,2,15")]
    public void Text_that_is_not_an_IPv4_address_is_refused(string? text)
    {
        Assert.That(IPv4Address.TryParse(text, out _), Is.False);
    }

    [Test]
    public void Parse_quotes_what_is_not_an_IPv4_address()
    {
        Assert.That(
            () => IPv4Address.Parse("gateway"),
            Throws.TypeOf<FormatException>().With.Message.Contains("gateway"));
    }

    [Test]
    public void Every_IPv4_address_survives_writing_and_reading()
    {
        Prop.ForAll<uint>(value => IPv4Address.Parse(new IPv4Address(value).ToString()).Value == value)
            .Check(Properties.Many);
    }

    [Test]
    public void Any_text_is_read_or_refused_without_an_exception()
    {
        Prop.ForAll<string>(text =>
        {
            bool isIPv4 = IPv4Address.TryParse(text, out IPv4Address address);
            bool isMac = MacAddress.TryParse(text, out MacAddress hardware);
            return (!isIPv4 || address.ToString() == text)
                && (!isMac || hardware == MacAddress.Parse(hardware.ToString()));
        }).Check(Properties.Many);
    }

    [TestCase("0.0.0.0", false)]
    [TestCase("0.1.2.3", false)]
    [TestCase("1.0.0.1", true)]
    [TestCase("127.0.0.1", false)]
    [TestCase("128.0.0.1", true)]
    [TestCase("223.255.255.254", true)]
    [TestCase("224.0.0.1", false)]
    [TestCase("240.0.0.1", false)]
    [TestCase("255.255.255.255", false)]
    public void Only_some_IPv4_addresses_are_unicast(string text, bool expected)
    {
        Assert.That(IPv4Address.Parse(text).IsUnicast, Is.EqualTo(expected));
    }

    [TestCase("52:54:00:12:34:56")]
    [TestCase("00:00:00:00:00:00")]
    [TestCase("ff:ff:ff:ff:ff:ff")]
    public void A_MAC_address_is_read_and_written(string text)
    {
        Assert.That(MacAddress.Parse(text).ToString(), Is.EqualTo(text));
    }

    [Test]
    public void A_MAC_address_may_have_hyphens_and_capitals()
    {
        Assert.That(MacAddress.Parse("52-54-00-AB-CD-EF").ToString(), Is.EqualTo("52:54:00:ab:cd:ef"));
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase("52:54:00:12:34")]
    [TestCase("52:54:00:12:34:5")]
    [TestCase("52:54:00:12:34:567")]
    [TestCase("52:54:00:12:34:5g")]
    [TestCase("525400123456")]
    [TestCase("52.54.00.12.34.56")]
    [TestCase("52:54:00:12:34: 6")]
    public void Text_that_is_not_a_MAC_address_is_refused(string? text)
    {
        Assert.That(MacAddress.TryParse(text, out _), Is.False);
        Assert.That(() => MacAddress.Parse(text!), Throws.TypeOf<FormatException>());
    }

    [Test]
    public void A_MAC_address_keeps_the_order_of_its_bytes()
    {
        byte[] bytes = [2, 3, 5, 7, 11, 13];
        byte[] copy = new byte[6];

        new MacAddress(bytes).CopyTo(copy);

        Assert.That(copy, Is.EqualTo(bytes));
        Assert.That(() => new MacAddress(bytes.AsSpan(1)), Throws.ArgumentException);
        Assert.That(() => new MacAddress(bytes).CopyTo(new byte[5]), Throws.ArgumentException);
    }

    [Test]
    public void An_IPv4_address_is_in_network_byte_order()
    {
        byte[] bytes = [10, 0, 2, 15];
        byte[] copy = new byte[4];

        new IPv4Address(bytes).CopyTo(copy);

        Assert.That(new IPv4Address(bytes), Is.EqualTo(new IPv4Address(10, 0, 2, 15)));
        Assert.That(copy, Is.EqualTo(bytes));
        Assert.That(() => new IPv4Address(bytes.AsSpan(1)), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => new IPv4Address(bytes).CopyTo(new byte[3]), Throws.InstanceOf<ArgumentException>());
    }

    [TestCase("52:54:00:12:34:56", true, false)]
    [TestCase("01:00:5e:00:00:01", false, true)]
    [TestCase("ff:ff:ff:ff:ff:ff", false, true)]
    [TestCase("00:00:00:00:00:00", false, false)]
    public void Single_stations_and_groups_are_told_apart(string text, bool isUnicast, bool isMulticast)
    {
        MacAddress address = MacAddress.Parse(text);

        Assert.That(address.IsUnicast, Is.EqualTo(isUnicast));
        Assert.That(address.IsMulticast, Is.EqualTo(isMulticast));
    }

    [Test]
    public void Equal_addresses_are_equal_in_every_way()
    {
        MacAddress mac = MacAddress.Parse("52:54:00:12:34:56");
        var address = new IPv4Address(10, 0, 2, 15);

        Assert.That(mac.Equals((object)MacAddress.Parse("52-54-00-12-34-56")), Is.True);
        Assert.That(mac != MacAddress.Broadcast, Is.True);
        Assert.That(mac.GetHashCode(), Is.EqualTo(MacAddress.Parse("52-54-00-12-34-56").GetHashCode()));
        Assert.That(address.Equals((object)new IPv4Address(0x0A00020F)), Is.True);
        Assert.That(address != IPv4Address.Any, Is.True);
        Assert.That(address.GetHashCode(), Is.EqualTo(new IPv4Address(0x0A00020F).GetHashCode()));
    }
}
