using NUnit.Framework;
using VirtioGuest.Commands.Network;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Shell;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Tests;

/// <summary>Commands on a network port that leads nowhere.</summary>
[TestFixture]
internal sealed class ShellNetworkTests
{
    [Test]
    public void Network_status_shows_the_link()
    {
        var bench = new ShellBench(port: new NetworkPort("net0", new FakeLink(isUp: false)));
        string[] lines = bench.Run("net 0 status").Split('\n');
        Assert.That(lines[0], Is.EqualTo("net0: 52:54:00:12:34:56, link down, mtu 1500"));
        Assert.That(lines[1], Is.EqualTo("net0: no address"));
    }

    [Test]
    public void Dhcp_on_a_dead_link_says_so()
    {
        var bench = new ShellBench(port: new NetworkPort("net0", new FakeLink(isUp: false)));
        Assert.That(bench.Run("net 0 dhcp"), Does.Match("^error: net0: [^\n]+$"));
    }

    [Test]
    public void Ping_without_an_address_says_so_once()
    {
        var bench = new ShellBench(port: new NetworkPort("net0", new FakeLink(isUp: true)));
        string[] lines = bench.Run("net 0 ping 10.0.2.2 3").Split('\n');
        Assert.That(lines[^1], Does.StartWith("error: net0: "));
        Assert.That(bench.Context.HasFailed, Is.True);
    }

    [Test]
    public void Address_gateway_and_configuration_are_the_stacks()
    {
        var port = new NetworkPort("net0", new FakeLink(isUp: true));
        var shown = new ShellNetwork(port);
        Assert.That((shown.Gateway, shown.Configuration), Is.EqualTo((0u, (string?)null)));

        port.Stack.TrySetStatic(IPv4Address.Parse("10.0.2.15"), 24, IPv4Address.Parse("10.0.2.2"));

        Assert.That(shown.Gateway, Is.EqualTo(0x0A000202u));
        Assert.That(shown.Configuration, Is.EqualTo(port.Stack.Configuration!.ToString()));
        Assert.That(
            new ShellBench(port: port).Run("net 0 status").Split('\n')[1], Is.EqualTo("net0: " + shown.Configuration));
    }

    [Test]
    public void Pings_bring_back_who_answered_or_why_nobody_did()
    {
        var port = new NetworkPort("net0", new FakeLink(isUp: true));
        var shown = new ShellNetwork(port);
        port.Stack.TrySetStatic(IPv4Address.Parse("10.0.2.15"), 24, IPv4Address.Any);

        PingResult own = shown.Ping(0x0A00020F, 1, 1000, new byte[56]);
        PingResult silent = shown.Ping(0x0A000202, 1, 1, []);
        PingResult afar = shown.Ping(0x08080808, 1, 1000, []);
        PingResult large = shown.Ping(0x0A000202, 1, 1000, new byte[65508]);

        Assert.That((own.Status, own.From), Is.EqualTo((PingStatus.Replied, 0x0A00020Fu)));
        Assert.That(own.RoundTripNanoseconds, Is.LessThan(1_000_000_000));
        Assert.That((silent.Status, silent.Failure?.ToString()), Is.EqualTo((PingStatus.TimedOut, "no reply")));
        Assert.That(
            (afar.Status, afar.Failure?.ToString()),
            Is.EqualTo((
                PingStatus.CannotSend, "the destination is on another network and there is no gateway")));
        Assert.That(
            (large.Status, large.Failure?.ToString()),
            Is.EqualTo((PingStatus.CannotSend, "the payload is too large for a packet")));
    }

    [Test]
    public void Traffic_is_the_stacks_with_a_count_for_each_reason()
    {
        var port = new NetworkPort("net0", new FakeLink(isUp: true));
        port.Stack.OnFrame(new byte[13]);
        port.Stack.OnFrame(new byte[13]);

        NetworkTraffic traffic = new ShellNetwork(port).GetTraffic();

        Assert.That((traffic.FramesReceived, traffic.BytesReceived), Is.EqualTo((2ul, 26ul)));
        Assert.That(traffic.Dropped, Is.EqualTo(2));
        Assert.That(traffic.Drops, Has.Length.EqualTo(1));
        Assert.That(traffic.Drops[0].Name, Is.EqualTo("malformed Ethernet frame"));
    }
}
