using System.Linq;
using NUnit.Framework;
using VirtioGuest.Commands.Network;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Hal;

namespace VirtioGuest.Commands.Tests;

[TestFixture]
internal sealed class NetworkCommandTests
{
    private const uint Gateway = 0x0A000202;

    [Test]
    public void Status_shows_link_address_and_counters()
    {
        var network = new FakeNetwork
        {
            IsDown = true,
            Traffic = new NetworkTraffic(5, 600, 7, 800, [new Counter("too bad", 2), new Counter("too late", 1)]),
        };
        var bench = new CommandBench(network: network);

        Assert.That(bench.Run("net 0 status").Split('\n'), Is.EqualTo(new[]
        {
            "net0: 52:54:00:12:34:56, link down, mtu 1500",
            "net0: no address",
            "net0: received 5 frames (600 bytes), sent 7 (800 bytes), dropped 3",
            "net0: dropped 2: too bad",
            "net0: dropped 1: too late",
        }));

        network.IsDown = false;
        bench.Run("net 0 dhcp");
        string[] lines = bench.Run("net 0 status").Split('\n');
        Assert.That(lines[0], Is.EqualTo("net0: 52:54:00:12:34:56, link up, mtu 1500"));
        Assert.That(lines[1], Is.EqualTo("net0: 10.0.2.15/24, gateway 10.0.2.2, dns 10.0.2.3"));
    }

    [Test]
    public void Dhcp_shows_the_lease() =>
        Assert.That(
            new CommandBench(network: new FakeNetwork()).Run("net 0 dhcp"),
            Is.EqualTo("net0: 10.0.2.15/24, gateway 10.0.2.2, dns 10.0.2.3, lease 86400 s"));

    [Test]
    public void Dhcp_says_why_it_failed() =>
        Assert.That(
            new CommandBench(network: new FakeNetwork { DhcpFailure = "nobody there" }).Run("net 0 dhcp"),
            Is.EqualTo("error: net0: nobody there"));

    [Test]
    public void Ping_counts_replies_and_pauses_between_them()
    {
        var network = new FakeNetwork();
        network.Outcomes.Enqueue(PingResult.Replied(Gateway, 1_234_499));
        network.Outcomes.Enqueue(PingResult.Replied(Gateway, 999_500));
        network.Outcomes.Enqueue(PingResult.Replied(Gateway, 7_000));
        var bench = new CommandBench(network: network);

        Assert.That(bench.Run("net 0 ping 10.0.2.2 3").Split('\n'), Is.EqualTo(new[]
        {
            "reply from 10.0.2.2: seq 1, 1.234 ms",
            "reply from 10.0.2.2: seq 2, 1.000 ms",
            "reply from 10.0.2.2: seq 3, 0.007 ms",
            "3 sent, 3 received",
        }));
        Assert.That(bench.System.Calls, Is.EqualTo(new[] { "pause 10", "pause 10" }));
        Assert.That(
            network.Pings, Is.EqualTo(new[] { "10.0.2.2 1 1000 56", "10.0.2.2 2 1000 56", "10.0.2.2 3 1000 56" }));
        Assert.That(network.LastPayload, Is.EqualTo(Enumerable.Range(0, 56)));
        Assert.That(bench.Context.HasFailed, Is.False);
    }

    [Test]
    public void Ping_goes_on_after_a_lost_reply_and_fails_at_the_end()
    {
        var network = new FakeNetwork();
        network.Outcomes.Enqueue(PingResult.Unanswered(PingStatus.TimedOut, "no reply"));
        network.Outcomes.Enqueue(PingResult.Unanswered(PingStatus.NotSent, "the line is cut"));
        var bench = new CommandBench(network: network);

        Assert.That(bench.Run("net 0 ping 10.0.2.3 3").Split('\n'), Is.EqualTo(new[]
        {
            "no reply: seq 1",
            "no reply: seq 2: the line is cut",
            "reply from 10.0.2.3: seq 3, 1.500 ms",
            "3 sent, 1 received",
            "error: net0: 2 of 3 pings were not answered",
        }));
        Assert.That(
            bench.System.Calls,
            Is.EqualTo(new[] { "pause 1000" }),
            "no pause after a timeout, but one after a failure that was known at once");
    }

    [TestCase("0.0.0.0", "0.0.0.0 is not the address of a host")]
    [TestCase("0.1.2.3", "0.1.2.3 is not the address of a host")]
    [TestCase("127.0.0.1", "127.0.0.1 is a loopback address, which is never on a network")]
    [TestCase("224.0.0.1", "224.0.0.1 is a multicast address; only a single host can be pinged")]
    [TestCase("239.255.255.250", "239.255.255.250 is a multicast address; only a single host can be pinged")]
    [TestCase("240.0.0.1", "240.0.0.1 is a reserved address")]
    [TestCase("255.255.255.255", "255.255.255.255 is the broadcast address; only a single host can be pinged")]
    public void Ping_says_what_is_wrong_with_an_address(string address, string words)
    {
        var network = new FakeNetwork();
        var bench = new CommandBench(network: network);

        Assert.That(bench.Run($"net 0 ping {address} 3"), Is.EqualTo($"error: net0: {words}"));
        Assert.That(network.Pings, Is.Empty);
    }

    [TestCase("net 0 ping")]
    [TestCase("net 0 ping 10.0.2.2")]
    [TestCase("net 0 ping 10.0.2.2 0")]
    [TestCase("net 0 ping 10.0.2.2 65536")]
    [TestCase("net 0 ping 10.0.2.2 -1")]
    [TestCase("net 0 ping 10.0.2 1")]
    [TestCase("net 0 ping 10.0.2.256 1")]
    [TestCase("net 0 ping 010.0.2.2 1")]
    [TestCase("net 0 ping gateway 1")]
    [TestCase("net 0 ping 10.0.2.2 1 56")]
    [TestCase("net 0 dhcp now")]
    [TestCase("net 0 status all")]
    public void Wrong_arguments_show_the_usage(string command)
    {
        var network = new FakeNetwork();

        Assert.That(new CommandBench(network: network).Run(command), Does.StartWith("usage: net N "));
        Assert.That(network.Pings, Is.Empty);
    }

    [Test]
    public void Status_shows_fragments_and_another_station_with_our_address()
    {
        var traffic = new NetworkTraffic(5, 600, 7, 800, [])
        {
            Reassembled = 2,
            Fragmented = 1,
            AddressConflicts = 3,
        };

        var bench = new CommandBench(network: new FakeNetwork { Traffic = traffic });
        string[] lines = bench.Run("net 0 status").Split('\n');

        Assert.That(lines[3..], Is.EqualTo(new[]
        {
            "net0: in fragments: received 2, sent 1",
            "net0: another station uses this address (noticed 3 times)",
        }));
    }

    [Test]
    public void Ping_that_cannot_be_sent_is_tried_once()
    {
        var network = new FakeNetwork();
        network.Outcomes.Enqueue(PingResult.Unanswered(PingStatus.CannotSend, "no address"));
        var bench = new CommandBench(network: network);

        Assert.That(
            bench.Run("net 0 ping 10.0.2.2 3"), Is.EqualTo("no reply: seq 1: no address\nerror: net0: no address"));
        Assert.That(network.Pings, Has.Count.EqualTo(1));
    }

    [Test]
    public void Ping_counts_to_the_last_sequence_number()
    {
        var network = new FakeNetwork();
        var bench = new CommandBench(network: network);

        Assert.That(bench.Run("net 0 ping 10.0.2.2 65535"), Does.EndWith("\n65535 sent, 65535 received"));
        Assert.That(network.Pings, Has.Count.EqualTo(65535));
        Assert.That(network.Pings[^1], Is.EqualTo("10.0.2.2 65535 1000 56"));
    }
}
