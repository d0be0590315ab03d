using System.Linq;
using NUnit.Framework;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Net.Tests;

public sealed class IPv4Tests
{
    private static readonly byte[] s_echo = Frames.Icmp(8, 0, 1, 1, [1, 2, 3]);

    [Test]
    public void A_packet_for_us_is_taken_and_padding_left_out()
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
    public void A_harmed_header_is_dropped(int offset, byte value, DropReason reason)
    {
        Network network = Ready();
        byte[] packet = Packet();
        packet[offset] = value;

        network.ReceivePacket(packet);

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Dropped(reason), Is.EqualTo(1));
    }

    [TestCase((ushort)0x2000, TestName = "The first fragment")]
    [TestCase((ushort)0x2001, TestName = "A fragment in the middle")]
    [TestCase((ushort)0x0001, TestName = "The last fragment")]
    [TestCase((ushort)0x1FFF, TestName = "A fragment far out")]
    public void Fragments_are_dropped(ushort fragment)
    {
        Network network = Ready();

        network.ReceivePacket(
            Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 1, s_echo, fragment: fragment));

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Dropped(DropReason.IPv4Fragment), Is.EqualTo(1));
    }

    [Test]
    public void A_packet_that_must_not_be_fragmented_is_not_a_fragment()
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
    public void A_source_that_is_no_other_host_is_dropped(string source)
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

        network.ReceivePacket(Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 6, new byte[20]));

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
        network.Receive(Frames.Ethernet(Network.OwnHardware, Network.NeighbourHardware, 0x0800, new byte[1501]));
        network.Receive(Frames.Ethernet(other, Network.NeighbourHardware, 0x0800, Packet()));
        network.Receive(Frames.Ethernet(group, Network.NeighbourHardware, 0x0800, Packet()));
        network.Receive(Frames.Ethernet(Network.OwnHardware, Network.OwnHardware, 0x0800, Packet()));
        network.Receive(Frames.Ethernet(Network.OwnHardware, Network.NeighbourHardware, 0x86DD, Packet()));

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Dropped(DropReason.EthernetMalformed), Is.EqualTo(4));
        Assert.That(network.Dropped(DropReason.EthernetNotForUs), Is.EqualTo(3));
        Assert.That(network.Dropped(DropReason.EthernetUnknownType), Is.EqualTo(1));
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

    private static byte[] Packet() => Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 1, s_echo);
}
