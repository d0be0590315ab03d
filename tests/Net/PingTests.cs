using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Hal;
using VirtioGuest.Net.Protocols;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Net.Tests;

public sealed class PingTests
{
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);
    private static readonly byte[] s_payload = [.. Enumerable.Range(0, 56).Select(i => (byte)i)];

    [Test]
    public void The_router_replies_and_the_round_trip_is_measured()
    {
        Network network = Network.WithRouter();

        PingResult first = network.Stack.Ping(Router.Address, 1, s_second, s_payload);
        PingResult second = network.Stack.Ping(Router.Address, 2, s_second, s_payload);

        Assert.That(first.Status, Is.EqualTo(PingStatus.Replied));
        Assert.That(RoundTrip(first), Is.EqualTo(2 * network.Router.Delay), "with ARP");
        Assert.That(RoundTrip(second), Is.EqualTo(network.Router.Delay), "without ARP");
        Assert.That(second.From, Is.EqualTo(Router.Address.Value));
        Assert.That(second.Failure, Is.Null);
    }

    [Test]
    public void The_request_is_what_RFC_792_says()
    {
        Network network = Network.WithRouter();

        network.Stack.Ping(Router.Address, 0x0203, s_second, s_payload);

        byte[] frame = network.SentIPv4().Single();
        byte[] expected = Frames.Icmp(8, 0, Frames.WordAt(frame, 38), 0x0203, s_payload);
        Assert.That(frame[34..], Is.EqualTo(expected));
        Assert.That(Frames.AddressAt(frame, 30), Is.EqualTo(Router.Address));
    }

    [TestCase("10.0.3.1")]
    [TestCase("8.8.8.8")]
    public void A_host_on_another_network_is_reached_through_the_router(string address)
    {
        Network network = Network.WithRouter();

        PingResult result = network.Stack.Ping(IPv4Address.Parse(address), 1, s_second, s_payload);

        Assert.That(result.Status, Is.EqualTo(PingStatus.Replied));
        Assert.That(result.From, Is.EqualTo(IPv4Address.Parse(address).Value));
        Assert.That(Frames.MacAt(network.SentIPv4().Single(), 0), Is.EqualTo(Router.Hardware));
    }

    [Test]
    public void A_router_that_the_prefix_puts_on_another_link_is_asked_for_all_the_same()
    {
        Network network = Network.WithRouter();
        network.Stack.TrySetStatic(new IPv4Address(192, 168, 7, 9), 32, Router.Address);

        PingResult result = network.Stack.Ping(new IPv4Address(8, 8, 8, 8), 1, s_second, s_payload);

        Assert.That(result.Status, Is.EqualTo(PingStatus.Replied));
    }

    [Test]
    public void A_lost_request_times_out_on_time_and_the_next_one_is_not_affected()
    {
        Network network = Network.WithRouter();
        network.Router.LostEchoRequests = 1;
        TimeSpan start = network.Clock.Now;

        PingResult lost = network.Stack.Ping(Router.Address, 1, s_second, s_payload);

        Assert.That(lost.Status, Is.EqualTo(PingStatus.TimedOut));
        Assert.That(network.Clock.Now - start, Is.EqualTo(s_second));
        Assert.That(
            network.Stack.Ping(Router.Address, 2, s_second, s_payload).Status, Is.EqualTo(PingStatus.Replied));
    }

    [Test]
    public void A_late_reply_is_not_taken_for_the_next_one()
    {
        Network network = Network.WithRouter();
        network.Stack.Ping(Router.Address, 1, s_second, s_payload);
        network.Router.Delay = TimeSpan.FromSeconds(1.5);

        PingResult first = network.Stack.Ping(Router.Address, 1, s_second, s_payload);
        PingResult second = network.Stack.Ping(Router.Address, 1, 2 * s_second, s_payload);

        Assert.That(first.Status, Is.EqualTo(PingStatus.TimedOut));
        Assert.That(RoundTrip(second), Is.EqualTo(network.Router.Delay));
        Assert.That(network.Dropped(DropReason.IcmpUnmatched), Is.EqualTo(1));
    }

    [Test]
    public void A_lost_ARP_request_is_repeated()
    {
        Network network = Network.WithRouter();
        network.Router.LostArpRequests = 1;

        PingResult result = network.Stack.Ping(Router.Address, 1, 3 * s_second, s_payload);

        Assert.That(result.Status, Is.EqualTo(PingStatus.Replied));
        Assert.That(RoundTrip(result), Is.GreaterThan(ArpCache.RequestInterval));
    }

    [Test]
    public void A_next_hop_that_does_not_answer_ARP_is_reported_before_the_timeout()
    {
        Network network = Network.WithAddress();
        TimeSpan start = network.Clock.Now;

        PingResult result = network.Stack.Ping(new IPv4Address(8, 8, 8, 8), 1, 10 * s_second, s_payload);

        Assert.That(result.Status, Is.EqualTo(PingStatus.NoNeighbour));
        Assert.That(network.Clock.Now - start, Is.EqualTo(ArpCache.RequestLimit * ArpCache.RequestInterval));
    }

    [TestCase(0, "network unreachable")]
    [TestCase(1, "host unreachable")]
    [TestCase(13, "communication prohibited")]
    [TestCase(200, "unreachable (code 200)")]
    public void An_error_from_the_router_ends_the_wait(byte code, string words)
    {
        Network network = Network.WithRouter();
        network.Router.UnreachableCode = code;

        PingResult result = network.Stack.Ping(new IPv4Address(8, 8, 8, 8), 1, s_second, s_payload);

        Assert.That(result.Status, Is.EqualTo(PingStatus.Unreachable));
        Assert.That(result.Failure?.ToString(), Is.EqualTo($"10.0.2.2 says: {words}"));
    }

    [TestCase(8, 1, TestName = "An error about a packet with options it does not have")]
    [TestCase(8 + 9, 17, TestName = "An error about another protocol")]
    [TestCase(8 + 12, 11, TestName = "An error about another's packet")]
    [TestCase(8 + 16, 9, TestName = "An error about another destination")]
    [TestCase(8 + 20, 0, TestName = "An error about a reply")]
    [TestCase(8 + 25, 0xEE, TestName = "An error about another identifier")]
    [TestCase(8 + 27, 0xEE, TestName = "An error about another sequence number")]
    public void An_error_about_something_else_is_dropped(int offset, byte value)
    {
        Network network = Network.WithRouter();
        network.Router.UnreachableCode = 1;
        network.Router.AlterEchoReply = message =>
        {
            message[offset] = value;
            return WithChecksum(message);
        };

        PingResult result = network.Stack.Ping(new IPv4Address(8, 8, 8, 8), 1, s_second, s_payload);

        Assert.That(result.Status, Is.EqualTo(PingStatus.TimedOut));
        Assert.That(network.Dropped(DropReason.IcmpUnmatched), Is.EqualTo(1));
    }

    [TestCase(4, DropReason.IcmpUnmatched, TestName = "A reply with another identifier")]
    [TestCase(6, DropReason.IcmpUnmatched, TestName = "A reply with another sequence number")]
    [TestCase(20, DropReason.IcmpUnmatched, TestName = "A reply with another payload")]
    [TestCase(1, DropReason.IcmpIgnored, TestName = "A reply with a code")]
    public void A_reply_that_does_not_match_does_not_count(int offset, DropReason reason)
    {
        Network network = Network.WithRouter();
        network.Router.AlterEchoReply = message =>
        {
            message[offset] ^= 0x80;
            return WithChecksum(message);
        };

        Assert.That(
            network.Stack.Ping(Router.Address, 1, s_second, s_payload).Status, Is.EqualTo(PingStatus.TimedOut));
        Assert.That(network.Dropped(reason), Is.EqualTo(1));
    }

    [Test]
    public void A_damaged_reply_does_not_count()
    {
        Network network = Network.WithRouter();
        network.Router.AlterEchoReply = message =>
        {
            message[20] ^= 1;
            return message;
        };

        Assert.That(
            network.Stack.Ping(Router.Address, 1, s_second, s_payload).Status, Is.EqualTo(PingStatus.TimedOut));
        Assert.That(network.Dropped(DropReason.IcmpChecksum), Is.EqualTo(1));
    }

    [TestCase("10.0.2.255")]
    [TestCase("255.255.255.255")]
    [TestCase("224.0.0.1")]
    [TestCase("127.0.0.1")]
    [TestCase("0.0.0.0")]
    [TestCase("10.0.2.0")]
    public void Only_a_unicast_address_is_pinged(string address)
    {
        Network network = Network.WithRouter();

        PingResult result = network.Stack.Ping(IPv4Address.Parse(address), 1, s_second, s_payload);

        Assert.That(result.Status, Is.EqualTo(PingStatus.NotUnicast));
        Assert.That(network.Link.Sent, Is.Empty);
    }

    [Test]
    public void Without_a_gateway_there_is_no_way_off_the_link()
    {
        var network = new Network();
        network.Stack.TrySetStatic(Network.OwnAddress, 24, IPv4Address.Any);

        PingResult result = network.Stack.Ping(new IPv4Address(8, 8, 8, 8), 1, s_second, s_payload);

        Assert.That(result.Status, Is.EqualTo(PingStatus.CannotSend));
        Assert.That(result.Failure?.ToString(), Does.EndWith("and there is no gateway"));
    }

    [Test]
    public void Our_own_address_replies_without_the_link()
    {
        Network network = Network.WithAddress();

        PingResult result = network.Stack.Ping(Network.OwnAddress, 1, s_second, s_payload);

        Assert.That(result.Status, Is.EqualTo(PingStatus.Replied));
        Assert.That(RoundTrip(result), Is.EqualTo(TimeSpan.Zero));
        Assert.That(network.Link.Sent, Is.Empty);
    }

    [Test]
    public void A_ping_that_cannot_be_sent_says_why_at_once()
    {
        var network = new Network();
        Assert.That(Ping(network), Is.EqualTo((PingStatus.CannotSend, "no address configured")));

        network.Stack.TrySetStatic(Network.OwnAddress, 24, IPv4Address.Any);
        network.IntroduceNeighbour();
        network.Link.HasRoom = false;
        Assert.That(Ping(network), Is.EqualTo((PingStatus.NotSent, "no room to send")));
        network.Link.IsPlugged = false;
        Assert.That(Ping(network), Is.EqualTo((PingStatus.NotSent, "the link is down")));

        Assert.That(network.Dropped(DropReason.LinkBusy), Is.EqualTo(1));
        Assert.That(network.Dropped(DropReason.LinkDown), Is.EqualTo(1));

        static (PingStatus, string?) Ping(Network network)
        {
            PingResult result = network.Stack.Ping(Network.NeighbourAddress, 1, s_second, s_payload);
            return (result.Status, result.Failure?.ToString());
        }
    }

    [Test]
    public void A_payload_that_fills_a_frame_goes_in_one_piece_and_one_byte_more_in_two()
    {
        Network network = Network.WithRouter();

        Assert.That(
            network.Stack.Ping(Router.Address, 1, s_second, new byte[1472]).Status, Is.EqualTo(PingStatus.Replied));
        Assert.That(network.SentIPv4().Single(), Has.Length.EqualTo(1514));
        Assert.That(
            network.Stack.Ping(Router.Address, 2, s_second, new byte[1473]).Status, Is.EqualTo(PingStatus.Replied));
        Assert.That(string.Join(", ", network.SentIPv4()[1..].Select(frame => frame.Length)), Is.EqualTo("1514, 60"));
        Assert.That(network.Stack.GetStatistics().PacketsFragmented, Is.EqualTo(1));
        Assert.That(network.Stack.GetStatistics().DatagramsReassembled, Is.EqualTo(1));
    }

    [TestCase(1500)]
    [TestCase(68)]
    [TestCase(576)]
    [TestCase(9000)]
    public void The_largest_packet_is_answered_and_one_byte_more_is_refused(int mtu)
    {
        var network = new Network(mtu);
        network.Link.Peer = network.Router.OnFrame;
        network.Stack.TrySetStatic(Network.OwnAddress, 24, Router.Address);
        byte[] payload = [.. Enumerable.Range(0, 65507).Select(i => (byte)(i * 7))];

        Assert.That(
            network.Stack.Ping(Router.Address, 1, s_second, payload).Status,
            Is.EqualTo(PingStatus.Replied),
            "though it had to wait for ARP");
        PingResult large = network.Stack.Ping(Router.Address, 2, s_second, [.. payload, 0]);
        Assert.That(large.Status, Is.EqualTo(PingStatus.CannotSend));
        Assert.That(large.Failure?.ToString(), Is.EqualTo("the payload is too large for a packet"));
    }

    [Test]
    public void Large_pings_to_ourselves_are_answered()
    {
        Network network = Network.WithAddress();

        Assert.That(
            network.Stack.Ping(Network.OwnAddress, 1, s_second, new byte[65507]).Status,
            Is.EqualTo(PingStatus.Replied));
        Assert.That(network.Link.Sent, Is.Empty);
    }

    [Test]
    public void Packets_are_no_larger_than_the_MTU_from_DHCP()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Options = [.. network.Router.Dhcp.Options, 26, 2, .. Frames.Big((ushort)1400)];
        network.Stack.Dhcp(s_second);
        network.Link.Sent.Clear();

        Assert.That(
            network.Stack.Ping(Router.Address, 1, s_second, new byte[1472]).Status, Is.EqualTo(PingStatus.Replied));
        Assert.That(network.SentIPv4().Select(frame => frame.Length), Has.All.LessThanOrEqualTo(1414));

        network.Stack.TrySetStatic(Network.OwnAddress, 24, Router.Address);
        network.Link.Sent.Clear();
        network.Stack.Ping(Router.Address, 2, s_second, new byte[1472]);
        Assert.That(network.SentIPv4().Single(), Has.Length.EqualTo(1514), "another configuration, another limit");
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(57)]
    [TestCase(1472)]
    public void Echo_requests_from_others_are_answered(int length)
    {
        Network network = Network.WithAddress();
        network.IntroduceNeighbour();
        byte[] payload = new byte[length];
        new Random(length).NextBytes(payload);

        network.ReceivePacket(Frames.IPv4(
            Network.NeighbourAddress, Network.OwnAddress, 1, Frames.Icmp(8, 0, 0x1234, 7, payload)));

        byte[] frame = network.SentIPv4().Single();
        Assert.That(frame[34..(42 + length)], Is.EqualTo(Frames.Icmp(0, 0, 0x1234, 7, payload)));
        Assert.That(Frames.AddressAt(frame, 30), Is.EqualTo(Network.NeighbourAddress));
        Assert.That(Frames.MacAt(frame, 0), Is.EqualTo(Network.NeighbourHardware));
    }

    [TestCase("10.0.2.255")]
    [TestCase("255.255.255.255")]
    public void A_broadcast_echo_request_is_not_answered(string destination)
    {
        Network network = Network.WithAddress();
        network.IntroduceNeighbour();

        network.ReceivePacket(
            Frames.IPv4(
                Network.NeighbourAddress, IPv4Address.Parse(destination), 1, Frames.Icmp(8, 0, 1, 1, s_payload)),
            MacAddress.Broadcast);

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Dropped(DropReason.IcmpIgnored), Is.EqualTo(1));
    }

    [Test]
    public void A_timeout_of_any_size_is_bounded()
    {
        Network network = Network.WithRouter();
        network.Router.LostEchoRequests = 3;
        TimeSpan start = network.Clock.Now;

        network.Stack.Ping(Router.Address, 1, TimeSpan.MinValue, s_payload);
        Assert.That(network.Clock.Now, Is.EqualTo(start));
        network.Stack.Ping(Router.Address, 1, TimeSpan.Zero, s_payload);
        Assert.That(network.Clock.Now, Is.EqualTo(start));
        network.Clock.Advance(s_second);
        start = network.Clock.Now;
        network.Router.LostEchoRequests = 1;
        network.Stack.Ping(Router.Address, 1, TimeSpan.MaxValue, s_payload);
        Assert.That(network.Clock.Now - start, Is.EqualTo(NetworkStack.LongestWait));
    }

    private static TimeSpan RoundTrip(PingResult result) =>
        TimeSpan.FromTicks((long)result.RoundTripNanoseconds / TimeSpan.NanosecondsPerTick);

    private static byte[] WithChecksum(byte[] message)
    {
        message[2] = 0;
        message[3] = 0;
        Frames.Big(Frames.Checksum(message)).CopyTo(message, 2);
        return message;
    }
}
