using System;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Net;

/// <summary>What a frame costs the driver besides instructions: memory and notifications.</summary>
[TestFixture(0UL)]
[TestFixture(FeatureBit.EventIndex)]
[TestFixture(FeatureBit.RingPacked)]
[TestFixture(FeatureBit.RingPacked | FeatureBit.IndirectDescriptors | FeatureBit.EventIndex)]
[TestFixture(FeatureBit.RingPacked | FeatureBit.InOrder)]
internal sealed class NetCostTests(ulong ring)
{
    private const int Burst = 16;

    [TestCase(NetUses.None, 0UL)]
    [TestCase(NetUses.All, NetFeature.Checksum | NetFeature.HostTso4 | NetFeature.GuestChecksum)]
    [TestCase(NetUses.All, NetFeature.GuestOffloads)]
    public void Frames_in_and_out_allocate_nothing(NetUses uses, ulong features)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | features, memory: new SimulatedDmaOptions());
        VirtioNet net = bench.Start(uses);
        bench.Model.RunsWhenNotified = false;
        bench.Model.OnRegisterWrite = null;
        byte[] frame = NetFrames.Tcp4(100);
        var sink = new CountingSink();
        long allocated = 0;
        for (int round = 0; round < 40; round++)
        {
            for (int i = 0; i < Burst; i++)
            {
                bench.Model.Receive(frame);
            }

            bench.Model.Run();
            long before = GC.GetAllocatedBytesForCurrentThread();
            net.DisableReceiveInterrupts();
            net.Receive(sink, 64);
            net.EnableReceiveInterrupts();
            for (int i = 0; i < Burst; i++)
            {
                net.TryTransmit(frame);
            }

            net.NotifyTransmit();
            net.ReclaimTransmitted();
            allocated += round < 20 ? 0 : GC.GetAllocatedBytesForCurrentThread() - before;
        }

        bench.Model.Run();
        Assert.That((sink.Frames, bench.Model.SentFrames.Count), Is.EqualTo((40 * Burst, 40 * Burst)));
        Assert.That(allocated, Is.Zero);
    }

    [Test]
    public void A_batch_of_buffers_goes_back_with_one_notification()
    {
        // 64 buffers, of which an eighth goes back together; the device has frames for more than there are.
        const int Part = 8;
        const int Count = 20 * Part;
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring);
        VirtioNet net = bench.Start(NetUses.None);
        var sink = new CountingSink();
        byte[] frame = NetFrames.Tcp4(100);
        for (int i = 0; i < 64 + Count; i++)
        {
            bench.Model.Receive(frame);
        }

        bench.Model.Run();
        ulong before = net.Describe().Queues[0].Notifications;
        for (int i = 1; i <= Count; i++)
        {
            Assert.That(net.Receive(sink, 1), Is.EqualTo(1));
            Assert.That(
                net.Describe().Queues[0].Notifications - before, Is.EqualTo((ulong)(i / Part)), $"frame {i}");
        }
    }

    [Test]
    public void A_burst_of_frames_is_told_of_once()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring);
        VirtioNet net = bench.Start(NetUses.None);
        byte[] frame = NetFrames.Tcp4(100);
        for (ulong round = 1; round <= 20; round++)
        {
            for (int i = 0; i < Burst; i++)
            {
                Assert.That(net.TryTransmit(frame), Is.EqualTo(TransmitStatus.Ok));
            }

            net.NotifyTransmit();
            net.NotifyTransmit();
            Assert.That(net.Describe().Queues[1].Notifications, Is.EqualTo(round));
            Assert.That(bench.Model.SentFrames, Has.Count.EqualTo((int)round * Burst));
        }
    }

    private sealed class CountingSink : FrameSink
    {
        public int Frames { get; private set; }

        public override void OnFrame(ReadOnlySpan<byte> frame) => Frames++;
    }
}
