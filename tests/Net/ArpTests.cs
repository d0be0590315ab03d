using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Net.Protocols;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Net.Tests;

public sealed class ArpTests
{
    [Test]
    public void A_new_address_is_announced()
    {
        var network = new Network();

        network.Stack.TrySetStatic(Network.OwnAddress, 24, IPv4Address.Any);

        byte[] expected = Frames.Ethernet(
            MacAddress.Broadcast,
            Network.OwnHardware,
            0x0806,
            Frames.Arp(1, Network.OwnHardware, Network.OwnAddress, default, Network.OwnAddress));
        Assert.That(network.Link.Sent, Is.EqualTo(new[] { expected }));
    }

    [Test]
    public void A_request_for_our_address_is_answered_and_its_sender_remembered()
    {
        Network network = Network.WithAddress();

        Request(network, Network.NeighbourHardware, Network.NeighbourAddress, Network.OwnAddress);

        byte[] expected = Frames.Ethernet(
            Network.NeighbourHardware,
            Network.OwnHardware,
            0x0806,
            Frames.Arp(
                2,
                Network.OwnHardware,
                Network.OwnAddress,
                Network.NeighbourHardware,
                Network.NeighbourAddress));
        Assert.That(network.Link.Sent, Is.EqualTo(new[] { expected }));
        Assert.That(network.Stack.GetStatistics().ArpEntries, Is.EqualTo(1));
    }

    [Test]
    public void A_request_for_another_address_is_neither_answered_nor_remembered()
    {
        Network network = Network.WithAddress();

        Request(network, Network.NeighbourHardware, Network.NeighbourAddress, new IPv4Address(10, 0, 2, 99));

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Stack.GetStatistics().ArpEntries, Is.Zero);
        Assert.That(network.Dropped(DropReason.ArpNotForUs), Is.EqualTo(1));
    }

    [Test]
    public void A_probe_for_our_address_is_answered_and_nothing_is_learned_from_it()
    {
        Network network = Network.WithAddress();

        Request(network, Network.NeighbourHardware, IPv4Address.Any, Network.OwnAddress);

        Assert.That(network.SentArp(), Has.Length.EqualTo(1));
        Assert.That(network.Stack.GetStatistics().ArpEntries, Is.Zero);
    }

    [Test]
    public void A_host_that_our_mask_puts_on_another_link_is_answered_but_not_remembered()
    {
        Network network = Network.WithAddress();

        Request(network, Network.NeighbourHardware, IPv4Address.Parse("192.168.1.1"), Network.OwnAddress);

        Assert.That(Frames.MacAt(network.SentArp().Single(), 0), Is.EqualTo(Network.NeighbourHardware));
        Assert.That(network.Stack.GetStatistics().ArpEntries, Is.Zero);
    }

    [TestCase("10.0.2.255", TestName = "The link's broadcast address")]
    [TestCase("255.255.255.255", TestName = "The limited broadcast address")]
    [TestCase("224.0.0.1", TestName = "A multicast address")]
    public void A_sender_that_cannot_be_a_neighbour_is_not_answered(string sender)
    {
        Network network = Network.WithAddress();

        Request(network, Network.NeighbourHardware, IPv4Address.Parse(sender), Network.OwnAddress);

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Stack.GetStatistics().ArpEntries, Is.Zero);
    }

    [Test]
    public void Nothing_is_learned_from_an_unsolicited_reply()
    {
        Network network = Network.WithAddress();

        Reply(network, Network.NeighbourHardware, Network.NeighbourAddress);

        Assert.That(network.Stack.GetStatistics().ArpEntries, Is.Zero);
        Assert.That(network.Dropped(DropReason.ArpNotForUs), Is.EqualTo(1));
    }

    [Test]
    public void A_known_neighbour_may_change_its_hardware_address()
    {
        Network network = Network.WithAddress();
        network.IntroduceNeighbour();
        MacAddress changed = MacAddress.Parse("52:54:00:00:00:78");

        Reply(network, changed, Network.NeighbourAddress);

        Assert.That(Send(network, Network.NeighbourAddress), Is.EqualTo(SendStatus.Sent));
        Assert.That(Frames.MacAt(network.SentIPv4().Single(), 0), Is.EqualTo(changed));
    }

    [Test]
    public void Packets_wait_for_the_reply_and_are_sent_in_order()
    {
        Network network = Network.WithAddress();

        for (byte i = 0; i < 3; i++)
        {
            Assert.That(Send(network, Network.NeighbourAddress, i), Is.EqualTo(SendStatus.Queued));
        }

        Assert.That(network.SentArp(), Has.Length.EqualTo(1));
        Assert.That(network.SentIPv4(), Is.Empty);

        Reply(network, Network.NeighbourHardware, Network.NeighbourAddress);

        Assert.That(network.SentIPv4().Select(frame => frame[42]), Is.EqualTo(new byte[] { 0, 1, 2 }));
        Assert.That(
            network.SentIPv4().Select(frame => Frames.MacAt(frame, 0)), Has.All.EqualTo(Network.NeighbourHardware));
    }

    [Test]
    public void A_request_is_repeated_once_a_second_and_given_up_after_the_third()
    {
        Network network = Network.WithAddress();
        Send(network, Network.NeighbourAddress);

        for (int seconds = 1; seconds <= 5; seconds++)
        {
            network.Clock.Advance(TimeSpan.FromSeconds(0.5));
            network.Stack.RunTimers();
            network.Clock.Advance(TimeSpan.FromSeconds(0.5));
            network.Stack.RunTimers();
            Assert.That(network.SentArp(), Has.Length.EqualTo(Math.Min(seconds + 1, ArpCache.RequestLimit)));
        }

        Assert.That(network.SentIPv4(), Is.Empty);
        Assert.That(network.Dropped(DropReason.ArpUnanswered), Is.EqualTo(1));
    }

    [Test]
    public void A_neighbour_that_was_given_up_is_asked_for_again()
    {
        Network network = Network.WithAddress();
        Send(network, Network.NeighbourAddress);
        PassSeconds(network, 5);
        network.Link.Sent.Clear();

        Assert.That(Send(network, Network.NeighbourAddress), Is.EqualTo(SendStatus.Queued));

        Assert.That(network.SentArp(), Has.Length.EqualTo(1));
    }

    [Test]
    public void A_resolved_address_expires()
    {
        Network network = Network.WithAddress();
        network.IntroduceNeighbour();
        network.Clock.Advance(ArpCache.Lifetime - TimeSpan.FromSeconds(1));
        Assert.That(Send(network, Network.NeighbourAddress), Is.EqualTo(SendStatus.Sent));
        network.Clock.Advance(TimeSpan.FromSeconds(2));

        Assert.That(network.Stack.GetStatistics().ArpEntries, Is.Zero);
        Assert.That(Send(network, Network.NeighbourAddress), Is.EqualTo(SendStatus.Queued));
        Assert.That(network.SentArp(), Has.Length.EqualTo(1));
    }

    [Test]
    public void The_queue_is_bounded_for_each_neighbour_and_for_all()
    {
        Network network = Network.WithAddress();
        SendStatus[] statuses =
        [
            .. Enumerable.Range(0, 40).Select(i => Send(network, new IPv4Address(10, 0, 2, (byte)(100 + (i / 5))))),
        ];

        Assert.That(statuses.Count(status => status == SendStatus.Queued), Is.EqualTo(ArpQueue.Capacity));
        Assert.That(statuses[..5].Count(status => status == SendStatus.Queued), Is.EqualTo(ArpQueue.CapacityPerHop));
        Assert.That(statuses.Count(status => status == SendStatus.Busy), Is.EqualTo(40 - ArpQueue.Capacity));
        Assert.That(network.Dropped(DropReason.ArpQueueFull), Is.EqualTo(40 - ArpQueue.Capacity));
    }

    [Test]
    public void Giving_up_one_neighbour_keeps_what_waits_for_another()
    {
        Network network = Network.WithAddress();
        var silent = new IPv4Address(10, 0, 2, 99);
        Send(network, silent, 1);
        network.Clock.Advance(TimeSpan.FromSeconds(2.5));
        network.Stack.RunTimers();
        Send(network, Network.NeighbourAddress, 2);
        Send(network, silent, 3);
        Send(network, Network.NeighbourAddress, 4);
        network.Clock.Advance(TimeSpan.FromSeconds(1));
        network.Stack.RunTimers();
        network.Clock.Advance(TimeSpan.FromSeconds(1));
        network.Stack.RunTimers();

        Reply(network, Network.NeighbourHardware, Network.NeighbourAddress);

        Assert.That(network.SentIPv4().Select(frame => frame[42]), Is.EqualTo(new byte[] { 2, 4 }));
        Assert.That(network.Dropped(DropReason.ArpUnanswered), Is.EqualTo(2));
    }

    [Test]
    public void More_neighbours_than_the_table_holds_push_out_the_oldest()
    {
        Network network = Network.WithAddress();
        network.IntroduceNeighbour();
        for (byte i = 0; i < ArpCache.Capacity + 10; i++)
        {
            network.Clock.Advance(TimeSpan.FromMilliseconds(1));
            Request(
                network,
                new MacAddress([2, 0, 0, 0, 0, i]),
                new IPv4Address(10, 0, 2, (byte)(100 + i)),
                Network.OwnAddress);
        }

        Assert.That(network.Stack.GetStatistics().ArpEntries, Is.EqualTo(ArpCache.Capacity));
        Assert.That(Send(network, new IPv4Address(10, 0, 2, 100 + ArpCache.Capacity + 9)), Is.EqualTo(SendStatus.Sent));
        Assert.That(Send(network, Network.NeighbourAddress), Is.EqualTo(SendStatus.Queued));
    }

    [Test]
    public void An_address_conflict_is_counted_and_answered_but_not_too_often()
    {
        Network network = Network.WithAddress();
        for (int i = 0; i < 5; i++)
        {
            Reply(network, Network.NeighbourHardware, Network.OwnAddress);
        }

        Assert.That(network.Stack.GetStatistics().AddressConflicts, Is.EqualTo(5));
        Assert.That(network.SentArp(), Has.Length.EqualTo(1));
        network.Clock.Advance(TimeSpan.FromSeconds(11));
        Reply(network, Network.NeighbourHardware, Network.OwnAddress);
        Assert.That(network.SentArp(), Has.Length.EqualTo(2));
    }

    [TestCase(0, 2, TestName = "Another hardware type")]
    [TestCase(2, 0x86, TestName = "Another protocol")]
    [TestCase(4, 8, TestName = "Another hardware address length")]
    [TestCase(5, 16, TestName = "Another protocol address length")]
    [TestCase(7, 3, TestName = "Another operation")]
    [TestCase(8, 0xFF, TestName = "A multicast address as the sender")]
    public void An_ARP_packet_about_something_else_is_dropped(int offset, byte value)
    {
        Network network = Network.WithAddress();
        byte[] packet = Frames.Arp(
            1, Network.NeighbourHardware, Network.NeighbourAddress, default, Network.OwnAddress);
        packet[offset] = value;

        network.Receive(Frames.Ethernet(MacAddress.Broadcast, Network.NeighbourHardware, 0x0806, packet));

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Dropped(DropReason.ArpMalformed), Is.EqualTo(1));
    }

    [Test]
    public void Without_an_address_nothing_is_answered()
    {
        var network = new Network();

        Request(network, Network.NeighbourHardware, Network.NeighbourAddress, IPv4Address.Any);

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Dropped(DropReason.ArpNotForUs), Is.EqualTo(1));
    }

    private static void Request(Network network, MacAddress hardware, IPv4Address sender, IPv4Address target)
    {
        byte[] packet = Frames.Arp(1, hardware, sender, default, target);
        network.Receive(Frames.Ethernet(MacAddress.Broadcast, hardware, 0x0806, packet));
    }

    private static void Reply(Network network, MacAddress hardware, IPv4Address sender)
    {
        byte[] packet = Frames.Arp(2, hardware, sender, Network.OwnHardware, Network.OwnAddress);
        network.Receive(Frames.Ethernet(Network.OwnHardware, hardware, 0x0806, packet));
    }

    private static SendStatus Send(Network network, IPv4Address destination, byte data = 0)
    {
        using UdpSocket socket = network.Stack.OpenUdp(0)!;
        return socket.Send(destination, 9, [data]);
    }

    private static void PassSeconds(Network network, int seconds)
    {
        for (int i = 0; i < seconds; i++)
        {
            network.Clock.Advance(TimeSpan.FromSeconds(1));
            network.Stack.RunTimers();
        }
    }
}
