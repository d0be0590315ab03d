using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Net;

/// <summary>What the driver leaves to the device, on split and packed rings (virtio 1.4, 5.1.9.2).</summary>
[TestFixture(0UL)]
[TestFixture(FeatureBit.RingPacked | FeatureBit.IndirectDescriptors | FeatureBit.EventIndex)]
internal sealed class NetOffloadTests(ulong ring)
{
    private const NetUses Sending = NetUses.SendPartialChecksums | NetUses.SendTcpSegments | NetUses.SendUdpSegments;

    [Test]
    public void A_checksum_is_completed_by_the_device([Values] bool isTcp)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.HostOffloads);
        VirtioNet net = bench.Start(Sending);
        byte[] frame = isTcp ? NetFrames.Tcp4(101) : NetFrames.Udp4(100);
        var offload = new TransmitOffload(34, isTcp ? (ushort)16 : (ushort)6);
        Assert.That(NetFrames.IsIntact(frame), Is.False);

        Assert.That(net.TryTransmit(frame, offload), Is.EqualTo(TransmitStatus.Ok));
        net.NotifyTransmit();

        NetPacket packet = bench.Model.SentPackets.Single();
        Assert.That(packet.Frame, Is.EqualTo(frame));
        Assert.That(packet.Header.Flags, Is.EqualTo(NetPacketHeader.NeedsChecksum));
        Assert.That(NetFrames.IsIntact(bench.Model.SentFrames.Single()), Is.True);
    }

    [TestCase(SegmentKind.Tcp4, 3000, 1000)]
    [TestCase(SegmentKind.Tcp4, 3001, 1000)]
    [TestCase(SegmentKind.Tcp4, 60_000, 1448)]
    [TestCase(SegmentKind.Tcp6, 40_000, 1428)]
    [TestCase(SegmentKind.Udp, 5000, 1400)]
    public void A_large_frame_is_cut_by_the_device(SegmentKind kind, int length, int size)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.HostOffloads);
        VirtioNet net = bench.Start(Sending);
        Assert.That(net.CanCut(kind), Is.True);
        byte[] frame = Large(kind, length, (ushort)size, out TransmitOffload offload);

        Assert.That(net.TryTransmit(frame, offload), Is.EqualTo(TransmitStatus.Ok));
        net.NotifyTransmit();

        Assert.That(bench.Model.SentFrames, Has.Count.EqualTo((length + size - 1) / size));
        Assert.That(bench.Model.SentFrames.All(each => NetFrames.IsIntact(each)), Is.True);
        byte[] data = [.. bench.Model.SentFrames.SelectMany(each => each.Skip(offload.HeaderLength))];
        Assert.That(data, Is.EqualTo(frame[offload.HeaderLength..]));
    }

    [Test]
    public void The_header_is_empty_again_in_the_next_frame_of_a_buffer()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.HostOffloads);
        bench.SetQueueSize(2);
        VirtioNet net = bench.Start(Sending);
        for (int i = 0; i < 4; i++)
        {
            Assert.That(
                net.TryTransmit(NetFrames.Tcp4(50), new TransmitOffload(34, 16)), Is.EqualTo(TransmitStatus.Ok));
            net.NotifyTransmit();
            Assert.That(net.TryTransmit(NetFrames.Tcp4(50)), Is.EqualTo(TransmitStatus.Ok));
            net.NotifyTransmit();
            Assert.That(bench.Model.SentPackets[^1].Header, Is.EqualTo(default(NetPacketHeader)));
            Assert.That(bench.Model.SentPackets[^2].Header.Flags, Is.EqualTo(1));
        }
    }

    [Test]
    public void The_header_is_empty_in_a_usual_frame_that_follows_in_a_buffer_that_is_free()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.HostOffloads);
        VirtioNet net = bench.Start(Sending);
        Assert.That(net.TryTransmit(NetFrames.Tcp4(50), new TransmitOffload(34, 16)), Is.EqualTo(TransmitStatus.Ok));
        net.NotifyTransmit();
        Assert.That(net.ReclaimTransmitted(), Is.EqualTo(1));
        Assert.That(net.TryTransmit(NetFrames.Tcp4(50)), Is.EqualTo(TransmitStatus.Ok));
        net.NotifyTransmit();
        Assert.That(bench.Model.SentPackets[0].Header.Flags, Is.EqualTo(1));
        Assert.That(bench.Model.SentPackets[1].Header, Is.EqualTo(default(NetPacketHeader)));
    }

    [Test]
    public void Large_frames_wait_for_buffers_of_their_own()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.HostOffloads);
        bench.SetQueueSize(8);
        var held = new HeldBackCompletion();
        bench.Model.Queues[NetDevice.TransmitQueue].Policy = held;
        VirtioNet net = bench.Start(Sending);
        byte[] frame = Large(SegmentKind.Tcp4, 9000, 1448, out TransmitOffload offload);
        for (int i = 0; i < 4; i++)
        {
            Assert.That(net.TryTransmit(frame, offload), Is.EqualTo(TransmitStatus.Ok));
        }

        Assert.That(net.TryTransmit(frame, offload), Is.EqualTo(TransmitStatus.Full));
        Assert.That(net.TryTransmit(NetFrames.Tcp4(50)), Is.EqualTo(TransmitStatus.Ok), "there is room for small ones");
        bench.Complete(held, 0);
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 1" }));
        Assert.That(net.TryTransmit(frame, offload), Is.EqualTo(TransmitStatus.Ok));
    }

    [Test]
    public void A_ring_with_room_for_one_buffer_has_none_for_large_frames()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.HostOffloads);
        bench.SetQueueSize(1);
        VirtioNet net = bench.Start(Sending);
        byte[] frame = Large(SegmentKind.Tcp4, 9000, 1448, out TransmitOffload offload);

        Assert.That(net.CanCut(SegmentKind.Tcp4), Is.False);
        Assert.That(net.TryTransmit(frame, offload), Is.EqualTo(TransmitStatus.BadLength));
        Assert.That(net.TryTransmit(NetFrames.Tcp4(50), new TransmitOffload(34, 16)), Is.EqualTo(TransmitStatus.Ok));
    }

    [TestCase(NetFeature.HostOffloads & ~NetFeature.HostTso4, SegmentKind.Tcp4, false)]
    [TestCase(NetFeature.HostOffloads & ~NetFeature.HostTso6, SegmentKind.Tcp6, false)]
    [TestCase(NetFeature.HostOffloads & ~NetFeature.HostUso, SegmentKind.Udp, false)]
    [TestCase(NetFeature.HostOffloads & ~NetFeature.HostEcn, SegmentKind.Tcp4, true)]
    [TestCase(NetFeature.HostOffloads & ~NetFeature.Checksum, SegmentKind.None, false)]
    public void What_was_not_negotiated_is_not_asked_for(ulong features, SegmentKind kind, bool hasEcn)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | features);
        VirtioNet net = bench.Start(Sending);
        Large(kind, 1000, 500, out TransmitOffload cut);
        var offload = new TransmitOffload(
            cut.ChecksumStart, cut.ChecksumOffset, kind, cut.HeaderLength, cut.SegmentSize, hasEcn);
        byte[] frame = Large(kind, 1000, 500, out _);

        Assert.That(net.TryTransmit(frame, offload), Is.EqualTo(TransmitStatus.BadOffload));
        Assert.That(net.Count("frames sent"), Is.Zero);
    }

    [TestCase(13, 16, SegmentKind.None, 0, 0)]
    [TestCase(34, 99, SegmentKind.None, 0, 0)]
    [TestCase(34, 16, SegmentKind.Tcp4, 54, 0)]
    [TestCase(34, 16, SegmentKind.Tcp4, 34, 100)]
    [TestCase(34, 16, SegmentKind.Tcp4, 135, 100)]
    public void What_makes_no_sense_is_not_asked_for(int start, int offset, SegmentKind kind, int headers, int size)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.HostOffloads);
        VirtioNet net = bench.Start(Sending);
        var offload = new TransmitOffload((ushort)start, (ushort)offset, kind, (ushort)headers, (ushort)size);

        Assert.That(net.TryTransmit(new byte[134], offload), Is.EqualTo(TransmitStatus.BadOffload));
        Assert.That(net.TryTransmit(new byte[134], new TransmitOffload(34, 98)), Is.EqualTo(TransmitStatus.Ok));
    }

    [Test]
    public void A_frame_that_is_not_cut_is_no_longer_than_the_MTU_allows()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.HostOffloads);
        VirtioNet net = bench.Start(Sending);
        Assert.That(net.TryTransmit(new byte[1515], new TransmitOffload(34, 16)), Is.EqualTo(TransmitStatus.BadLength));
        var cut = new TransmitOffload(34, 16, SegmentKind.Tcp4, 54, 1000);
        Assert.That(net.TryTransmit(new byte[net.LongestTransmit + 1], cut), Is.EqualTo(TransmitStatus.BadLength));
        Assert.That(net.TryTransmit(new byte[13], cut), Is.EqualTo(TransmitStatus.BadLength));
    }

    [Test]
    public void An_owner_that_has_no_use_for_offloads_gets_none()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.All, queuePairs: 4);
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(
            bench.Model.DriverFeatures & NetFeature.All, Is.EqualTo(
                NetFeature.Mac | NetFeature.Mtu | NetFeature.Status | NetFeature.SpeedDuplex));
        Assert.That(
            net.TryTransmit(NetFrames.Tcp4(50), new TransmitOffload(34, 16)), Is.EqualTo(TransmitStatus.BadOffload));
        Assert.That((net.Speed, net.IsFullDuplex), Is.EqualTo((10_000u, true)));
    }

    [Test]
    public void A_stopped_card_completes_nothing()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.HostOffloads);
        VirtioNet net = bench.Start(Sending);
        net.Stop();
        Assert.That(
            net.TryTransmit(NetFrames.Tcp4(50), new TransmitOffload(34, 16)), Is.EqualTo(TransmitStatus.NotRunning));
    }

    private static byte[] Large(SegmentKind kind, int length, ushort size, out TransmitOffload offload)
    {
        offload = kind switch
        {
            SegmentKind.Tcp6 => new TransmitOffload(54, 16, kind, NetFrames.IPv6TcpHeaders, size),
            SegmentKind.Udp => new TransmitOffload(34, 6, kind, NetFrames.IPv4UdpHeaders, size),
            _ => new TransmitOffload(34, 16, kind, NetFrames.IPv4TcpHeaders, size),
        };
        return kind switch
        {
            SegmentKind.Tcp6 => NetFrames.Tcp6(length),
            SegmentKind.Udp => NetFrames.Udp4(length),
            _ => NetFrames.Tcp4(length),
        };
    }
}
