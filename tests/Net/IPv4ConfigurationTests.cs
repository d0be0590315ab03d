using NUnit.Framework;

namespace VirtioGuest.Net.Tests;

public sealed class IPv4ConfigurationTests
{
    [TestCase("10.0.2.15", 24, "10.0.2.2", "10.0.2.3", "10.0.2.15/24, gateway 10.0.2.2, dns 10.0.2.3")]
    [TestCase("10.0.2.15", 24, "0.0.0.0", "0.0.0.0", "10.0.2.15/24")]
    [TestCase("10.0.2.15", 32, "192.168.1.1", "0.0.0.0", "10.0.2.15/32, gateway 192.168.1.1")]
    [TestCase("10.0.2.0", 31, "10.0.2.1", "0.0.0.0", "10.0.2.0/31, gateway 10.0.2.1")]
    [TestCase("10.0.2.15", 24, "0.0.0.0", "8.8.8.8", "10.0.2.15/24, dns 8.8.8.8")]
    public void Parts_that_fit_make_a_configuration(
        string address, int prefix, string gateway, string nameServer, string expected)
    {
        Assert.That(TryCreate(address, prefix, gateway, nameServer, out IPv4Configuration? configuration), Is.True);
        Assert.That(configuration!.ToString(), Is.EqualTo(expected));
    }

    [TestCase("0.0.0.0", 24, "0.0.0.0", "0.0.0.0")]
    [TestCase("127.0.0.1", 8, "0.0.0.0", "0.0.0.0")]
    [TestCase("224.0.0.1", 24, "0.0.0.0", "0.0.0.0")]
    [TestCase("10.0.2.15", 0, "0.0.0.0", "0.0.0.0")]
    [TestCase("10.0.2.15", 33, "0.0.0.0", "0.0.0.0")]
    [TestCase("10.0.2.15", -1, "0.0.0.0", "0.0.0.0")]
    [TestCase("10.0.2.0", 24, "0.0.0.0", "0.0.0.0")]
    [TestCase("10.0.2.255", 24, "0.0.0.0", "0.0.0.0")]
    [TestCase("10.0.2.15", 24, "10.0.2.15", "0.0.0.0")]
    [TestCase("10.0.2.15", 24, "10.0.2.255", "0.0.0.0")]
    [TestCase("10.0.2.15", 24, "255.255.255.255", "0.0.0.0")]
    [TestCase("10.0.2.15", 24, "0.0.0.0", "10.0.2.255")]
    [TestCase("10.0.2.15", 24, "0.0.0.0", "224.0.0.1")]
    public void Parts_that_do_not_fit_are_refused(string address, int prefix, string gateway, string nameServer)
    {
        Assert.That(TryCreate(address, prefix, gateway, nameServer, out _), Is.False);
    }

    [TestCase("10.0.2.15", 24, "10.0.2.255")]
    [TestCase("10.0.2.14", 28, "10.0.2.15")]
    [TestCase("172.16.5.4", 12, "172.31.255.255")]
    [TestCase("10.0.2.15", 1, "127.255.255.255")]
    [TestCase("10.0.2.15", 31, "255.255.255.255")]
    [TestCase("10.0.2.15", 32, "255.255.255.255")]
    public void The_broadcast_address_has_all_host_bits_set(string address, int prefix, string broadcast)
    {
        Assert.That(TryCreate(address, prefix, "0.0.0.0", "0.0.0.0", out IPv4Configuration? configuration), Is.True);
        Assert.That(configuration!.DirectedBroadcast, Is.EqualTo(IPv4Address.Parse(broadcast)));
        Assert.That(configuration.IsBroadcast(IPv4Address.Parse(broadcast)), Is.True);
        Assert.That(configuration.IsBroadcast(IPv4Address.Broadcast), Is.True);
        Assert.That(configuration.IsBroadcast(IPv4Address.Parse(address)), Is.False);
    }

    [TestCase("10.0.2.1", true)]
    [TestCase("10.0.2.254", true)]
    [TestCase("10.0.3.1", false)]
    [TestCase("11.0.2.1", false)]
    public void The_prefix_says_who_is_on_the_link(string other, bool expected)
    {
        TryCreate("10.0.2.15", 24, "0.0.0.0", "0.0.0.0", out IPv4Configuration? configuration);

        Assert.That(configuration!.IsOnLink(IPv4Address.Parse(other)), Is.EqualTo(expected));
    }

    private static bool TryCreate(
        string address, int prefix, string gateway, string nameServer, out IPv4Configuration? configuration)
    {
        return IPv4Configuration.TryCreate(
            IPv4Address.Parse(address),
            prefix,
            IPv4Address.Parse(gateway),
            IPv4Address.Parse(nameServer),
            out configuration);
    }
}
