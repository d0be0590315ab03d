using System;
using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Hal;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Net.Tests;

/// <summary>
/// Whatever arrives, the stack neither throws nor sends anything that <see cref="FrameAuditor"/> objects to, and it
/// still works afterwards.
/// </summary>
public sealed class HostileFrameTests
{
    private static readonly byte[][] s_corpus = Corpus();

    [Test]
    public void Random_frames_do_no_harm()
    {
        Prop.ForAll<byte[], ushort>((data, choice) =>
        {
            ushort type = (choice % 3) switch { 0 => 0x0800, 1 => 0x0806, _ => choice };
            MacAddress destination = choice % 5 == 0 ? MacAddress.Broadcast : Network.OwnHardware;
            byte[] frame = [.. Frames.Bytes(destination), .. Frames.Bytes(Network.NeighbourHardware)];
            return SurvivesEverywhere([data, [.. frame, .. Frames.Big(type), .. data]]);
        }).Check(Properties.Many);
    }

    [Test]
    public void Mutated_frames_do_no_harm()
    {
        Prop.ForAll(Mutations().ToArbitrary(), SurvivesEverywhere).Check(Properties.Many.WithMaxTest(3000));
    }

    [Test]
    public void Every_prefix_of_every_frame_does_no_harm()
    {
        foreach (byte[] frame in s_corpus)
        {
            byte[][] prefixes = [.. Enumerable.Range(0, frame.Length).Select(length => frame[..length])];
            Assert.That(SurvivesEverywhere(prefixes), Is.True);
        }
    }

    [Test]
    public void Every_frame_with_any_byte_set_to_any_extreme_does_no_harm()
    {
        foreach (byte[] frame in s_corpus)
        {
            byte[][] changed =
            [
                .. from offset in Enumerable.Range(0, frame.Length)
                   from value in new byte[] { 0, 1, 0x7F, 0x80, 0xFF }
                   select Changed(frame, offset, value),
            ];
            Assert.That(SurvivesEverywhere(changed), Is.True);
        }
    }

    private static byte[] Changed(byte[] frame, int offset, byte value)
    {
        byte[] changed = (byte[])frame.Clone();
        changed[offset] = value;
        return WithChecksums(changed);
    }

    private static bool SurvivesEverywhere(byte[][] frames) =>
        Survives(new Network(), frames) && Survives(Network.WithRouter(), frames) && SurvivesDuringDhcp(frames);

    private static bool Survives(Network network, byte[][] frames)
    {
        foreach (byte[] frame in frames)
        {
            network.Receive(frame);
        }

        NetworkStatistics statistics = network.Stack.GetStatistics();
        bool isCounted = statistics.FramesReceived == frames.Length
            && statistics.BytesReceived == frames.Sum(frame => frame.Length);
        network.Stack.TrySetStatic(Network.OwnAddress, 24, Router.Address);
        network.Link.Peer = network.Router.OnFrame;
        PingResult result = network.Stack.Ping(Router.Address, 1, TimeSpan.FromSeconds(5), [1, 2, 3]);
        return isCounted && result.Status == PingStatus.Replied;
    }

    private static bool SurvivesDuringDhcp(byte[][] frames)
    {
        // A conforming server that answers late; the hostile frames come before its answers.
        Network network = Network.WithDhcpServer();
        network.Router.Delay = TimeSpan.FromSeconds(1);
        network.Clock.Schedule(TimeSpan.FromSeconds(0.5), () => Array.ForEach(frames, network.Receive));
        network.Clock.Schedule(TimeSpan.FromSeconds(1.5), () => Array.ForEach(frames, network.Receive));
        return network.Stack.Dhcp(TimeSpan.FromSeconds(10)).Status == DhcpStatus.Bound;
    }

    private static Gen<byte[][]> Mutations()
    {
        Gen<byte[]> mutation =
            from frame in Gen.Elements(s_corpus)
            from changes in Gen.Choose(0, frame.Length - 1).Zip(Gen.Choose(0, 255)).ArrayOf()
            from length in Gen.Choose(0, frame.Length + 8)
            from isCut in Gen.Choose(0, 3)
            from isRepaired in Gen.Choose(0, 3)
            select Mutated(frame, changes, isCut == 0 ? length : frame.Length, isRepaired > 0);
        return mutation.NonEmptyListOf().Select(frames => frames.ToArray());
    }

    private static byte[] Mutated(byte[] frame, (int Offset, int Value)[] changes, int length, bool isRepaired)
    {
        byte[] mutated = (byte[])frame.Clone();
        foreach ((int offset, int value) in changes.Take(8))
        {
            mutated[offset] = (byte)value;
        }

        Array.Resize(ref mutated, length);
        return isRepaired ? WithChecksums(mutated) : mutated;
    }

    /// <summary>Makes the checksums right where that is possible, so that a mutation gets past them.</summary>
    private static byte[] WithChecksums(byte[] frame)
    {
        if (frame.Length < 42 || Frames.WordAt(frame, 12) != 0x0800)
        {
            return frame;
        }

        int header = Math.Max((frame[14] & 0xF) * 4, 20);
        int end = Math.Min(14 + Frames.WordAt(frame, 16), frame.Length);
        int checksum = frame[23] == 1 ? 2 : 6;
        if (14 + header + 8 <= end)
        {
            Span<byte> payload = frame.AsSpan((14 + header)..end);
            payload.Slice(checksum, 2).Clear();
            byte[] summed = frame[23] == 1
                ? payload.ToArray()
                : Frames.WithPseudoHeader(Frames.AddressAt(frame, 26), Frames.AddressAt(frame, 30), payload);
            Frames.Big(Frames.Checksum(summed)).CopyTo(payload[checksum..]);
        }

        if (14 + header <= frame.Length)
        {
            frame.AsSpan(24, 2).Clear();
            Frames.Big(Frames.Checksum(frame.AsSpan(14, header))).CopyTo(frame, 24);
        }

        return frame;
    }

    /// <summary>One good frame of each kind.</summary>
    private static byte[][] Corpus()
    {
        byte[] payload = [1, 2, 3, 4, 5, 6, 7, 8];
        byte[] quoted = Frames.IPv4(
            Network.OwnAddress, Network.NeighbourAddress, 1, Frames.Icmp(8, 0, 1, 1, payload));
        byte[] dhcp = new byte[300];
        Frames.Hex("02010600").CopyTo(dhcp, 0);
        Frames.Bytes(Network.OwnHardware).CopyTo(dhcp, 28);
        Frames.Hex("63825363 350105 36040a000202 330400000e10 0104ffffff00 03040a000202 ff").CopyTo(dhcp, 236);
        return
        [
            Arp(1, Network.NeighbourAddress),
            Arp(2, Network.NeighbourAddress),
            Arp(2, Router.Address),
            Arp(1, Network.OwnAddress),
            Packet(1, Frames.Icmp(8, 0, 1, 1, payload)),
            Packet(1, Frames.Icmp(0, 0, 1, 1, payload)),
            Packet(1, Frames.Icmp(3, 1, 0, 0, quoted)),
            Packet(17, Frames.Udp(Network.NeighbourAddress, Network.OwnAddress, 9, 7000, payload)),
            Packet(17, Frames.Udp(Network.NeighbourAddress, Network.OwnAddress, 67, 68, dhcp)),
            .. Frames.Fragments(
                Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 1, Frames.Icmp(8, 0, 1, 1, new byte[40])),
                16).Select(
                    packet => Frames.Ethernet(Network.OwnHardware, Network.NeighbourHardware, 0x0800, packet)),
            Frames.Ethernet(
                Network.OwnHardware,
                Network.NeighbourHardware,
                0x8100,
                [0, 0, 8, 0, .. Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 1, new byte[20])]),
        ];
    }

    private static byte[] Arp(ushort operation, IPv4Address sender)
    {
        byte[] packet = Frames.Arp(
            operation, Network.NeighbourHardware, sender, Network.OwnHardware, Network.OwnAddress);
        return Frames.Ethernet(Network.OwnHardware, Network.NeighbourHardware, 0x0806, packet);
    }

    private static byte[] Packet(byte protocol, byte[] payload)
    {
        byte[] packet = Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, protocol, payload);
        return Frames.Ethernet(Network.OwnHardware, Network.NeighbourHardware, 0x0800, packet);
    }
}
