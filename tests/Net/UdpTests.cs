using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Net.Protocols;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Net.Tests;

public sealed class UdpTests
{
    private static readonly byte[] s_data = [1, 2, 3, 4, 5];

    [Test]
    public void A_datagram_is_sent_as_RFC_768_says()
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;

        Assert.That(socket.Send(Network.NeighbourAddress, 7, s_data), Is.EqualTo(SendStatus.Sent));

        byte[] expected = Frames.Udp(Network.OwnAddress, Network.NeighbourAddress, 7000, 7, s_data);
        Assert.That(network.SentIPv4().Single()[34..(34 + expected.Length)], Is.EqualTo(expected));
    }

    [TestCase(10, 3, new[] { 3, 3, 3, 1 })]
    [TestCase(9, 3, new[] { 3, 3, 3 })]
    [TestCase(2, 3, new[] { 2 })]
    [TestCase(0, 3, new int[0])]
    public void A_burst_of_datagrams_leaves_together(int length, int size, int[] lengths)
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        byte[] data = [.. Enumerable.Range(0, length).Select(i => (byte)i)];
        int before = network.Link.Flushes;
        Assert.That(
            socket.Send(Network.NeighbourAddress, 7, data, size, out int sent), Is.EqualTo(SendStatus.Sent));
        Assert.That((sent, network.Link.Flushes - before), Is.EqualTo((length, lengths.Length == 0 ? 0 : 1)));
        byte[][] frames = [.. network.SentIPv4()];
        Assert.That(frames.Select(frame => Frames.WordAt(frame, 38) - 8), Is.EqualTo(lengths));
        Assert.That(frames.SelectMany(frame => frame[42..(34 + Frames.WordAt(frame, 38))]), Is.EqualTo(data));
    }

    [Test]
    public void A_burst_ends_with_the_first_datagram_that_is_not_sent()
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        network.Link.HasRoom = false;
        Assert.That(
            socket.Send(Network.NeighbourAddress, 7, s_data, 2, out int sent), Is.EqualTo(SendStatus.Busy));
        Assert.That(sent, Is.Zero);
        Assert.That(
            () => socket.Send(Network.NeighbourAddress, 7, s_data, 0, out _),
            Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Datagrams_that_wait_are_taken_together_as_far_as_they_fit()
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        Receive(network, 7000, s_data, sourcePort: 1);
        Receive(network, 7000, [], sourcePort: 2);
        Receive(network, 7000, [6, 7, 8, 9], sourcePort: 3);
        Receive(network, 7000, s_data, sourcePort: 4);
        byte[] buffer = new byte[8];
        UdpDatagram[] datagrams = new UdpDatagram[3];
        Assert.That(socket.Take(buffer, datagrams), Is.EqualTo(2));
        Assert.That(buffer[..5], Is.EqualTo(s_data));
        Assert.That(datagrams[..2].Select(one => (one.SourcePort, one.Length)), Is.EqualTo([((ushort)1, 5), (2, 0)]));
        Assert.That(socket.Take(buffer.AsSpan(0, 3), datagrams), Is.EqualTo(1), "cut");
        Assert.That(buffer[..3], Is.EqualTo(new byte[] { 6, 7, 8 }));
        Assert.That((datagrams[0].SourcePort, datagrams[0].Length), Is.EqualTo(((ushort)3, 4)));
        Assert.That(socket.Take(buffer, datagrams.AsSpan(0, 0)), Is.Zero);
        Assert.That(socket.Take(buffer, datagrams), Is.EqualTo(1));
        Assert.That(socket.Take(buffer, datagrams), Is.Zero);
    }

    [Test]
    public void A_batch_of_frames_is_one_turn()
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        int changes = 0;
        socket.OnChange(() => changes++);
        int before = network.Link.Flushes;
        int sent = network.Link.Sent.Count;
        byte[] datagram = Frames.Udp(Network.NeighbourAddress, Network.OwnAddress, 9, 7000, s_data);
        byte[] echo = Frames.Icmp(8, 0, 1, 1, s_data);
        network.Stack.BeginBatch();
        for (int i = 0; i < 3; i++)
        {
            network.Stack.OnBatchedFrame(Framed(17, datagram), FrameChecksum.Unknown);
            network.Stack.OnBatchedFrame(Framed(1, echo), FrameChecksum.Unknown);
        }

        Assert.That((changes, network.Link.Flushes - before), Is.EqualTo((0, 0)));
        network.Stack.EndBatch();
        Assert.That((changes, network.Link.Flushes - before), Is.EqualTo((1, 1)));
        Assert.That(network.Link.Sent, Has.Count.EqualTo(sent + 3));
        Assert.That(socket.Take(new byte[100], new UdpDatagram[9]), Is.EqualTo(3));

        static byte[] Framed(byte protocol, byte[] payload) => Frames.Ethernet(
            SimulatedLink.OwnAddress,
            Network.NeighbourHardware,
            0x0800,
            Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, protocol, payload));
    }

    [Test]
    public void Datagrams_arrive_in_order_with_their_sender()
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        Receive(network, 7000, s_data, sourcePort: 9);
        Receive(network, 7000, [], sourcePort: 10);
        byte[] buffer = new byte[100];

        Assert.That(socket.TryReceive(buffer, TimeSpan.Zero, out UdpDatagram first), Is.True);
        Assert.That((first.Source, first.SourcePort, first.Length), Is.EqualTo((Network.NeighbourAddress, 9, 5)));
        Assert.That(buffer[..5], Is.EqualTo(s_data));
        Assert.That(socket.TryReceive(buffer, TimeSpan.Zero, out UdpDatagram second), Is.True);
        Assert.That((second.SourcePort, second.Length), Is.EqualTo((10, 0)));
        Assert.That(socket.TryReceive(buffer, TimeSpan.Zero, out _), Is.False);
    }

    [Test]
    public void A_receiver_waits_until_a_datagram_comes_but_not_beyond_its_timeout()
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        TimeSpan start = network.Clock.Now;
        network.Clock.Schedule(TimeSpan.FromSeconds(2), () => Receive(network, 7000, s_data));

        Assert.That(socket.TryReceive(new byte[9], TimeSpan.FromSeconds(5), out _), Is.True);
        Assert.That(network.Clock.Now - start, Is.EqualTo(TimeSpan.FromSeconds(2)));
        Assert.That(socket.TryReceive(new byte[9], TimeSpan.FromSeconds(5), out _), Is.False);
        Assert.That(network.Clock.Now - start, Is.EqualTo(TimeSpan.FromSeconds(7)));
    }

    [Test]
    public void A_buffer_that_is_too_small_cuts_the_datagram_and_says_so()
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        Receive(network, 7000, s_data);
        byte[] buffer = new byte[3];

        Assert.That(socket.TryReceive(buffer, TimeSpan.Zero, out UdpDatagram datagram), Is.True);
        Assert.That(datagram.Length, Is.EqualTo(5));
        Assert.That(buffer, Is.EqualTo(s_data[..3]));
    }

    [Test]
    public void A_full_socket_drops_what_comes_later()
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        byte[] buffer = new byte[1];
        for (byte i = 0; i < UdpQueue.Capacity + 3; i++)
        {
            Receive(network, 7000, [i]);
        }

        Assert.That(network.Dropped(DropReason.UdpSocketFull), Is.EqualTo(3));
        for (byte i = 0; i < UdpQueue.Capacity; i++)
        {
            Assert.That(socket.TryReceive(buffer, TimeSpan.Zero, out _), Is.True);
            Assert.That(buffer[0], Is.EqualTo(i));
        }

        Receive(network, 7000, [99]);
        Assert.That(socket.TryReceive(buffer, TimeSpan.Zero, out _), Is.True);
        Assert.That(buffer[0], Is.EqualTo(99));
    }

    [Test]
    public void A_checksum_that_was_not_computed_is_accepted_and_a_wrong_one_is_not()
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        byte[] datagram = Frames.Udp(Network.NeighbourAddress, Network.OwnAddress, 9, 7000, s_data);

        datagram[6] ^= 1;
        network.ReceivePacket(Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 17, datagram));
        Assert.That(socket.TryReceive(new byte[9], TimeSpan.Zero, out _), Is.False);
        Assert.That(network.Dropped(DropReason.UdpChecksum), Is.EqualTo(1));

        datagram[6] = 0;
        datagram[7] = 0;
        network.ReceivePacket(Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 17, datagram));
        Assert.That(socket.TryReceive(new byte[9], TimeSpan.Zero, out _), Is.True);
    }

    [Test]
    public void A_checksum_that_the_device_has_seen_to_is_not_looked_at(
        [Values] FrameChecksum checksum, [Values] bool isFragmented)
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        byte[] datagram = Frames.Udp(Network.NeighbourAddress, Network.OwnAddress, 9, 7000, new byte[32]);
        datagram[6] ^= 1;
        byte[] packet = Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 17, datagram);
        byte[][] packets = isFragmented ? Frames.Fragments(packet, 24) : [packet];
        foreach (byte[] each in packets)
        {
            network.Stack.OnFrame(
                Frames.Ethernet(Network.OwnHardware, Network.NeighbourHardware, 0x0800, each), checksum);
        }

        bool isSeenTo = checksum != FrameChecksum.Unknown && !isFragmented;
        Assert.That(socket.TryReceive(new byte[99], TimeSpan.Zero, out _), Is.EqualTo(isSeenTo));
        Assert.That(network.Dropped(DropReason.UdpChecksum), Is.EqualTo(isSeenTo ? 0 : 1));
    }

    [Test]
    public void A_device_hears_of_the_stations_of_groups()
    {
        Network network = Ready();
        UdpSocket socket = network.Stack.OpenUdp(7000)!;
        Assert.That(socket.TryJoin(IPv4Address.Parse("224.1.2.3")), Is.True);
        Assert.That(socket.TryJoin(IPv4Address.Parse("239.129.2.3")), Is.True);
        Assert.That(socket.TryJoin(IPv4Address.Parse("239.0.0.1")), Is.True);
        Assert.That(
            network.Link.Groups.Select(station => station.ToString()),
            Is.EqualTo((string[])["01:00:5e:01:02:03", "01:00:5e:00:00:01"]));
        socket.Leave(IPv4Address.Parse("224.1.2.3"));
        Assert.That(network.Link.Groups, Has.Length.EqualTo(2), "the other group has the same station");
        socket.Dispose();
        Assert.That(network.Link.Groups, Is.Empty);
    }

    [TestCase((ushort)7, TestName = "A length below the header's")]
    [TestCase((ushort)14, TestName = "A length above the packet's")]
    [TestCase((ushort)0, TestName = "A length of zero")]
    public void An_invalid_length_is_dropped(ushort length)
    {
        Network network = Ready();
        byte[] datagram = Frames.Udp(Network.NeighbourAddress, Network.OwnAddress, 9, 7000, s_data);
        Frames.Big(length).CopyTo(datagram, 4);

        network.ReceivePacket(Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 17, datagram));

        Assert.That(network.Dropped(DropReason.UdpMalformed), Is.EqualTo(1));
    }

    [Test]
    public void A_datagram_for_a_closed_port_is_dropped_and_reported()
    {
        Network network = Ready();

        Receive(network, 7000, s_data);

        Assert.That(network.Dropped(DropReason.UdpNoSocket), Is.EqualTo(1));
        byte[] sent = network.SentPackets().Single();
        Assert.That(sent[20..22], Is.EqualTo(new byte[] { 3, 3 }));
        Assert.That(Frames.AddressAt(sent, 40), Is.EqualTo(Network.NeighbourAddress), "the quoted source");
        Assert.That(sent[48..52], Is.EqualTo(new byte[] { 0, 9, 0x1B, 0x58 }), "the quoted ports");
        Assert.That(sent[56..], Is.EqualTo(s_data));
    }

    [Test]
    public void Reports_are_limited_and_broadcasts_cause_none()
    {
        Network network = Ready();
        byte[] datagram = Frames.Udp(
            Network.NeighbourAddress, IPv4Address.Broadcast, 9, 7000, s_data);
        network.ReceivePacket(
            Frames.IPv4(Network.NeighbourAddress, IPv4Address.Broadcast, 17, datagram), MacAddress.Broadcast);
        Assert.That(network.Link.Sent, Is.Empty);

        for (int i = 0; i < 100; i++)
        {
            Receive(network, 7000, s_data);
        }

        Assert.That(network.SentIPv4(), Has.Length.EqualTo(IcmpErrors.PerSecond));
        network.Clock.Advance(TimeSpan.FromSeconds(1));
        Receive(network, 7000, new byte[1400]);
        Assert.That(network.SentIPv4(), Has.Length.EqualTo(IcmpErrors.PerSecond + 1));
        Assert.That(network.SentPackets()[^1], Has.Length.EqualTo(576));
    }

    [Test]
    public void A_report_reaches_the_socket_that_it_is_about()
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        using UdpSocket other = network.Stack.OpenUdp(7001)!;
        socket.Send(Network.NeighbourAddress, 7, s_data);
        byte[] quoted = network.SentPackets().Single()[..28];

        network.ReceivePacket(
            Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 1, Frames.Icmp(3, 3, 0, 0, quoted)));

        Assert.That(socket.TryReceive(new byte[9], TimeSpan.FromHours(1), out _), Is.False, "at once");
        Assert.That(socket.TryTakeUnreachable(out UdpUnreachable error), Is.True);
        Assert.That(
            error, Is.EqualTo(new UdpUnreachable(Network.NeighbourAddress, 7, Network.NeighbourAddress, 3)));
        Assert.That(socket.TryTakeUnreachable(out _), Is.False);
        Assert.That(other.TryTakeUnreachable(out _), Is.False);
        network.ReceivePacket(
            Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 1, Frames.Icmp(3, 3, 0, 0, quoted[..27])));
        Assert.That(socket.TryTakeUnreachable(out _), Is.False, "too little is quoted");
    }

    [Test]
    public void Datagrams_to_a_group_come_in_while_it_is_joined()
    {
        Network network = Ready();
        var group = new IPv4Address(239, 255, 1, 2);
        MacAddress station = MacAddress.Parse("01:00:5e:7f:01:02");
        UdpSocket socket = network.Stack.OpenUdp(7000)!;
        byte[] packet = Frames.IPv4(
            Network.NeighbourAddress, group, 17, Frames.Udp(Network.NeighbourAddress, group, 9, 7000, s_data));
        network.ReceivePacket(packet, station);
        Assert.That(network.Dropped(DropReason.EthernetNotForUs), Is.EqualTo(1));

        Assert.That(socket.TryJoin(Network.NeighbourAddress), Is.False);
        Assert.That(socket.TryJoin(group), Is.True);
        Assert.That(socket.TryJoin(group), Is.True);
        socket.Leave(group);
        network.ReceivePacket(packet, station);
        Assert.That(socket.TryReceive(new byte[9], TimeSpan.Zero, out UdpDatagram datagram), Is.True);
        Assert.That(datagram.Length, Is.EqualTo(s_data.Length));

        // Another group with the same station, an echo request, and a packet for us alone in such a frame.
        var other = new IPv4Address(238, 127, 1, 2);
        network.ReceivePacket(Frames.IPv4(Network.NeighbourAddress, other, 17, packet[20..]), station);
        byte[] echo = Frames.Icmp(8, 0, 1, 1, s_data);
        network.ReceivePacket(Frames.IPv4(Network.NeighbourAddress, group, 1, echo), station);
        network.ReceivePacket(Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 1, echo), station);
        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(socket.TryReceive(new byte[9], TimeSpan.Zero, out _), Is.False);

        socket.Dispose();
        network.ReceivePacket(packet, station);
        Assert.That(network.Dropped(DropReason.EthernetNotForUs), Is.EqualTo(2));
    }

    [Test]
    public void Groups_are_bounded()
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        for (int i = 0; i < IPv4Interface.GroupLimit; i++)
        {
            Assert.That(socket.TryJoin(new IPv4Address(239, 0, 0, (byte)i)), Is.True);
        }

        Assert.That(socket.TryJoin(new IPv4Address(239, 0, 1, 0)), Is.False);
        socket.Leave(new IPv4Address(239, 0, 0, 0));
        Assert.That(socket.TryJoin(new IPv4Address(239, 0, 1, 0)), Is.True);
    }

    [Test]
    public void Broadcasts_go_out_and_come_in()
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;

        Assert.That(socket.Send(IPv4Address.Broadcast, 7, s_data), Is.EqualTo(SendStatus.Sent));
        Assert.That(socket.Send(new IPv4Address(10, 0, 2, 255), 7, s_data), Is.EqualTo(SendStatus.Sent));
        Assert.That(
            network.SentIPv4().Select(frame => Frames.MacAt(frame, 0)), Has.All.EqualTo(MacAddress.Broadcast));

        var everyone = new IPv4Address(10, 0, 2, 255);
        byte[] datagram = Frames.Udp(Network.NeighbourAddress, everyone, 9, 7000, s_data);
        network.ReceivePacket(Frames.IPv4(Network.NeighbourAddress, everyone, 17, datagram), MacAddress.Broadcast);
        Assert.That(socket.TryReceive(new byte[9], TimeSpan.Zero, out _), Is.True);
    }

    [Test]
    public void A_datagram_to_ourselves_stays_here()
    {
        Network network = Network.WithAddress();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        byte[] buffer = new byte[5];

        Assert.That(socket.Send(Network.OwnAddress, 7000, s_data), Is.EqualTo(SendStatus.Sent));

        Assert.That(socket.TryReceive(buffer, TimeSpan.Zero, out UdpDatagram datagram), Is.True);
        Assert.That(datagram.Source, Is.EqualTo(Network.OwnAddress));
        Assert.That(buffer, Is.EqualTo(s_data));
        Assert.That(network.Link.Sent, Is.Empty);
    }

    [Test]
    public void A_port_is_open_only_once_and_free_again_when_closed()
    {
        Network network = Ready();
        UdpSocket socket = network.Stack.OpenUdp(7000)!;
        Assert.That(network.Stack.OpenUdp(7000), Is.Null);
        Assert.That(network.Stack.OpenUdp(68), Is.Null, "DHCP's own port");

        socket.Dispose();
        socket.Dispose();

        Assert.That(socket.Send(Network.NeighbourAddress, 7, s_data), Is.EqualTo(SendStatus.Closed));
        Assert.That(socket.TryReceive(new byte[9], TimeSpan.FromSeconds(9), out _), Is.False);
        using UdpSocket again = network.Stack.OpenUdp(7000)!;
        Assert.That(again.LocalPort, Is.EqualTo(7000));
    }

    [Test]
    public void Closing_a_socket_wakes_its_receiver()
    {
        Network network = Ready();
        UdpSocket socket = network.Stack.OpenUdp(7000)!;
        TimeSpan start = network.Clock.Now;
        network.Clock.Schedule(TimeSpan.FromSeconds(2), socket.Dispose);

        Assert.That(socket.TryReceive(new byte[9], TimeSpan.FromSeconds(9), out _), Is.False);
        Assert.That(network.Clock.Now - start, Is.EqualTo(TimeSpan.FromSeconds(2)));
    }

    [Test]
    public void The_table_of_ports_is_bounded_and_dynamic_ports_differ()
    {
        Network network = Ready();
        List<UdpSocket> sockets = [];
        for (int i = 0; i < UdpPorts.Capacity; i++)
        {
            sockets.Add(network.Stack.OpenUdp(0)!);
        }

        Assert.That(network.Stack.OpenUdp(0), Is.Null);
        Assert.That(sockets.Select(socket => socket.LocalPort), Is.Unique);
        Assert.That(
            sockets.Select(socket => socket.LocalPort), Has.All.GreaterThanOrEqualTo(UdpPorts.FirstDynamicPort));
        sockets.ForEach(socket => socket.Dispose());
    }

    [TestCase(1473)]
    [TestCase(9000)]
    [TestCase(65507)]
    public void A_datagram_of_any_size_is_sent_and_received_whole(int size)
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        byte[] data = [.. Enumerable.Range(0, size).Select(i => (byte)(i * 3))];
        byte[] buffer = new byte[size];

        Assert.That(socket.Send(Network.NeighbourAddress, 7, data), Is.EqualTo(SendStatus.Sent));
        Assert.That(
            network.SentPackets().Single()[20..],
            Is.EqualTo(Frames.Udp(Network.OwnAddress, Network.NeighbourAddress, 7000, 7, data)));

        for (int round = 0; round < 5; round++)
        {
            byte[] datagram = Frames.Udp(Network.NeighbourAddress, Network.OwnAddress, 9, 7000, data);
            byte[] packet = Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 17, datagram);
            Array.ForEach(Frames.Fragments(packet, 1480), piece => network.ReceivePacket(piece));
            Assert.That(socket.TryReceive(buffer, TimeSpan.Zero, out UdpDatagram received), Is.True);
            Assert.That((received.Length, buffer.SequenceEqual(data)), Is.EqualTo((size, true)));
        }
    }

    [Test]
    public void A_socket_keeps_as_many_bytes_as_it_has_room_for_and_each_datagram_whole()
    {
        Network network = Ready();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        byte[] buffer = new byte[1472];
        var expected = new Queue<byte[]>();
        var random = new Random(3);
        for (int step = 0; step < 2000; step++)
        {
            if (random.Next(100) < 60)
            {
                byte[] data = new byte[random.Next(1473)];
                random.NextBytes(data);
                long before = network.Dropped(DropReason.UdpSocketFull);
                Receive(network, 7000, data);
                if (network.Dropped(DropReason.UdpSocketFull) == before)
                {
                    expected.Enqueue(data);
                }
            }
            else if (socket.TryReceive(buffer, TimeSpan.Zero, out UdpDatagram received))
            {
                Assert.That(buffer.AsSpan(0, received.Length).SequenceEqual(expected.Dequeue()), Is.True);
            }
        }

        Assert.That(network.Dropped(DropReason.UdpSocketFull), Is.GreaterThan(0));
    }

    [Test]
    public void A_datagram_that_cannot_be_sent_says_why()
    {
        var network = new Network();
        using UdpSocket socket = network.Stack.OpenUdp(0)!;
        Assert.That(socket.Send(Network.NeighbourAddress, 7, s_data), Is.EqualTo(SendStatus.NoAddress));

        network.Stack.TrySetStatic(Network.OwnAddress, 24, IPv4Address.Any);
        Assert.That(socket.Send(new IPv4Address(8, 8, 8, 8), 7, s_data), Is.EqualTo(SendStatus.NoRoute));
        Assert.That(socket.Send(Network.NeighbourAddress, 7, new byte[65508]), Is.EqualTo(SendStatus.TooLarge));
        Assert.That(socket.Send(Network.NeighbourAddress, 7, new byte[65507]), Is.EqualTo(SendStatus.Queued));
        network.Link.HasRoom = false;
        Assert.That(socket.Send(IPv4Address.Broadcast, 7, s_data), Is.EqualTo(SendStatus.Busy));
        network.Link.IsPlugged = false;
        Assert.That(socket.Send(Network.NeighbourAddress, 7, s_data), Is.EqualTo(SendStatus.LinkDown));
    }

    private static Network Ready()
    {
        Network network = Network.WithAddress();
        network.IntroduceNeighbour();
        return network;
    }

    private static void Receive(Network network, ushort port, byte[] data, ushort sourcePort = 9)
    {
        byte[] datagram = Frames.Udp(Network.NeighbourAddress, Network.OwnAddress, sourcePort, port, data);
        network.ReceivePacket(Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 17, datagram));
    }
}
