using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Net;

/// <summary>Several queue pairs, and how frames are spread over them (virtio 1.4, 5.1.9.5.6 and 5.1.9.5.7).</summary>
[TestFixture(0UL)]
[TestFixture(FeatureBit.RingPacked | FeatureBit.IndirectDescriptors | FeatureBit.EventIndex)]
internal sealed class NetQueuePairTests(ulong ring)
{
    private const ulong Offered = NetFeature.Control | NetFeature.ManyQueues | NetFeature.HashReport
        | NetFeature.HashTunnel;

    [TestCase(1, 4, 1)]
    [TestCase(2, 4, 2)]
    [TestCase(4, 4, 4)]
    [TestCase(16, 4, 4)]
    [TestCase(4, 1, 1)]
    public void As_many_pairs_are_used_as_both_sides_have(int wanted, int there, int used)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | Offered & ~NetFeature.Rss, there);
        VirtioNet net = bench.Start(NetUses.None, wanted);
        Assert.That(net.QueuePairs, Is.EqualTo(used));
        Assert.That(bench.Model.Commands.QueuePairs, Is.EqualTo(used));
        string[] names = [.. net.Describe().Queues.Select(queue => queue.Name)];
        Assert.That(names[^1], Is.EqualTo(wanted == 1 ? "transmitq1" : "controlq"));
        Assert.That(names, Has.Length.EqualTo(wanted == 1 ? 2 : (2 * there) + 1));
    }

    [Test]
    public void A_card_with_more_pairs_than_can_be_set_up_works_with_one()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(
            ring | NetFeature.Control | NetFeature.ManyQueues, NetOptions.MaximumQueuePairs + 1);
        VirtioNet net = bench.Start(NetUses.All, 4);
        Assert.That(net.QueuePairs, Is.EqualTo(1));
        Assert.That(bench.Model.DriverFeatures & NetFeature.ManyQueues, Is.Zero);
        Assert.That(net.TryTransmit(new byte[60]), Is.EqualTo(TransmitStatus.Ok));
        net.NotifyTransmit();
        Assert.That(bench.Model.SentFrames, Has.Count.EqualTo(1));
        Assert.That(net.Control.TrySetVlan(5, isWanted: true), Is.EqualTo(ControlStatus.Ok));
    }

    [Test]
    public void Flows_keep_to_a_pair_and_all_pairs_are_used([Values] bool hasRss)
    {
        ulong features = hasRss ? Offered : Offered & ~NetFeature.Rss;
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | features, 4);
        VirtioNet net = bench.Start(NetUses.All, 4);
        int[] sent = new int[4];
        for (int port = 1; port <= 64; port++)
        {
            ulong[] before = [.. net.Describe().Queues.Select(queue => queue.Added)];
            for (int i = 0; i < 3; i++)
            {
                Assert.That(net.TryTransmit(NetFrames.Udp4(20, port, i)), Is.EqualTo(TransmitStatus.Ok));
            }

            net.NotifyTransmit();
            int[] grown = [.. net.Describe().Queues.Select((queue, i) => (int)(queue.Added - before[i]))];
            int queue = Array.FindIndex(grown, count => count != 0);
            Assert.That(grown[queue], Is.EqualTo(3));
            sent[queue / 2]++;
        }

        Assert.That(sent, Is.All.AtLeast(4));
        Assert.That(bench.Model.SentFrames, Has.Count.EqualTo(192));
        Assert.That(net.ReclaimTransmitted(), Is.EqualTo(192));
    }

    [Test]
    public void Received_frames_come_by_the_pair_of_their_hash_and_tell_it()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | Offered, 4);
        bench.Options = new PciFunctionOptions { VectorCount = 10 };
        VirtioNet net = bench.Start(NetUses.All, 4);
        Assert.That(bench.Model.Commands.HashTypes, Is.EqualTo(NetDevice.SupportedHashes));
        var sink = new DescribedFrames();
        int[] counts = new int[4];
        for (int port = 1; port <= 64; port++)
        {
            byte[] frame = NetFrames.Udp4(20, port);
            bench.Model.Receive(frame);
            bench.Model.Run();
            int pair = Enumerable.Range(0, 4).Single(each => net.Receive(each, sink, 8) == 1);
            FrameInfo info = sink.Frames[^1].Info;
            Assert.That(sink.Frames[^1].Frame, Is.EqualTo(frame));
            Assert.That(info.HashReport, Is.EqualTo(3));
            Assert.That(pair, Is.EqualTo((int)(info.Hash % 128 % 4)));
            counts[pair]++;
        }

        Assert.That(counts, Is.All.AtLeast(4));
        Assert.That(bench.Sink.Events.Distinct().Count(), Is.EqualTo(4), "each pair interrupts by itself");
    }

    [Test]
    public void All_pairs_are_received_from_together()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | Offered, 4);
        VirtioNet net = bench.Start(NetUses.All, 4);
        for (int port = 1; port <= 32; port++)
        {
            bench.Model.Receive(NetFrames.Udp4(20, port));
        }

        bench.Model.Run();
        var sink = new DescribedFrames();
        Assert.That(net.EnableReceiveInterrupts(), Is.True);
        Assert.That(net.Receive(sink, 20), Is.EqualTo(20));
        Assert.That(net.Receive(sink, 20), Is.EqualTo(12));
        Assert.That(net.EnableReceiveInterrupts(), Is.False);
    }

    [Test]
    public void A_hash_is_told_with_one_pair_too()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(
            ring | NetFeature.ControlQueue | NetFeature.HashReport | NetFeature.HashTunnel);
        VirtioNet net = bench.Start(NetUses.All);
        Assert.That(bench.Model.NegotiatedHeaderLength, Is.EqualTo(20));
        Assert.That(net.Control.TryHashTunnels(NetHash.Vxlan), Is.EqualTo(ControlStatus.Ok));
        Assert.That(net.Control.TryHashTunnels(1), Is.EqualTo(ControlStatus.Invalid));
        Assert.That(bench.Model.Commands.TunnelTypes, Is.EqualTo(NetHash.Vxlan));
        var sink = new DescribedFrames();
        bench.Model.Receive(NetFrames.Tcp4(20));
        bench.Model.Run();
        net.Receive(sink, 8);
        Assert.That(sink.Frames.Single().Info.HashReport, Is.EqualTo(2));
        Assert.That(net.TryTransmit(NetFrames.Tcp4(20)), Is.EqualTo(TransmitStatus.Ok));
        net.NotifyTransmit();
        Assert.That(bench.Model.SentFrames.Single(), Is.EqualTo(NetFrames.Tcp4(20)));
    }

    [Test]
    public void A_device_that_refuses_more_pairs_is_used_with_one([Values] bool hasRss)
    {
        ulong features = hasRss ? Offered : Offered & ~NetFeature.Rss;
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | features, 4);
        bench.Model.Commands.Answer = CommandAnswer.Error;
        VirtioNet net = bench.Start(NetUses.All, 4);
        Assert.That(net.QueuePairs, Is.EqualTo(1));
        for (int port = 1; port <= 32; port++)
        {
            Assert.That(net.TryTransmit(NetFrames.Udp4(20, port)), Is.EqualTo(TransmitStatus.Ok));
        }

        net.NotifyTransmit();
        Assert.That(bench.Model.SentFrames, Has.Count.EqualTo(32));
        Assert.That(net.Stop(), Is.True);
        Assert.That(bench.Machine.Memory.Freed, Is.EqualTo(bench.Machine.Memory.Allocated));
    }

    [TestCase(0)]
    [TestCase(17)]
    [TestCase(0x8001)]
    public void A_number_of_pairs_that_the_driver_cannot_use_leaves_one(int pairs)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | Offered, 4);
        bench.Model.ConfigurationStore[8] = (byte)pairs;
        bench.Model.ConfigurationStore[9] = (byte)(pairs >> 8);
        VirtioNet net = bench.Start(NetUses.All, 4);
        Assert.That(net.QueuePairs, Is.EqualTo(1));
        Assert.That(bench.Model.DriverFeatures & NetFeature.ManyQueues, Is.Zero);
    }

    [TestCase(17, 39)]
    [TestCase(18, 127)]
    public void RSS_needs_a_key_and_a_table_of_the_least_size(int field, int value)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | Offered, 4);
        bench.Model.ConfigurationStore[field] = (byte)value;
        VirtioNet net = bench.Start(NetUses.All, 4);
        Assert.That(bench.Model.DriverFeatures & NetFeature.Rss, Is.Zero);
        Assert.That(net.QueuePairs, Is.EqualTo(4), "MQ is enough");
    }

    [Test]
    public void The_pairs_come_back_after_a_reset()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | Offered, 4);
        VirtioNet net = bench.Start(NetUses.All, 3);
        net.Stop();
        Assert.That(net.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That((net.QueuePairs, bench.Model.Commands.QueuePairs), Is.EqualTo((3, 3)));
    }

    [TestCase(0)]
    [TestCase(17)]
    public void There_is_no_such_number_of_pairs(int pairs) =>
        Assert.That(() => new NetOptions(NetUses.None, pairs), Throws.InstanceOf<ArgumentOutOfRangeException>());
}
