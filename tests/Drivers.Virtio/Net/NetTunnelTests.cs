using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Tests.Net;

/// <summary>
/// Feature bits from 64 on: segments in UDP tunnels, and the place of the network header (virtio 1.4, 5.1.9.2 and
/// 5.1.9.4).
/// </summary>
[TestFixture(0UL)]
[TestFixture(FeatureBit.RingPacked | FeatureBit.IndirectDescriptors | FeatureBit.EventIndex)]
internal sealed class NetTunnelTests(ulong ring)
{
    private const int InnerNetwork = NetFrames.InnerFrame + 14;

    private static readonly NetPacketHeader s_tcp4 = new(
        NetPacketHeader.NeedsChecksum,
        NetPacketHeader.Tcp4 | NetPacketHeader.TunnelOfIPv4,
        NetFrames.InnerFrame + NetFrames.IPv4TcpHeaders,
        1400,
        NetFrames.InnerFrame + 34,
        16,
        OuterTransport: NetFrames.OuterTransport,
        InnerNetwork: InnerNetwork);

    [TestCase(0UL, 0UL, 12)]
    [TestCase(NetFeature.HashReport, 0UL, 20)]
    [TestCase(0UL, NetFeature.HostUdpTunnel, 24)]
    [TestCase(NetFeature.HashReport, NetFeature.GuestUdpTunnel, 24)]
    [TestCase(0UL, NetFeature.OuterNetworkHeader, 32)]
    [TestCase(NetFeature.HashReport, NetFeature.AllHigh, 32)]
    public void The_header_is_as_long_as_the_features_say(ulong features, ulong high, int length)
    {
        using ModelBench<NetDevice> bench = Create(high, features | NetFeature.ControlQueue);
        VirtioNet net = bench.Start(NetUses.All);
        Assert.That(bench.Model.NegotiatedHeaderLength, Is.EqualTo(length));

        byte[] frame = NetFrames.Bytes(200, 1);
        Assert.That(net.TryTransmit(frame), Is.EqualTo(TransmitStatus.Ok));
        net.NotifyTransmit();
        Assert.That(bench.Model.SentFrames.Single(), Is.EqualTo(frame));
        Assert.That(bench.Deliver(frame), Is.True);
        var sink = new DescribedFrames();
        net.Receive(sink, 8);
        Assert.That(sink.Frames.Single().Frame, Is.EqualTo(frame));
    }

    [TestCase(SegmentKind.Tcp4, false, 9000)]
    [TestCase(SegmentKind.Tcp4, true, 9001)]
    [TestCase(SegmentKind.Tcp6, false, 40_000)]
    [TestCase(SegmentKind.Tcp6, true, 5000)]
    [TestCase(SegmentKind.Udp, true, 5000)]
    public void What_goes_through_a_tunnel_is_cut_by_the_device(SegmentKind kind, bool hasChecksum, int length)
    {
        using ModelBench<NetDevice> bench = Create(NetFeature.AllHigh);
        VirtioNet net = bench.Start(NetUses.All);
        Assert.That((net.CanTunnel(false), net.CanTunnel(true)), Is.EqualTo((true, true)));
        byte[] inner = kind switch
        {
            SegmentKind.Tcp4 => NetFrames.Tcp4(length),
            SegmentKind.Tcp6 => NetFrames.Tcp6(length),
            _ => NetFrames.Udp4(length),
        };
        byte[] frame = NetFrames.Tunnelled(inner, hasChecksum);
        TransmitOffload offload = Offload(kind, hasChecksum);

        Assert.That(net.TryTransmit(frame, offload), Is.EqualTo(TransmitStatus.Ok));
        net.NotifyTransmit();

        Assert.That(bench.Model.SentFrames, Has.Count.EqualTo((length + 999) / 1000));
        foreach (byte[] piece in bench.Model.SentFrames)
        {
            byte[] innerPiece = piece[NetFrames.InnerFrame..];
            Assert.That(NetFrames.IsIntact(innerPiece), Is.True, "the inner packet");
            Assert.That(piece[38] << 8 | piece[39], Is.EqualTo(piece.Length - 34), "the length of the outer datagram");
            Assert.That((piece[40] | piece[41]) != 0, Is.EqualTo(hasChecksum));
            Assert.That(!hasChecksum || NetFrames.IsIntact(piece), Is.True, "the outer packet");
        }

        byte[] data = [.. bench.Model.SentFrames.SelectMany(piece => piece.Skip(offload.HeaderLength))];
        Assert.That(data, Is.EqualTo(frame[offload.HeaderLength..]));
    }

    [Test]
    public void The_header_tells_of_no_tunnel_in_the_next_frame_of_a_buffer()
    {
        using ModelBench<NetDevice> bench = Create(NetFeature.AllHigh);
        bench.SetQueueSize(2);
        VirtioNet net = bench.Start(NetUses.All);
        byte[] frame = NetFrames.Tunnelled(NetFrames.Tcp4(500), hasChecksum: false);
        for (int i = 0; i < 4; i++)
        {
            Assert.That(net.TryTransmit(frame, Offload(SegmentKind.Tcp4, false, 14)), Is.EqualTo(TransmitStatus.Ok));
            net.NotifyTransmit();
            Assert.That(net.TryTransmit(frame), Is.EqualTo(TransmitStatus.Ok));
            net.NotifyTransmit();
            Assert.That(bench.Model.SentPackets[^2].Header.OuterTransport, Is.EqualTo(NetFrames.OuterTransport));
            Assert.That(bench.Model.SentPackets[^2].Header.OuterNetwork, Is.EqualTo(14));
            Assert.That(bench.Model.SentPackets[^1].Header, Is.EqualTo(default(NetPacketHeader)));
        }
    }

    [TestCase(NetFeature.HostUdpTunnel, false, true)]
    [TestCase(NetFeature.HostUdpTunnel, true, false)]
    [TestCase(NetFeature.HostUdpTunnel | NetFeature.HostUdpTunnelChecksum, true, true)]
    [TestCase(NetFeature.GuestUdpTunnel, false, false)]
    [TestCase(0UL, false, false)]
    public void A_tunnel_is_asked_for_where_it_was_negotiated(ulong high, bool hasChecksum, bool isAllowed)
    {
        using ModelBench<NetDevice> bench = Create(high);
        VirtioNet net = bench.Start(NetUses.All);
        byte[] frame = NetFrames.Tunnelled(NetFrames.Tcp4(5000), hasChecksum);
        Assert.That(net.CanTunnel(hasChecksum), Is.EqualTo(isAllowed));
        Assert.That(
            net.TryTransmit(frame, Offload(SegmentKind.Tcp4, hasChecksum)),
            Is.EqualTo(isAllowed ? TransmitStatus.Ok : TransmitStatus.BadOffload));
    }

    [TestCase(SegmentKind.Tcp6, 34, InnerNetwork, false, TestName = "A tunnel of the other kind")]
    [TestCase(SegmentKind.None, 34, InnerNetwork, false, TestName = "A tunnel of nothing that is cut")]
    [TestCase(SegmentKind.Tcp4, 34, InnerNetwork, true, TestName = "A tunnel of IPv6 for TCP over IPv4")]
    [TestCase(SegmentKind.Tcp4, 14, InnerNetwork, false, TestName = "A tunnel without an outer network header")]
    [TestCase(SegmentKind.Tcp4, 34, 41, false, TestName = "A tunnel that begins in its UDP header")]
    [TestCase(SegmentKind.Tcp4, 34, InnerNetwork + 1, false, TestName = "A tunnel behind the inner network header")]
    public void A_tunnel_that_makes_no_sense_is_not_asked_for(SegmentKind kind, int outer, int inner, bool isIPv6)
    {
        using ModelBench<NetDevice> bench = Create(NetFeature.AllHigh);
        VirtioNet net = bench.Start(NetUses.All);
        var offload = new TransmitOffload(
            NetFrames.InnerFrame + 34,
            16,
            kind,
            NetFrames.InnerFrame + NetFrames.IPv4TcpHeaders,
            1000,
            tunnel: new UdpTunnel((ushort)outer, (ushort)inner, isIPv6));
        byte[] frame = NetFrames.Tunnelled(NetFrames.Tcp4(500), hasChecksum: false);
        frame.AsSpan(20, 2).Clear();
        Assert.That(net.TryTransmit(frame, offload), Is.EqualTo(TransmitStatus.BadOffload));
    }

    [Test]
    public void An_outer_checksum_that_the_device_does_not_make_is_refused()
    {
        using ModelBench<NetDevice> bench = Create(NetFeature.AllHigh);
        VirtioNet net = bench.Start(NetUses.All);
        byte[] frame = NetFrames.Tunnelled(NetFrames.Tcp4(5000), hasChecksum: true);
        Assert.That(
            net.TryTransmit(frame, Offload(SegmentKind.Tcp4, false)), Is.EqualTo(TransmitStatus.BadOffload));
    }

    [TestCase(14, TransmitStatus.Ok)]
    [TestCase(13, TransmitStatus.BadOffload)]
    [TestCase(199, TransmitStatus.Ok)]
    [TestCase(200, TransmitStatus.BadOffload)]
    public void The_network_header_may_be_pointed_at_without_anything_else(int offset, TransmitStatus status)
    {
        using ModelBench<NetDevice> bench = Create(NetFeature.OuterNetworkHeader);
        VirtioNet net = bench.Start(NetUses.OuterNetworkHeaders);
        Assert.That(net.TakesOuterNetworkHeader, Is.True);
        var offload = new TransmitOffload(0, 0, outerNetwork: (ushort)offset);
        Assert.That(net.TryTransmit(new byte[200], offload), Is.EqualTo(status));
        net.NotifyTransmit();
        ushort[] told = [.. bench.Model.SentPackets.Select(packet => packet.Header.OuterNetwork)];
        Assert.That(told, Is.EqualTo(status == TransmitStatus.Ok ? new[] { (ushort)offset } : []));
    }

    [TestCase(0UL)]
    [TestCase(NetFeature.HostUdpTunnel)]
    public void The_network_header_is_not_pointed_at_where_nobody_asked(ulong high)
    {
        using ModelBench<NetDevice> bench = Create(high);
        VirtioNet net = bench.Start(NetUses.All);
        Assert.That(net.TakesOuterNetworkHeader, Is.False);
        var offload = new TransmitOffload(0, 0, outerNetwork: 14);
        Assert.That(net.TryTransmit(new byte[200], offload), Is.EqualTo(TransmitStatus.BadOffload));
    }

    [TestCase(0UL, false)]
    [TestCase(NetFeature.MergeableBuffers, true)]
    public void What_came_through_a_tunnel_is_described(ulong mergeable, bool hasChecksum)
    {
        using ModelBench<NetDevice> bench = Create(NetFeature.AllHigh, mergeable);
        VirtioNet net = bench.Start(NetUses.All);
        byte[] frame = NetFrames.Tunnelled(NetFrames.Tcp4(9000), hasChecksum);
        NetPacketHeader header = s_tcp4 with { OuterNetwork = 14 };
        header = hasChecksum ? header with { Flags = (byte)(header.Flags | NetPacketHeader.TunnelChecksum) } : header;
        bench.Model.Receive(new NetPacket(frame, header));
        bench.Model.Run();
        var sink = new DescribedFrames();
        net.Receive(sink, 64);

        (byte[] received, FrameInfo info) = sink.Frames.Single();
        Assert.That(received, Is.EqualTo(frame));
        Assert.That((info.Segments, info.SegmentSize), Is.EqualTo((SegmentKind.Tcp4, (ushort)1400)));
        Assert.That(info.Tunnel.OuterTransport, Is.EqualTo(NetFrames.OuterTransport));
        Assert.That(info.Tunnel.InnerNetwork, Is.EqualTo(InnerNetwork));
        Assert.That((info.Tunnel.IsInnerIPv6, info.Tunnel.HasChecksum), Is.EqualTo((false, hasChecksum)));
        Assert.That(info.OuterNetwork, Is.EqualTo(14));
    }

    [Test]
    public void What_a_device_says_of_a_tunnel_is_dropped_where_it_cannot_be_so()
    {
        const byte Both = NetPacketHeader.Tcp4 | NetPacketHeader.TunnelOfIPv4 | NetPacketHeader.TunnelOfIPv6;
        NetPacketHeader[] lies =
        [
            s_tcp4 with { SegmentType = Both },
            s_tcp4 with { SegmentType = NetPacketHeader.TunnelOfIPv4, SegmentSize = 0 },
            s_tcp4 with { SegmentType = NetPacketHeader.Tcp6 | NetPacketHeader.TunnelOfIPv4 },
            s_tcp4 with { SegmentType = NetPacketHeader.Tcp4 | NetPacketHeader.TunnelOfIPv6 },
            s_tcp4 with { Flags = NetPacketHeader.DataValid },
            s_tcp4 with { OuterTransport = 14 },
            s_tcp4 with { OuterTransport = InnerNetwork },
            s_tcp4 with { InnerNetwork = NetFrames.InnerFrame + 34 },
            s_tcp4 with { InnerNetwork = ushort.MaxValue },
            s_tcp4 with { OuterNetwork = 13 },
            s_tcp4 with { OuterNetwork = 1000 },
        ];
        using ModelBench<NetDevice> bench = Create(NetFeature.AllHigh);
        VirtioNet net = bench.Start(NetUses.All);
        var sink = new DescribedFrames();
        byte[] frame = NetFrames.Tunnelled(NetFrames.Tcp4(800), hasChecksum: false);
        foreach (NetPacketHeader header in lies)
        {
            long before = net.Count("bad headers");
            bench.Model.Receive(new NetPacket(frame, header));
            bench.Model.Run();
            net.Receive(sink, 8);
            Assert.That(net.Count("bad headers"), Is.EqualTo(before + 1), header.ToString());
        }

        bench.Model.Receive(new NetPacket(frame, s_tcp4));
        bench.Model.Run();
        net.Receive(sink, 8);
        Assert.That(sink.Frames, Has.Count.EqualTo(1));
    }

    [TestCase(NetFeature.HostUdpTunnel, false)]
    [TestCase(NetFeature.GuestUdpTunnel, true)]
    public void What_was_not_negotiated_is_not_taken_from_a_device(ulong high, bool hasChecksum)
    {
        using ModelBench<NetDevice> bench = Create(high);
        VirtioNet net = bench.Start(NetUses.All);
        NetPacketHeader header = hasChecksum
            ? s_tcp4 with { Flags = NetPacketHeader.NeedsChecksum | NetPacketHeader.TunnelChecksum }
            : s_tcp4;
        bench.Model.Receive(new NetPacket(NetFrames.Tunnelled(NetFrames.Tcp4(800), hasChecksum), header));
        bench.Model.Run();
        net.Receive(new DescribedFrames(), 8);
        Assert.That(net.Count("bad headers"), Is.EqualTo(1));
    }

    [TestCase(NetFeature.HostTso4, NetFeature.HostUdpTunnel | NetFeature.HostUdpTunnelChecksum)]
    [TestCase(NetFeature.HostTso6, NetFeature.HostUdpTunnel | NetFeature.HostUdpTunnelChecksum)]
    [TestCase(NetFeature.HostUso, NetFeature.HostUdpTunnel | NetFeature.HostUdpTunnelChecksum)]
    [TestCase(NetFeature.Checksum, NetFeature.HostUdpTunnel | NetFeature.HostUdpTunnelChecksum)]
    [TestCase(NetFeature.GuestTso4, NetFeature.GuestUdpTunnel | NetFeature.GuestUdpTunnelChecksum)]
    [TestCase(NetFeature.GuestTso6, NetFeature.GuestUdpTunnel | NetFeature.GuestUdpTunnelChecksum)]
    [TestCase(NetFeature.GuestUso4, NetFeature.GuestUdpTunnel | NetFeature.GuestUdpTunnelChecksum)]
    [TestCase(NetFeature.GuestUso6, NetFeature.GuestUdpTunnel | NetFeature.GuestUdpTunnelChecksum)]
    public void Without_what_it_needs_a_tunnel_is_not_accepted(ulong missing, ulong refused)
    {
        using ModelBench<NetDevice> bench = Create(NetFeature.AllHigh);
        bench.Model.OfferedFeatures &= ~missing;
        VirtioNet net = bench.Start(NetUses.All);
        Assert.That(bench.Model.DriverHighFeatures, Is.EqualTo(NetFeature.AllHigh & ~refused));
        Assert.That((ulong)net.HighFeatures, Is.EqualTo(NetFeature.AllHigh & ~refused));
        string[] names = net.Describe().FeatureReport.NamesOf(FeatureFate.NeedsAnother);
        Assert.That(names, Has.Exactly(2).Contains("UDP_TUNNEL_GSO"));
    }

    [Test]
    public void Names_of_features_from_64_on_are_told()
    {
        using ModelBench<NetDevice> bench = Create(NetFeature.OuterNetworkHeader);
        DeviceDescription description = bench.Start(NetUses.All).Describe();
        Assert.That(description.Features, Does.Contain("OUT_NET_HEADER"));
        Assert.That(description.FeatureReport.NamesOf(FeatureFate.Accepted), Does.Contain("OUT_NET_HEADER"));
        Assert.That(
            description.FeatureReport.NamesOf(FeatureFate.NotOffered), Does.Contain("HOST_UDP_TUNNEL_GSO_CSUM"));
    }

    [Test]
    public void Words_that_a_device_shows_again_are_no_features_of_bits_from_64_on()
    {
        using ModelBench<NetDevice> bench = Create(0);
        bench.Model.RepeatsFeatureWords = true;
        VirtioNet net = bench.Start(NetUses.All);
        Assert.That(net.HighFeatures, Is.EqualTo(HighFeatures.None));
        Assert.That(bench.Model.Findings, Is.Empty);
    }

    [Test]
    public void Whoever_has_no_use_for_them_reads_two_words_of_features()
    {
        using ModelBench<NetDevice> bench = Create(NetFeature.AllHigh);
        VirtioNet net = bench.Start(NetUses.SendTcpSegments | NetUses.SendPartialChecksums);
        Assert.That(bench.Model.HighFeatureReads, Is.Zero);
        Assert.That(bench.Model.DriverHighFeatures, Is.Zero);
        Assert.That(net.CanTunnel(hasChecksum: false), Is.False);
    }

    [Test]
    public void After_a_reset_the_features_are_negotiated_again()
    {
        using ModelBench<NetDevice> bench = Create(NetFeature.AllHigh);
        VirtioNet net = bench.Start(NetUses.All);
        net.Stop();
        Assert.That(bench.Model.DriverHighFeatures, Is.Zero);
        bench.Model.OfferedHighFeatures = NetFeature.OuterNetworkHeader;
        Assert.That(net.TryStart(out _), Is.True);
        Assert.That((ulong)net.HighFeatures, Is.EqualTo(NetFeature.OuterNetworkHeader));
        Assert.That(bench.Model.NegotiatedHeaderLength, Is.EqualTo(32));
    }

    private ModelBench<NetDevice> Create(ulong high, ulong features = 0)
    {
        ModelBench<NetDevice> bench = NetBench.CreateFull(
            ring | NetFeature.HostOffloads | (NetFeature.GuestOffloads & ~NetFeature.MergeableBuffers) | features);
        bench.Model.OfferedHighFeatures = high;
        return bench;
    }

    private static TransmitOffload Offload(SegmentKind kind, bool hasChecksum, ushort outerNetwork = 0)
    {
        (int start, int offset, int headers) = kind switch
        {
            SegmentKind.Tcp6 => (54, 16, NetFrames.IPv6TcpHeaders),
            SegmentKind.Udp => (34, 6, NetFrames.IPv4UdpHeaders),
            _ => (34, 16, NetFrames.IPv4TcpHeaders),
        };
        return new TransmitOffload(
            (ushort)(NetFrames.InnerFrame + start),
            (ushort)offset,
            kind,
            (ushort)(NetFrames.InnerFrame + headers),
            1000,
            tunnel: new UdpTunnel(
                NetFrames.OuterTransport, InnerNetwork, kind == SegmentKind.Tcp6, hasChecksum),
            outerNetwork: outerNetwork);
    }
}
