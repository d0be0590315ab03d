using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Hal;
using VirtioGuest.Net.Protocols;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Net.Tests;

public sealed class DhcpTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(60);

    [TestCase(false, TestName = "An address is granted by unicast messages")]
    [TestCase(true, TestName = "An address is granted by broadcast messages")]
    public void An_address_is_granted(bool broadcasts)
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Broadcasts = broadcasts;
        TimeSpan start = network.Clock.Now;

        DhcpResult result = network.Stack.Dhcp(s_timeout);

        Assert.That(result.Status, Is.EqualTo(DhcpStatus.Bound));
        Assert.That(
            result.ToString(), Is.EqualTo("10.0.2.15/24, gateway 10.0.2.2, dns 10.0.2.3, lease 86400 s"));
        Assert.That(result.Lease!.Server, Is.EqualTo(Router.Address));
        Assert.That(network.Stack.Configuration, Is.SameAs(result.Lease.Configuration));
        Assert.That(network.Clock.Now - start, Is.EqualTo(2 * network.Router.Delay), "it does not wait in vain");
        Assert.That(network.SentArp(), Has.Length.EqualTo(1), "the new address is announced");
        Assert.That(
            network.Stack.Ping(Router.Address, 1, s_timeout, [1]).Status, Is.EqualTo(PingStatus.Replied));
    }

    [Test]
    public void The_messages_are_what_RFC_2131_says()
    {
        Network network = Network.WithDhcpServer();

        network.Stack.Dhcp(s_timeout);

        DhcpServer server = network.Router.Dhcp;
        byte[] discover = server.Messages[0];
        byte[] request = server.Messages[1];
        Assert.That(server.Received, Is.EqualTo(new byte[] { 1, 3 }));
        Assert.That(discover[..4], Is.EqualTo(new byte[] { 1, 1, 6, 0 }));
        Assert.That(discover[28..34], Is.EqualTo(Frames.Bytes(Network.OwnHardware)));
        Assert.That(discover[236..240], Is.EqualTo(Frames.Hex("63825363")));
        Assert.That(DhcpServer.Option(discover, 55), Is.SupersetOf(new byte[] { 1, 3, 6, 51, 54 }));
        Assert.That(DhcpServer.Option(discover, 50), Is.Null);
        Assert.That(DhcpServer.Option(discover, 54), Is.Null);
        Assert.That(Frames.LongAt(request, 4), Is.EqualTo(Frames.LongAt(discover, 4)), "the transaction is the same");
        Assert.That(Frames.AddressAt(request, 12), Is.EqualTo(IPv4Address.Any));
        Assert.That(DhcpServer.Option(request, 50), Is.EqualTo(Frames.Bytes(Network.OwnAddress)));
        Assert.That(DhcpServer.Option(request, 54), Is.EqualTo(Frames.Bytes(Router.Address)));
        Assert.That(server.Routes, Has.All.EqualTo((IPv4Address.Any, IPv4Address.Broadcast)));
    }

    [Test]
    public void Lost_messages_are_repeated_after_longer_and_longer_times()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.LostDiscovers = 2;
        network.Router.Dhcp.LostRequests = 1;
        TimeSpan start = network.Clock.Now;

        DhcpResult result = network.Stack.Dhcp(s_timeout);

        Assert.That(result.Status, Is.EqualTo(DhcpStatus.Bound));
        Assert.That(network.Router.Dhcp.Received, Is.EqualTo(new byte[] { 1, 1, 1, 3, 3 }));
        Assert.That(
            (network.Clock.Now - start).TotalSeconds, Is.InRange(4 + 8 + 4 - 3, 4 + 8 + 4 + 3.1));
        Assert.That(Frames.WordAt(network.Router.Dhcp.Messages[2], 8), Is.InRange(10, 14), "the seconds field");
    }

    [Test]
    public void Without_a_server_the_attempt_ends_on_time_and_quietly()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.IsSilent = true;
        TimeSpan start = network.Clock.Now;

        DhcpResult result = network.Stack.Dhcp(TimeSpan.FromMinutes(10));

        Assert.That(result.Status, Is.EqualTo(DhcpStatus.NoOffer));
        Assert.That(result.Lease, Is.Null);
        Assert.That(network.Clock.Now - start, Is.EqualTo(TimeSpan.FromMinutes(10)));
        Assert.That(network.Router.Dhcp.Received, Has.Count.InRange(12, 14), "at 0, 4, 12, 28, 60, then each 64 s");
        PassHours(network, 1);
        Assert.That(network.Router.Dhcp.Received, Has.Count.LessThanOrEqualTo(14), "nothing is sent any more");
        Assert.That(network.Stack.Configuration, Is.Null);
    }

    [Test]
    public void An_offer_that_is_never_confirmed_is_dropped_for_another()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.LostRequests = DhcpClient.RequestLimit;

        DhcpResult result = network.Stack.Dhcp(TimeSpan.FromMinutes(5));

        Assert.That(result.Status, Is.EqualTo(DhcpStatus.Bound));
        Assert.That(network.Router.Dhcp.Received, Is.EqualTo(new byte[] { 1, 3, 3, 3, 3, 1, 3 }));
    }

    [Test]
    public void A_server_that_never_confirms_is_reported()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.LostRequests = int.MaxValue;

        Assert.That(network.Stack.Dhcp(s_timeout).Status, Is.EqualTo(DhcpStatus.NoAcknowledgement));
    }

    [Test]
    public void After_a_refusal_it_starts_over()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Refusals = 1;

        DhcpResult result = network.Stack.Dhcp(s_timeout);

        Assert.That(result.Status, Is.EqualTo(DhcpStatus.Bound));
        Assert.That(network.Router.Dhcp.Received, Is.EqualTo(new byte[] { 1, 3, 1, 3 }));
        Assert.That(
            Frames.LongAt(network.Router.Dhcp.Messages[2], 4),
            Is.Not.EqualTo(Frames.LongAt(network.Router.Dhcp.Messages[0], 4)));
    }

    [Test]
    public void A_server_that_refuses_everything_is_reported_and_causes_no_storm()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Refusals = int.MaxValue;

        Assert.That(network.Stack.Dhcp(s_timeout).Status, Is.EqualTo(DhcpStatus.Refused));
        Assert.That(network.Router.Dhcp.Received, Has.Count.LessThanOrEqualTo(122));
    }

    [TestCase(0, 1, DropReason.DhcpIgnored, TestName = "A request instead of a reply")]
    [TestCase(4, 0x80, DropReason.DhcpIgnored, TestName = "Another transaction")]
    [TestCase(33, 0x01, DropReason.DhcpIgnored, TestName = "Another client")]
    [TestCase(239, 0x01, DropReason.DhcpMalformed, TestName = "Another cookie")]
    [TestCase(241, 0xFF, DropReason.DhcpMalformed, TestName = "An option that runs past the end in place of the type")]
    [TestCase(242, 0x06, DropReason.DhcpIgnored, TestName = "A type that no server sends")]
    public void A_message_that_is_not_for_us_or_makes_no_sense_is_ignored(int offset, int change, DropReason reason)
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Alter = answer =>
        {
            answer[offset] = (byte)(offset == 0 ? change : answer[offset] ^ change);
            return answer;
        };

        Assert.That(network.Stack.Dhcp(TimeSpan.FromSeconds(10)).Status, Is.EqualTo(DhcpStatus.NoOffer));
        Assert.That(network.Dropped(reason), Is.EqualTo(network.Router.Dhcp.Received.Count));
        Assert.That(network.Stack.Configuration, Is.Null);
    }

    [TestCase("0.0.0.0")]
    [TestCase("0.1.2.3")]
    [TestCase("255.255.255.255")]
    [TestCase("224.0.0.5")]
    [TestCase("240.0.0.5")]
    [TestCase("127.0.0.1")]
    [TestCase("10.0.2.255", TestName = "The network's broadcast address")]
    [TestCase("10.0.2.0", TestName = "The network's own address")]
    [TestCase("10.0.2.2", TestName = "The server's own address")]
    public void An_address_that_no_client_can_have_is_not_taken_and_the_result_says_so(string address)
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Offered = IPv4Address.Parse(address);
        network.Router.Dhcp.Broadcasts = true;

        DhcpResult result = network.Stack.Dhcp(TimeSpan.FromSeconds(10));

        Assert.That(result.Status, Is.EqualTo(DhcpStatus.UnusableOffer));
        Assert.That(result.ToString(), Is.EqualTo("no DHCP server offered an address that can be used"));
        Assert.That(network.Router.Dhcp.Received, Has.All.EqualTo(1));
        Assert.That(network.Stack.Configuration, Is.Null);
    }

    [Test]
    public void A_grant_from_a_server_that_was_not_chosen_is_ignored()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Alter = answer =>
        {
            answer[248] ^= (byte)(answer[242] == 5 ? 1 : 0);
            return answer;
        };

        Assert.That(
            network.Stack.Dhcp(TimeSpan.FromSeconds(10)).Status, Is.EqualTo(DhcpStatus.NoAcknowledgement));
        Assert.That(network.Dropped(DropReason.DhcpIgnored), Is.GreaterThan(0));
    }

    [TestCase("10.1.2.3", "", "10.1.2.3/8", TestName = "Class A")]
    [TestCase("172.16.1.2", "", "172.16.1.2/16", TestName = "Class B")]
    [TestCase("192.168.7.9", "", "192.168.7.9/24", TestName = "Class C")]
    [TestCase("10.0.2.15", "0104ffff00ff", "10.0.2.15/8", TestName = "A mask with holes")]
    [TestCase("10.0.2.15", "010400000000", "10.0.2.15/8", TestName = "A mask of all zeros")]
    [TestCase("10.0.2.15", "0103ffffff", "10.0.2.15/8", TestName = "A mask that is too short")]
    [TestCase("192.168.7.255", "", "192.168.7.255/32", TestName = "No mask, and a broadcast address by its class")]
    [TestCase("10.0.2.15", "0104fffffffe", "10.0.2.15/31", TestName = "A mask that leaves two addresses")]
    [TestCase("10.0.2.15", "0104ffffffff", "10.0.2.15/32", TestName = "A mask of all ones")]
    [TestCase(
        "10.0.2.15", "0104ffffff00 0300 0605 0a0002030a", "10.0.2.15/24, dns 10.0.2.3",
        TestName = "No router, and five bytes of name servers")]
    [TestCase(
        "10.0.2.15", "0104ffffff00 0308 00000000 0a000201", "10.0.2.15/24, gateway 10.0.2.1",
        TestName = "The second router is the first that can be one")]
    [TestCase(
        "10.0.2.15", "0104ffffff00 030c 0a00020f e0000001 0a000201", "10.0.2.15/24, gateway 10.0.2.1",
        TestName = "So is the third")]
    [TestCase(
        "10.0.2.15", "0104ffffff00 0304 c0a80101", "10.0.2.15/24, gateway 192.168.1.1",
        TestName = "A router on another network")]
    [TestCase(
        "10.0.2.15", "0104ffffff00 060c ffffffff 0a000200 08080808", "10.0.2.15/24, dns 8.8.8.8",
        TestName = "The third name server")]
    [TestCase("10.0.2.15", "0104ffffff00 1a02 0578", "10.0.2.15/24, mtu 1400", TestName = "A smaller MTU")]
    [TestCase("10.0.2.15", "0104ffffff00 1a02 0044", "10.0.2.15/24", TestName = "An MTU below the minimum")]
    [TestCase("10.0.2.15", "0104ffffff00 3a04 00000000 3b04 00000000", "10.0.2.15/24", TestName = "Renewal at once")]
    [TestCase("10.0.2.15", "0104ffffff00 0308 0a0002", "10.0.2.15/24", TestName = "A router cut off by the end")]
    [TestCase("10.0.2.15", "0104ffffff00 03040a00020f", "10.0.2.15/24", TestName = "Ourselves as the router")]
    [TestCase("10.0.2.15", "0104ffffff00 06047f000001", "10.0.2.15/24", TestName = "Loopback as the name server")]
    [TestCase("10.0.2.15", "0104ffffff00 06040a0002ff", "10.0.2.15/24", TestName = "Broadcast as the name server")]
    public void What_a_server_leaves_out_or_gets_wrong_is_not_used(string address, string options, string expected)
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Offered = IPv4Address.Parse(address);
        network.Router.Dhcp.Options = Frames.Hex(options);

        Assert.That(network.Stack.Dhcp(s_timeout).ToString(), Is.EqualTo($"{expected}, lease 86400 s"));
    }

    [Test]
    public void A_lease_is_renewed_by_its_server_after_half_its_time()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.LeaseSeconds = 7200;
        network.Stack.Dhcp(s_timeout);
        IPv4Configuration? before = network.Stack.Configuration;
        network.Link.Sent.Clear();

        PassHours(network, 24);

        DhcpServer server = network.Router.Dhcp;
        Assert.That(server.Received.Skip(2), Has.Exactly(24).Items.And.All.EqualTo(3));
        Assert.That(server.Routes.Skip(2), Has.All.EqualTo((Network.OwnAddress, Router.Address)));
        Assert.That(Frames.AddressAt(server.Messages[2], 12), Is.EqualTo(Network.OwnAddress));
        Assert.That(DhcpServer.Option(server.Messages[2], 50), Is.Null);
        Assert.That(DhcpServer.Option(server.Messages[2], 54), Is.Null);
        Assert.That(network.Stack.Configuration, Is.SameAs(before), "nothing is taken away in between");
    }

    [Test]
    public void A_lease_that_its_server_does_not_renew_is_asked_of_all_servers_and_then_given_up()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.LeaseSeconds = 7200;
        network.Stack.Dhcp(s_timeout);
        network.Router.Dhcp.IsSilent = true;

        Pass(network, TimeSpan.FromSeconds(7100));
        Assert.That(network.Stack.Configuration, Is.Not.Null);
        Assert.That(
            network.Router.Dhcp.Routes.Skip(2), Has.Some.EqualTo((Network.OwnAddress, IPv4Address.Broadcast)));
        Pass(network, TimeSpan.FromSeconds(200));

        Assert.That(network.Stack.Configuration, Is.Null);
        Assert.That(network.Stack.Lease, Is.Null);
        Assert.That(network.Router.Dhcp.Received[^1], Is.EqualTo(1), "a new one is looked for");
        network.Router.Dhcp.IsSilent = false;
        Pass(network, TimeSpan.FromSeconds(200));
        Assert.That(network.Stack.Configuration, Is.Not.Null);
    }

    [Test]
    public void Any_server_may_extend_a_lease_when_its_own_is_gone()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.LeaseSeconds = 7200;
        network.Stack.Dhcp(s_timeout);
        network.Router.Dhcp.IsSilent = true;
        Pass(network, TimeSpan.FromSeconds(6200));
        network.Router.Dhcp.IsSilent = false;
        network.Router.Dhcp.Alter = answer =>
        {
            answer[248] = 9;
            return answer;
        };

        Pass(network, TimeSpan.FromSeconds(900));

        Assert.That(network.Stack.Lease!.Server, Is.EqualTo(new IPv4Address(10, 0, 2, 9)));
    }

    [Test]
    public void A_refusal_to_renew_ends_the_lease_at_once()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.LeaseSeconds = 7200;
        network.Stack.Dhcp(s_timeout);
        network.Router.Dhcp.Refusals = 1;
        network.Router.Dhcp.LostDiscovers = 1;

        Pass(network, TimeSpan.FromSeconds(3602));
        Assert.That(network.Stack.Configuration, Is.Null);
        Pass(network, TimeSpan.FromSeconds(10));

        Assert.That(network.Stack.Configuration, Is.Not.Null);
        Assert.That(network.Router.Dhcp.Received, Is.EqualTo(new byte[] { 1, 3, 3, 1, 1, 3 }));
    }

    [Test]
    public void An_unlimited_lease_is_never_renewed()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.LeaseSeconds = uint.MaxValue;

        Assert.That(network.Stack.Dhcp(s_timeout).ToString(), Does.EndWith("unlimited lease"));

        PassHours(network, 1000);
        Assert.That(network.Router.Dhcp.Received, Has.Count.EqualTo(2));
    }

    [Test]
    public void A_failed_attempt_keeps_the_lease()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.LeaseSeconds = 7200;
        network.Stack.Dhcp(s_timeout);
        DhcpLease? lease = network.Stack.Lease;
        network.Router.Dhcp.IsSilent = true;

        Assert.That(network.Stack.Dhcp(s_timeout).Status, Is.EqualTo(DhcpStatus.NoOffer));

        Assert.That(network.Stack.Lease, Is.SameAs(lease));
        Assert.That(network.Stack.Configuration, Is.SameAs(lease!.Configuration));
        network.Router.Dhcp.IsSilent = false;
        Pass(network, TimeSpan.FromSeconds(3700));
        Assert.That(network.Stack.Lease, Is.Not.SameAs(lease), "it is still renewed");
    }

    [Test]
    public void An_address_set_by_hand_ends_an_attempt_and_the_lease()
    {
        Network network = Network.WithDhcpServer();
        network.Stack.Dhcp(s_timeout);
        network.Router.Dhcp.IsSilent = true;
        network.Clock.Schedule(
            TimeSpan.FromSeconds(5),
            () => network.Stack.TrySetStatic(Network.NeighbourAddress, 24, IPv4Address.Any));
        TimeSpan start = network.Clock.Now;

        Assert.That(network.Stack.Dhcp(s_timeout).Status, Is.EqualTo(DhcpStatus.Busy));

        Assert.That(network.Clock.Now - start, Is.EqualTo(TimeSpan.FromSeconds(5)));
        Assert.That(network.Stack.Lease, Is.Null);
        Assert.That(network.Stack.Configuration!.Address, Is.EqualTo(Network.NeighbourAddress));
    }

    [Test]
    public void A_second_attempt_at_the_same_time_is_refused()
    {
        Network network = Network.WithDhcpServer();
        DhcpStatus? second = null;
        network.Router.Delay = TimeSpan.FromSeconds(1);
        network.Clock.Schedule(TimeSpan.FromSeconds(0.5), () => second = network.Stack.Dhcp(s_timeout).Status);

        Assert.That(network.Stack.Dhcp(s_timeout).Status, Is.EqualTo(DhcpStatus.Bound));
        Assert.That(second, Is.EqualTo(DhcpStatus.Busy));
    }

    [Test]
    public void Without_a_link_the_attempt_ends_at_once()
    {
        Network network = Network.WithDhcpServer();
        network.Link.IsPlugged = false;

        Assert.That(network.Stack.Dhcp(s_timeout).Status, Is.EqualTo(DhcpStatus.LinkDown));
        Assert.That(network.Link.Sent, Is.Empty);
    }

    [Test]
    public void An_unsolicited_grant_changes_nothing()
    {
        Network network = Network.WithDhcpServer();
        byte[]? grant = null;
        network.Router.Dhcp.Alter = answer => grant = answer;
        network.Stack.Dhcp(s_timeout);
        DhcpLease? lease = network.Stack.Lease;

        byte[] datagram = Frames.Udp(Router.Address, Network.OwnAddress, 67, 68, grant!);
        network.ReceivePacket(Frames.IPv4(Router.Address, Network.OwnAddress, 17, datagram));

        Assert.That(network.Stack.Lease, Is.SameAs(lease));
        Assert.That(network.Dropped(DropReason.UdpNoSocket), Is.EqualTo(1));
    }

    private static void PassHours(Network network, int hours) => Pass(network, TimeSpan.FromHours(hours));

    /// <summary>Lets time pass as an otherwise idle machine does.</summary>
    private static void Pass(Network network, TimeSpan time)
    {
        TimeSpan end = network.Clock.Now + time;
        while (network.Clock.Now < end)
        {
            TimeSpan wanted = network.Stack.RunTimers();
            TimeSpan left = end - network.Clock.Now;
            network.Clock.Advance(wanted < left ? wanted : left);
        }

        network.Stack.RunTimers();
    }
}
