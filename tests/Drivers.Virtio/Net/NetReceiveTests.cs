using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Reports;

namespace VirtioGuest.Drivers.Virtio.Tests.Net;

/// <summary>
/// The three kinds of receive buffers, and what devices say of frames (virtio 1.4, 5.1.9.3, 5.1.9.4).
/// </summary>
[TestFixture(0UL)]
[TestFixture(FeatureBit.RingPacked | FeatureBit.IndirectDescriptors | FeatureBit.EventIndex)]
internal sealed class NetReceiveTests(ulong ring)
{
    private const NetUses Receiving = NetUses.ReceivePartialChecksums | NetUses.ReceiveTcpSegments
        | NetUses.ReceiveUdpSegments | NetUses.MergeableBuffers;

    private static readonly NetPacketHeader s_tcp4 = new(
        NetPacketHeader.NeedsChecksum, NetPacketHeader.Tcp4, NetFrames.IPv4TcpHeaders, 1448, 34, 16);

    [TestCase(NetFeature.GuestChecksum, 1536u, 64)]
    [TestCase(NetFeature.GuestChecksum | NetFeature.MergeableBuffers, 1536u, 64)]
    [TestCase(NetFeature.GuestChecksum | NetFeature.GuestTso4, 65_664u, 15)]
    [TestCase(NetFeature.GuestOffloads, 4096u, 64)]
    public void Buffers_are_as_large_as_the_mode_wants(ulong features, uint length, int count)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | features);
        bench.Start(Receiving);
        DeviceQueue queue = bench.Model.Queues[NetDevice.ReceiveQueue].Ring!;
        List<DeviceChain> chains = [];
        while (queue.TryPop() is DeviceChain chain)
        {
            chains.Add(chain);
        }

        Assert.That(chains.Select(chain => chain.WritableLength), Is.All.EqualTo(length));
        Assert.That(chains, Has.Count.EqualTo(count));
    }

    [TestCase(0UL)]
    [TestCase(NetFeature.MergeableBuffers)]
    public void Large_frames_arrive_whole(ulong mergeable)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(
            ring | NetFeature.GuestChecksum | NetFeature.GuestTso4 | mergeable);
        VirtioNet net = bench.Start(Receiving);
        Assert.That(net.LongestReceive, Is.AtLeast(65_589));
        var sink = new DescribedFrames();
        foreach (int length in new[] { 10, 1500, 4029, 4030, 4031, 9000, 65_535 })
        {
            byte[] frame = NetFrames.Tcp4(length);
            bench.Model.Receive(new NetPacket(frame, s_tcp4));
            bench.Model.Run();
            Assert.That(net.Receive(sink, 64), Is.AtLeast(1));
            Assert.That(sink.Frames[^1].Frame, Is.EqualTo(frame));
            FrameInfo info = sink.Frames[^1].Info;
            Assert.That((info.Checksum, info.Segments), Is.EqualTo((ChecksumState.Partial, SegmentKind.Tcp4)));
            Assert.That(info.SegmentSize, Is.EqualTo(1448));
            Assert.That(info.IsPrivate, Is.EqualTo(mergeable != 0 && frame.Length + 12 > 4096));
        }

        Assert.That(net.Count("bad headers"), Is.Zero);
        Assert.That(net.Count("frames received"), Is.EqualTo(7));
    }

    [Test]
    public void A_frame_in_several_buffers_may_be_taken_in_portions()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.GuestOffloads);
        VirtioNet net = bench.Start(Receiving);
        byte[] frame = NetFrames.Tcp4(20_000);
        bench.Model.Receive(new NetPacket(frame, s_tcp4));
        bench.Model.Run();
        var sink = new DescribedFrames();
        for (int i = 0; i < 4; i++)
        {
            Assert.That(net.Receive(sink, 1), Is.EqualTo(1));
            Assert.That(sink.Frames, Is.Empty);
        }

        Assert.That(net.Receive(sink, 1), Is.EqualTo(1));
        Assert.That(sink.Frames.Single().Frame, Is.EqualTo(frame));
    }

    [TestCase(0, ChecksumState.Unknown)]
    [TestCase(2, ChecksumState.Valid)]
    [TestCase(1, ChecksumState.Partial)]
    [TestCase(3, ChecksumState.Partial)]
    [TestCase(0xF8, ChecksumState.Unknown)]
    public void The_owner_hears_what_is_known_of_a_checksum(int flags, ChecksumState expected)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.GuestChecksum);
        VirtioNet net = bench.Start(Receiving);
        var sink = new DescribedFrames();
        bench.Model.Receive(new NetPacket(
            NetFrames.Tcp4(100), new NetPacketHeader((byte)flags, ChecksumStart: 34, ChecksumOffset: 16)));
        bench.Model.Run();
        net.Receive(sink, 8);
        Assert.That(sink.Frames.Single().Info.Checksum, Is.EqualTo(expected));
    }

    [Test]
    public void Without_GUEST_CSUM_the_header_says_nothing()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.MergeableBuffers);
        VirtioNet net = bench.Start(Receiving);
        var sink = new DescribedFrames();
        bench.Model.Receive(new NetPacket(NetFrames.Tcp4(100), s_tcp4));
        bench.Model.Run();
        net.Receive(sink, 8);
        Assert.That(sink.Frames.Single().Info.Checksum, Is.EqualTo(ChecksumState.Unknown));
        Assert.That(sink.Frames.Single().Info.SegmentSize, Is.Zero);
    }

    // A frame has 154 bytes.
    [TestCase(1, 0, 0, 0, 13, 16)]
    [TestCase(1, 0, 0, 0, 34, 119)]
    [TestCase(1, 0, 0, 0, 0xFFFF, 0xFFFF)]
    [TestCase(1, 2, 54, 100, 34, 16)]
    [TestCase(1, 3, 54, 100, 34, 16)]
    [TestCase(1, 0x21, 54, 100, 34, 16)]
    [TestCase(1, 0x60, 54, 100, 34, 16)]
    [TestCase(1, 1, 54, 0, 34, 16)]
    [TestCase(1, 1, 155, 100, 34, 16)]
    [TestCase(0, 1, 54, 100, 0, 0)]
    public void A_header_that_cannot_be_right_costs_its_frame_and_nothing_else(
        int flags, int type, int headers, int size, int start, int offset)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.GuestOffloads);
        VirtioNet net = bench.Start(Receiving);
        var sink = new DescribedFrames();
        var header = new NetPacketHeader(
            (byte)flags, (byte)type, (ushort)headers, (ushort)size, (ushort)start, (ushort)offset);
        byte[] good = NetFrames.Tcp4(100, seed: 2);
        bench.Model.Receive(new NetPacket(NetFrames.Tcp4(100), header));
        bench.Model.Receive(new NetPacket(good, s_tcp4));
        bench.Model.Run();

        Assert.That(net.Receive(sink, 8), Is.EqualTo(2));
        Assert.That(sink.Frames.Single().Frame, Is.EqualTo(good));
        Assert.That(net.Count("bad headers"), Is.EqualTo(1));
        Assert.That(net.State, Is.EqualTo(DeviceState.Running));
    }

    [TestCase(1, 0, 0, 0, 34, 118)]
    [TestCase(1, 1, 154, 1, 34, 16)]
    [TestCase(1, 0x81, 54, 100, 34, 16)]
    [TestCase(0, 0x80, 0, 0, 0, 0)]
    [TestCase(1, 4, 54, 100, 34, 16)]
    [TestCase(1, 5, 42, 100, 34, 6)]
    [TestCase(2, 1, 54, 100, 0xFFFF, 0xFFFF)]
    [TestCase(0, 0, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF)]
    public void A_header_that_can_be_right_is_believed(
        int flags, int type, int headers, int size, int start, int offset)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.GuestOffloads);
        VirtioNet net = bench.Start(Receiving);
        var sink = new DescribedFrames();
        bench.Model.Receive(new NetPacket(NetFrames.Tcp4(100), new NetPacketHeader(
            (byte)flags, (byte)type, (ushort)headers, (ushort)size, (ushort)start, (ushort)offset)));
        bench.Model.Run();
        net.Receive(sink, 8);
        Assert.That(sink.Frames, Has.Count.EqualTo(1));
    }

    [TestCase(NetFeature.GuestTso4, 4)]
    [TestCase(NetFeature.GuestTso6, 1)]
    [TestCase(NetFeature.GuestTso4 | NetFeature.GuestTso6, 5)]
    [TestCase(NetFeature.GuestUso4, 1)]
    public void Segments_that_were_not_negotiated_are_dropped(ulong features, int type)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(
            ring | NetFeature.GuestChecksum | NetFeature.MergeableBuffers | features);
        VirtioNet net = bench.Start(Receiving);
        var sink = new DescribedFrames();
        bench.Model.Receive(new NetPacket(NetFrames.Tcp4(100), s_tcp4 with { SegmentType = (byte)type }));
        bench.Model.Run();
        net.Receive(sink, 8);
        Assert.That(sink.Frames, Is.Empty);
        Assert.That(net.Count("bad headers"), Is.EqualTo(1));
    }

    [TestCase(0)]
    [TestCase(65)]
    [TestCase(0xFFFF)]
    public void A_number_of_buffers_that_cannot_be_costs_its_frame_and_nothing_else(int count)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.GuestOffloads);
        VirtioNet net = bench.Start(Receiving);
        var sink = new DescribedFrames();
        bench.Model.ForcedBufferCount = (ushort)count;
        Deliver(bench, 100, 1);
        bench.Model.ForcedBufferCount = null;
        Deliver(bench, 9000, 2);

        Assert.That(net.Receive(sink, 64), Is.EqualTo(4));
        Assert.That(sink.Frames.Single().Frame, Is.EqualTo(NetFrames.Tcp4(9000, seed: 2)));
        Assert.That(net.Count("bad headers"), Is.EqualTo(1));
        Assert.That(net.State, Is.EqualTo(DeviceState.Running));
    }

    [TestCase(2)]
    [TestCase(64)]
    public void A_frame_whose_buffers_do_not_come_is_dropped_and_the_driver_goes_on(int count)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.GuestOffloads);
        VirtioNet net = bench.Start(Receiving);
        var sink = new DescribedFrames();
        bench.Model.ForcedBufferCount = (ushort)count;
        Deliver(bench, 100, 1);
        Assert.That(net.Receive(sink, 64), Is.EqualTo(1));
        bench.Model.ForcedBufferCount = null;
        Deliver(bench, 100, 2);
        Assert.That(net.Receive(sink, 64), Is.EqualTo(1));

        Assert.That(sink.Frames.Single().Frame, Is.EqualTo(NetFrames.Tcp4(100, seed: 2)));
        Assert.That(net.Count("frames incomplete"), Is.EqualTo(1));
    }

    [Test]
    public void A_frame_longer_than_any_is_dropped()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.GuestOffloads);
        VirtioNet net = bench.Start(Receiving);
        var sink = new DescribedFrames();
        bench.Model.ForcedBufferCount = 20;
        for (int i = 0; i < 20; i++)
        {
            bench.Model.Queues[NetDevice.ReceiveQueue].ForcedLength = 4096;
            Deliver(bench, 100, 1);
        }

        Assert.That(net.Receive(sink, 64), Is.EqualTo(20));
        Assert.That(sink.Frames, Is.Empty);
        Assert.That(net.Count("frames too long"), Is.EqualTo(1));
        bench.Model.ForcedBufferCount = null;
        bench.Model.Queues[NetDevice.ReceiveQueue].ForcedLength = null;
        Deliver(bench, 100, 2);
        net.Receive(sink, 64);
        Assert.That(sink.Frames, Has.Count.EqualTo(1));
    }

    [Test]
    public void Buffers_go_back_in_portions()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring);
        VirtioNet net = bench.Start(NetUses.None);
        var sink = new DescribedFrames();
        List<ulong> added = [];
        for (int i = 0; i < 64; i++)
        {
            Deliver(bench, 100, i);
            Assert.That(net.Receive(sink, 64), Is.EqualTo(1));
            added.Add(net.Describe().Queues[0].Added);
        }

        Assert.That(sink.Frames, Has.Count.EqualTo(64));
        Assert.That(added.Distinct(), Is.EqualTo(Enumerable.Range(8, 9).Select(i => (ulong)(8 * i))));
    }

    [Test]
    public void A_lent_frame_stays_as_it_is_until_it_is_returned()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring);
        bench.SetQueueSize(4);
        VirtioNet net = bench.Start(NetUses.None);
        var sink = new Borrower();
        for (int i = 0; i < 4; i++)
        {
            Deliver(bench, 100, i);
            Assert.That(net.Receive(sink, 8), Is.EqualTo(1));
        }

        Deliver(bench, 100, 4);
        Assert.That(bench.Model.Waiting, Is.EqualTo(1), "the device has no buffer");
        Assert.That(net.Receive(sink, 8), Is.Zero);
        for (int i = 0; i < 4; i++)
        {
            Assert.That(sink.Frames[i].Bytes.ToArray(), Is.EqualTo(NetFrames.Tcp4(100, seed: i)));
        }

        sink.Frames[2].Return();
        Assert.That(bench.Model.Waiting, Is.Zero, "it is told of the buffer");
        Assert.That(net.Receive(sink, 8), Is.EqualTo(1));
        Assert.That(sink.Frames[4].Bytes.ToArray(), Is.EqualTo(NetFrames.Tcp4(100, seed: 4)));
    }

    [Test]
    public void A_frame_that_nobody_borrows_is_handed_on_as_usual()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring);
        bench.SetQueueSize(2);
        VirtioNet net = bench.Start(NetUses.None);
        var sink = new Borrower { Most = 1 };
        for (int i = 0; i < 9; i++)
        {
            Deliver(bench, 100, i);
            Assert.That(net.Receive(sink, 8), Is.EqualTo(1));
        }

        Assert.That((sink.Frames.Count, sink.Seen), Is.EqualTo((1, 8)));
        sink.Frames[0].Return();
        Assert.That(() => sink.Frames[0].Return(), Throws.InvalidOperationException);
        Assert.That(() => sink.Frames[0].Bytes.Length, Throws.InvalidOperationException);
    }

    [Test]
    public void Memory_of_a_stopped_card_stays_until_the_last_frame_is_returned([Values] bool isConfirmed)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring);
        VirtioNet net = bench.Start(NetUses.None);
        var sink = new Borrower();
        Deliver(bench, 100, 1);
        Deliver(bench, 100, 2);
        net.Receive(sink, 8);
        bench.Model.ResetDelay = isConfirmed ? 0 : int.MaxValue;
        Assert.That(net.Stop(), Is.EqualTo(isConfirmed));
        ulong given = GivenUp(bench, isConfirmed);
        Assert.That(given, Is.LessThan((ulong)bench.Machine.Memory.Allocated));

        sink.Frames[0].Return();
        Assert.That(GivenUp(bench, isConfirmed), Is.EqualTo(given));
        Assert.That(sink.Frames[1].Bytes.ToArray(), Is.EqualTo(NetFrames.Tcp4(100, seed: 2)));
        sink.Frames[1].Return();
        Assert.That(GivenUp(bench, isConfirmed), Is.EqualTo((ulong)bench.Machine.Memory.Allocated));
    }

    private static ulong GivenUp(ModelBench<NetDevice> bench, bool isConfirmed) =>
        (ulong)(isConfirmed ? bench.Machine.Memory.Freed : bench.Machine.Memory.Quarantined);

    private static void Deliver(ModelBench<NetDevice> bench, int length, int seed)
    {
        bench.Model.Receive(NetFrames.Tcp4(length, seed: seed));
        bench.Model.Run();
    }

    private sealed class Borrower : FrameSink
    {
        public List<LentFrame> Frames { get; } = [];

        public int Most { get; init; } = int.MaxValue;

        public int Seen { get; private set; }

        public override bool Borrows => true;

        public override void OnFrame(ReadOnlySpan<byte> frame) => Seen++;

        public override bool TryBorrow(LentFrame frame, in FrameInfo info)
        {
            if (Frames.Count < Most)
            {
                Frames.Add(frame);
                return true;
            }

            return false;
        }
    }
}
