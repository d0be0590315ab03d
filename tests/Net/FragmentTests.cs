using System;
using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Net.Protocols;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Net.Tests;

/// <summary>Datagrams that come in fragments.</summary>
public sealed class FragmentTests
{
    private static readonly byte[] s_packet = Echo(1, 4000);

    [Test]
    public void A_large_ping_is_answered_in_fragments()
    {
        Network network = Ready();

        Receive(network, Frames.Fragments(s_packet, 1480));

        byte[] reply = network.SentPackets().Single();
        Assert.That(reply[28..], Is.EqualTo(s_packet[28..]));
        Assert.That(reply[20], Is.Zero);
        Assert.That(Frames.Checksum(reply.AsSpan(20)), Is.Zero);
        Assert.That(
            network.SentIPv4().Select(frame => Frames.WordAt(frame, 18)).Distinct(), Has.Exactly(1).Items);
        NetworkStatistics statistics = network.Stack.GetStatistics();
        Assert.That((statistics.DatagramsReassembled, statistics.PacketsFragmented), Is.EqualTo((1, 1)));
        Assert.That(statistics.TotalDropped, Is.Zero);
    }

    [Test]
    public void The_order_and_the_sizes_of_fragments_make_no_difference()
    {
        Gen<(int Size, int[] Order)> fragments =
            from size in Gen.Choose(1, 300).Select(units => units * 8)
            from order in Gen.Shuffle(Enumerable.Range(0, ((4008 - 1) / size) + 1).ToArray())
            select (size, order.ToArray());
        Prop.ForAll(fragments.ToArbitrary(), item =>
        {
            Network network = Ready();
            byte[][] pieces = Frames.Fragments(s_packet, item.Size);
            Receive(network, [.. item.Order.Select(index => pieces[index])]);
            return network.SentPackets().Length == 1 && network.Stack.GetStatistics().TotalDropped == 0;
        }).Check(Properties.Many);
    }

    [Test]
    public void A_repeated_fragment_does_no_harm()
    {
        Network network = Ready();
        byte[][] pieces = Frames.Fragments(s_packet, 1480);

        Receive(network, pieces[2], pieces[0], pieces[2], pieces[0], Frames.Fragment(s_packet, 8, 800), pieces[1]);

        Assert.That(network.SentPackets(), Has.Length.EqualTo(1));
        Assert.That(network.Dropped(DropReason.IPv4FragmentRepeated), Is.EqualTo(3));
    }

    [TestCase(8, 1480, TestName = "Overlapping the first one's end")]
    [TestCase(1472, 8 + 1480, TestName = "Overlapping the first one's last bytes and the next one")]
    [TestCase(1480, 1480 + 1000, TestName = "Overlapping the next one and the one after it")]
    public void Overlapping_fragments_end_their_datagram(int offset, int length)
    {
        Network network = Ready();
        byte[][] pieces = Frames.Fragments(s_packet, 1480);

        Receive(network, pieces[0], pieces[2], Frames.Fragment(s_packet, offset, length & ~7, hasMore: true));
        Receive(network, pieces);

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Dropped(DropReason.IPv4Fragment), Is.EqualTo(4), "the rest is dropped, too");
        network.Clock.Advance(Reassembly.Lifetime);
        Receive(network, pieces);
        Assert.That(network.SentPackets(), Has.Length.EqualTo(1), "the identification is good again after its time");
    }

    [Test]
    public void A_repeated_fragment_with_other_bytes_ends_its_datagram()
    {
        Network network = Ready();
        byte[][] pieces = Frames.Fragments(s_packet, 1480);
        byte[] other = (byte[])s_packet.Clone();
        other[100] ^= 1;

        Receive(network, pieces[0], Frames.Fragment(other, 0, 1480), pieces[1], pieces[2]);

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Dropped(DropReason.IPv4Fragment), Is.EqualTo(3));
    }

    [TestCase(1480, 1000, false, TestName = "A second end, before the first")]
    [TestCase(4000, 1000, false, TestName = "A second end, after the first")]
    [TestCase(4008, 8, true, TestName = "More after the end")]
    public void Fragments_that_disagree_about_the_end_end_their_datagram(int offset, int length, bool hasMore)
    {
        Network network = Ready();
        byte[][] pieces = Frames.Fragments(s_packet, 1480);

        Receive(network, pieces[2]);
        Receive(network, Frames.Fragment(Echo(1, 6000), offset, length, hasMore));
        Receive(network, pieces);

        Assert.That(network.Link.Sent, Is.Empty);
        Assert.That(network.Dropped(DropReason.IPv4Fragment), Is.EqualTo(4));
    }

    [Test]
    public void An_invalid_fragment_is_dropped_and_its_datagram_is_not()
    {
        Network network = Ready();
        byte[][] pieces = Frames.Fragments(s_packet, 1480);
        byte[] huge = Frames.IPv4(
            Network.NeighbourAddress, Network.OwnAddress, 1, new byte[1000], fragment: 0x1FFF, identification: 1);

        Receive(network, pieces[0], pieces[1]);
        Receive(network, Frames.Fragment(s_packet, 2960, 7, hasMore: true));
        Receive(network, Frames.Fragment(s_packet, 2960, 0, hasMore: true));
        Receive(network, Frames.Fragment(s_packet, 2960, 0, hasMore: false));
        Receive(network, huge);
        Assert.That(network.Dropped(DropReason.IPv4Fragment), Is.EqualTo(4));
        Receive(network, pieces[2]);

        Assert.That(network.SentPackets(), Has.Length.EqualTo(1));
    }

    [TestCase(65515, 0, true)]
    [TestCase(65516, 0, false)]
    [TestCase(65511, 1, true)]
    [TestCase(65512, 1, false)]
    public void The_largest_datagram_has_65535_bytes_with_its_header(int payload, int optionWords, bool isTaken)
    {
        Network network = Ready();
        byte[] message = Frames.Icmp(8, 0, 1, 1, new byte[payload - 8]);
        byte[] options = [.. Enumerable.Repeat((byte)1, optionWords * 4)];
        for (int offset = 0; offset < payload; offset += 1480)
        {
            bool isLast = offset + 1480 >= payload;
            network.ReceivePacket(Frames.IPv4(
                Network.NeighbourAddress,
                Network.OwnAddress,
                1,
                message[offset..Math.Min(offset + 1480, payload)],
                fragment: (ushort)((offset / 8) | (isLast ? 0 : 0x2000)),
                options: options));
        }

        Assert.That(network.SentPackets(), Has.Length.EqualTo(isTaken ? 1 : 0));
        Assert.That(network.Dropped(DropReason.IPv4Fragment), Is.EqualTo(isTaken ? 0 : 1));
    }

    [Test]
    public void A_first_fragment_may_be_too_small_for_the_header_of_its_protocol()
    {
        Network network = Ready();

        Receive(network, Frames.Fragments(s_packet, 8));

        Assert.That(network.SentPackets(), Has.Length.EqualTo(1));
    }

    [Test]
    public void A_complete_datagram_that_is_too_short_for_its_protocol_is_dropped_for_that()
    {
        Network network = Ready();
        byte[] packet = Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 17, new byte[20]);

        Receive(network, Frames.Fragments(packet, 16));

        Assert.That(network.Dropped(DropReason.UdpMalformed), Is.EqualTo(1));
    }

    [Test]
    public void A_datagram_with_missing_fragments_is_given_up_after_its_time()
    {
        Network network = Ready();
        byte[][] pieces = Frames.Fragments(s_packet, 1480);
        Receive(network, pieces[0], pieces[1]);

        network.Clock.Advance(Reassembly.Lifetime - TimeSpan.FromSeconds(1));
        Assert.That(network.Stack.GetStatistics().TotalDropped, Is.Zero);
        network.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That(network.Dropped(DropReason.IPv4FragmentsMissing), Is.EqualTo(1));

        Receive(network, pieces[2]);
        Assert.That(network.Link.Sent, Is.Empty);
    }

    [Test]
    public void Datagrams_that_differ_in_identification_source_or_protocol_are_not_mixed()
    {
        Network network = Ready();
        byte[] other = Echo(2, 4000, fill: 9);
        byte[] elsewhere = Frames.IPv4(
            new IPv4Address(10, 0, 2, 78), Network.OwnAddress, 1, s_packet[20..], identification: 1);
        byte[] udp = Frames.IPv4(
            Network.NeighbourAddress, Network.OwnAddress, 17, s_packet[20..], identification: 1);
        byte[][][] all = [.. new[] { s_packet, other, elsewhere, udp }.Select(item => Frames.Fragments(item, 1480))];

        Receive(network, [.. all.Select(item => item[0])]);
        Receive(network, [.. all.Select(item => item[2])]);
        Receive(network, all[0][1], all[1][1]);

        Assert.That(
            network.SentPackets().Select(packet => packet[28..]), Is.EqualTo(new[] { s_packet[28..], other[28..] }));
    }

    [Test]
    public void More_datagrams_than_there_is_room_for_push_out_the_oldest()
    {
        Network network = Ready();
        byte[][][] all =
        [
            .. from identification in Enumerable.Range(1, Reassembly.Capacity + 1)
               select Frames.Fragments(Echo((ushort)identification, 2000), 1480),
        ];

        Receive(network, [.. all.Select(item => item[0])]);
        Assert.That(network.Dropped(DropReason.IPv4FragmentsTooMany), Is.EqualTo(1));
        Receive(network, [.. all[1..].Select(item => item[1])]);

        Assert.That(network.SentPackets(), Has.Length.EqualTo(Reassembly.Capacity));
    }

    [Test]
    public void Large_datagrams_share_a_bounded_memory()
    {
        Network network = Ready();
        byte[][][] all =
        [
            .. from identification in Enumerable.Range(1, 6)
               select Frames.Fragments(Echo((ushort)identification, 65000), 1480),
        ];

        Receive(network, [.. all.SelectMany(item => item[..^1])]);
        Receive(network, [.. all.Select(item => item[^1])]);

        Assert.That(network.SentPackets(), Has.Length.InRange(3, 4));
        Assert.That(network.Dropped(DropReason.IPv4FragmentsTooMany), Is.InRange(2, 3));
        Receive(network, Frames.Fragments(Echo(99, 65000), 1480));
        Assert.That(network.SentPackets(), Has.Length.InRange(4, 5), "the memory comes back");
    }

    [Test]
    public void Random_fragments_do_no_harm_and_the_next_datagram_is_complete()
    {
        Gen<(int Identification, int Offset, int Length, bool HasMore)> fragment =
            from identification in Gen.Choose(1, 20)
            from offset in Gen.Choose(0, 8191)
            from length in Gen.Choose(0, 1480)
            from hasMore in Gen.Choose(0, 3)
            select (identification, offset, hasMore == 0 ? length : length & ~7, hasMore != 0);
        Network network = Ready();
        Prop.ForAll(fragment.ArrayOf(300).ToArbitrary(), fragments =>
        {
            foreach ((int identification, int offset, int length, bool hasMore) in fragments)
            {
                network.ReceivePacket(Frames.IPv4(
                    Network.NeighbourAddress,
                    Network.OwnAddress,
                    1,
                    new byte[length],
                    fragment: (ushort)(offset | (hasMore ? 0x2000 : 0)),
                    identification: (ushort)identification));
            }

            network.Link.Sent.Clear();
            Receive(network, Frames.Fragments(Echo(1000, 65000), 1480));
            return network.SentPackets().Length == 1;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(50));
    }

    private static Network Ready()
    {
        Network network = Network.WithAddress();
        network.IntroduceNeighbour();
        return network;
    }

    private static byte[] Echo(ushort identification, int payload, byte fill = 5)
    {
        byte[] data = [.. Enumerable.Range(0, payload).Select(i => (byte)((i * fill) + (i >> 8)))];
        return Frames.IPv4(
            Network.NeighbourAddress,
            Network.OwnAddress,
            1,
            Frames.Icmp(8, 0, identification, 1, data),
            identification: identification);
    }

    private static void Receive(Network network, params byte[][] packets) =>
        Array.ForEach(packets, packet => network.ReceivePacket(packet));
}
