using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Net.Tests;

public sealed class IPv4Tests
{
    private static readonly byte[] s_echo = Frames.Icmp(8, 0, 1, 1, [1, 2, 3]);

    [Test]
    public void A_packet_for_us_is_taken_without_its_padding()
    {
        Network network = Ready();

        network.ReceivePacket([.. Packet(), 0xAA, 0xBB, 0xCC]);

        Assert.That(Frames.WordAt(network.SentIPv4().Single(), 16), Is.EqualTo(20 + s_echo.Length));
    }

    [Test]
    public void Options_are_skipped()
    {
        Network network = Ready();

        network.ReceivePacket(Frames.IPv4(
            Network.NeighbourAddress, Network.OwnAddress, 1, s_echo, options: [7, 7, 4, 0, 0, 0, 0, 0]));

        Assert.That(network.SentIPv4().Single()[14], Is.EqualTo(0x45));
    }

    [TestCase(0, 0x55, DropReason.IPv4Malformed, TestName = "Version 5")]
    [TestCase(0, 0x65, DropReason.IPv4Malformed, TestName = "Version 6")]
    [TestCase(0, 0x44, DropReason.IPv4Malformed, TestName = "A header of 16 bytes")]
    [TestCase(0, 0x4F, DropReason.IPv4Malformed, TestName = "A header longer than the packet")]
    [TestCase(2, 0xFF, DropReason.IPv4Malformed, TestName = "A packet longer than the frame")]
    [TestCase(3, 19, DropReason.IPv4Malformed, TestName = "A packet shorter than its header")]
    [TestCase(8, 1, DropReason.IPv4Checksum, TestName = "A changed time to live")]
    [TestCase(10, 1, DropReason.IPv4Checksum, TestName = "A changed checksum")]
    public void A_damaged_header_is_dropped(int offset, byte value, DropReason reason)
    {
        Network network = Ready();
        byte[] packet = Packet();
        packet[offset] = value;

        network.ReceivePacket(packet);

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Dropped(reason), Is.EqualTo(1));
    }

    [Test]
    public void The_flag_against_fragmenting_makes_no_fragment()
    {
        Network network = Ready();

        network.ReceivePacket(
            Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 1, s_echo, fragment: 0x4000));

        Assert.That(network.SentIPv4(), Has.Length.EqualTo(1));
    }

    [TestCase("0.0.0.0")]
    [TestCase("10.0.2.0")]
    [TestCase("10.0.2.255")]
    [TestCase("255.255.255.255")]
    [TestCase("224.0.0.1")]
    [TestCase("127.0.0.1")]
    [TestCase("10.0.2.15")]
    public void A_source_that_cannot_be_another_host_is_dropped(string source)
    {
        Network network = Ready();

        network.ReceivePacket(Frames.IPv4(IPv4Address.Parse(source), Network.OwnAddress, 1, s_echo));

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Dropped(DropReason.IPv4BadSource), Is.EqualTo(1));
    }

    [TestCase("10.0.2.16")]
    [TestCase("8.8.8.8")]
    [TestCase("224.0.0.1")]
    [TestCase("127.0.0.1")]
    [TestCase("0.0.0.0")]
    public void A_destination_that_is_not_ours_is_dropped(string destination)
    {
        Network network = Ready();

        network.ReceivePacket(Frames.IPv4(Network.NeighbourAddress, IPv4Address.Parse(destination), 1, s_echo));

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Dropped(DropReason.IPv4NotForUs), Is.EqualTo(1));
    }

    [Test]
    public void Our_own_address_in_a_broadcast_frame_is_dropped()
    {
        Network network = Ready();

        network.ReceivePacket(Packet(), MacAddress.Broadcast);

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Dropped(DropReason.IPv4NotForUs), Is.EqualTo(1));
    }

    [Test]
    public void Another_protocol_is_dropped()
    {
        Network network = Ready();

        network.ReceivePacket(Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 99, new byte[20]));

        Assert.That(network.Dropped(DropReason.IPv4UnknownProtocol), Is.EqualTo(1));
    }

    [Test]
    public void Frames_that_are_not_ours_are_dropped_for_their_reasons()
    {
        Network network = Ready();
        MacAddress other = MacAddress.Parse("52:54:00:00:00:99");
        MacAddress group = MacAddress.Parse("01:00:5e:00:00:01");

        network.Receive([]);
        network.Receive(new byte[13]);
        network.Receive(Frames.Ethernet(Network.OwnHardware, group, 0x0800, Packet()));
        network.Receive(Frames.Ethernet(other, Network.NeighbourHardware, 0x0800, Packet()));
        network.Receive(Frames.Ethernet(group, Network.NeighbourHardware, 0x0800, Packet()));
        network.Receive(Frames.Ethernet(Network.OwnHardware, Network.OwnHardware, 0x0800, Packet()));
        network.Receive(Frames.Ethernet(Network.OwnHardware, Network.NeighbourHardware, 0x86DD, Packet()));

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Dropped(DropReason.EthernetMalformed), Is.EqualTo(3));
        Assert.That(network.Dropped(DropReason.EthernetNotForUs), Is.EqualTo(3));
        Assert.That(network.Dropped(DropReason.EthernetUnknownType), Is.EqualTo(1));
    }

    [TestCase(0x0000, true, TestName = "A tag with neither VLAN nor priority")]
    [TestCase(0xE000, true, TestName = "A tag with only a priority")]
    [TestCase(0xF000, true, TestName = "A tag with a priority that may be dropped")]
    [TestCase(0x0001, false, TestName = "A tag of VLAN 1")]
    [TestCase(0x6064, false, TestName = "A tag of VLAN 100")]
    [TestCase(0x0FFF, false, TestName = "A tag of the reserved VLAN")]
    public void A_tagged_frame_is_taken_only_if_the_tag_names_no_VLAN(int tag, bool isTaken)
    {
        Network network = Network.WithAddress();
        byte[] ask = Frames.Arp(1, Network.NeighbourHardware, Network.NeighbourAddress, default, Network.OwnAddress);

        network.Receive(Tagged(MacAddress.Broadcast, (ushort)tag, 0x0806, ask));
        network.Receive(Tagged(Network.OwnHardware, (ushort)tag, 0x0800, Packet()));

        Assert.That(network.SentArp(), Has.Length.EqualTo(isTaken ? 1 : 0));
        Assert.That(network.SentIPv4(), Has.Length.EqualTo(isTaken ? 1 : 0));
        Assert.That(network.Dropped(DropReason.EthernetVlan), Is.EqualTo(isTaken ? 0 : 2));
    }

    [Test]
    public void A_tagged_frame_may_be_longer_by_its_tag()
    {
        Network network = Ready();

        network.Receive(Tagged(
            Network.OwnHardware,
            0,
            0x0800,
            Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 1, Frames.Icmp(8, 0, 1, 1, new byte[1472]))));

        Assert.That(network.SentIPv4().Single(), Has.Length.EqualTo(1514));
    }

    [Test]
    public void A_frame_that_ends_in_its_tag_and_one_with_two_tags_are_dropped()
    {
        Network network = Ready();

        network.Receive(
            [.. Frames.Bytes(Network.OwnHardware), .. Frames.Bytes(Network.NeighbourHardware), 0x81, 0, 0, 0, 8]);
        network.Receive(Tagged(Network.OwnHardware, 0, 0x8100, [0, 0, 8, 0, .. Packet()]));

        Assert.That(network.Dropped(DropReason.EthernetVlan), Is.EqualTo(2));
    }

    [Test]
    public void Other_traffic_on_a_network_is_dropped_and_does_no_harm()
    {
        Network network = Ready();
        MacAddress bridges = MacAddress.Parse("01:80:c2:00:00:00");
        MacAddress nodes = MacAddress.Parse("33:33:00:00:00:01");
        byte[] spanningTree = [0x42, 0x42, 3, .. new byte[35]];
        IPv4Address all = IPv4Address.Parse("224.0.0.1");

        network.Receive(Frames.Ethernet(bridges, Network.NeighbourHardware, 38, spanningTree));
        network.Receive(Frames.Ethernet(MacAddress.Broadcast, Network.NeighbourHardware, 38, spanningTree));
        network.Receive(Frames.Ethernet(bridges, Network.NeighbourHardware, 0x88CC, new byte[50]));
        network.Receive(Frames.Ethernet(nodes, Network.NeighbourHardware, 0x86DD, new byte[80]));
        network.Receive(Frames.Ethernet(MacAddress.Broadcast, Network.NeighbourHardware, 0x8899, new byte[46]));
        network.ReceivePacket(Packet(), MacAddress.Parse("03:bf:0a:00:02:0f"));
        network.ReceivePacket(Frames.IPv4(Network.NeighbourAddress, all, 2, new byte[8]), MacAddress.Broadcast);
        network.ReceivePacket(Frames.IPv4(Router.Address, Network.OwnAddress, 1, Frames.Icmp(5, 1, 0, 0, Packet())));
        network.ReceivePacket(
            Frames.IPv4(Network.NeighbourAddress, IPv4Address.Broadcast, 1, s_echo), MacAddress.Broadcast);
        network.ReceivePacket(
            Frames.IPv4(Network.NeighbourAddress, IPv4Address.Parse("10.0.2.255"), 1, s_echo), MacAddress.Broadcast);

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Dropped(DropReason.EthernetNotForUs), Is.EqualTo(4));
        Assert.That(network.Dropped(DropReason.EthernetLengthField), Is.EqualTo(1));
        Assert.That(network.Dropped(DropReason.EthernetUnknownType), Is.EqualTo(1));
        Assert.That(network.Dropped(DropReason.IPv4NotForUs), Is.EqualTo(1));
        Assert.That(network.Dropped(DropReason.IcmpIgnored), Is.EqualTo(3));
        Assert.That(network.Stack.GetStatistics().TotalDropped, Is.EqualTo(10), "each is counted once");
    }

    [TestCase((byte)1, TestName = "The last hop's time to live")]
    [TestCase((byte)0, TestName = "No time to live, which matters only to a router")]
    [TestCase((byte)255, TestName = "The longest time to live")]
    public void A_packet_is_taken_with_any_time_to_live(byte timeToLive)
    {
        Network network = Ready();

        network.ReceivePacket(
            Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 1, s_echo, timeToLive));

        Assert.That(network.SentIPv4(), Has.Length.EqualTo(1));
    }

    [Test]
    public void A_type_of_service_makes_no_difference([Values(0x10, 0xB8, 0x03)] int service)
    {
        Network network = Ready();
        byte[] packet = Packet();
        packet[1] = (byte)service;
        packet.AsSpan(10, 2).Clear();
        Frames.Big(Frames.Checksum(packet.AsSpan(0, 20))).CopyTo(packet, 10);

        network.ReceivePacket(packet);

        Assert.That(network.SentIPv4(), Has.Length.EqualTo(1));
    }

    [Test]
    public void A_jumbo_frame_that_the_device_accepted_is_answered_in_fragments()
    {
        Network network = Ready();
        byte[] echo = Frames.Icmp(8, 0, 1, 1, new byte[8000]);

        network.ReceivePacket(Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 1, echo));

        Assert.That(network.SentPackets().Single(), Has.Length.EqualTo(8028));
    }

    [Test]
    public void Each_packet_has_an_identification_of_its_own()
    {
        Network network = Ready();
        for (int i = 0; i < 10; i++)
        {
            network.ReceivePacket(Packet());
        }

        Assert.That(network.SentIPv4().Select(frame => Frames.WordAt(frame, 18)), Is.Unique);
    }

    private static Network Ready()
    {
        Network network = Network.WithAddress();
        network.IntroduceNeighbour();
        return network;
    }

    private static byte[] Tagged(MacAddress destination, ushort tag, ushort type, byte[] payload) =>
        Frames.Ethernet(
            destination, Network.NeighbourHardware, 0x8100, [.. Frames.Big(tag), .. Frames.Big(type), .. payload]);

    private static byte[] Packet() => Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 1, s_echo);
}
