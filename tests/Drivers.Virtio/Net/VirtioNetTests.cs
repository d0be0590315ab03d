using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Net;

/// <summary>The network driver against the device model (virtio 1.4, 5.1).</summary>
public class VirtioNetTests
{
    [Test]
    public void Frames_arrive_and_their_buffers_go_back([Values(2, 5, 64, 1024)] int queueSize)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.SetQueueSize((ushort)queueSize);
        VirtioNet net = bench.Start<VirtioNet>("net0");
        RecordingFrames sink = new RecordingFrames();
        for (int i = 0; i < 400; i++)
        {
            Assert.That(bench.Deliver(Frame(14 + (i * 7 % 1500), i)), Is.True);
            Assert.That(net.Receive(sink, 8), Is.EqualTo(1));
            Assert.That(sink.Frames[i], Is.EqualTo(Frame(14 + (i * 7 % 1500), i)));
        }

        Assert.That(net.Receive(sink, 8), Is.Zero);
        Assert.That(Counter(net, "frames received"), Is.EqualTo(400));
        Assert.That(Counter(net, "bytes received"), Is.EqualTo(sink.Frames.Sum(f => f.Length)));
    }

    [Test]
    public void All_buffers_are_posted_and_a_flood_is_taken_in_portions()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.SetQueueSize(10);
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(ReceiveBufferLength(bench), Is.AtLeast(1526));
        int delivered = 0;
        while (bench.Deliver(Frame(60, delivered)))
        {
            delivered++;
        }

        Assert.That(delivered, Is.EqualTo(10));
        RecordingFrames sink = new RecordingFrames();
        Assert.That(net.EnableReceiveInterrupts(), Is.True);
        Assert.That(net.Receive(sink, 4), Is.EqualTo(4));
        Assert.That(bench.Model.Waiting, Is.Zero, "the eleventh found a buffer");
        Assert.That(net.Receive(sink, 100), Is.EqualTo(7));
        Assert.That(net.EnableReceiveInterrupts(), Is.False);
        Assert.That(sink.Frames, Is.EqualTo(Enumerable.Range(0, 11).Select(i => Frame(60, i))));
        Assert.That(bench.Deliver(Frame(60, 0)), Is.True);
    }

    [Test]
    public void The_device_is_told_of_its_first_receive_buffers()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Start<VirtioNet>("net0");
        Assert.That(bench.Model.Queues[NetDevice.ReceiveQueue].NotificationsReceived, Is.EqualTo(1));
        Assert.That(TransmitNotifications(bench), Is.Zero);
    }

    [Test]
    public void The_memory_of_a_device_that_does_not_confirm_its_reset_is_quarantined()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        VirtioNet net = bench.Start<VirtioNet>("net0");
        bench.Model.ResetDelay = int.MaxValue;
        Assert.That(net.Stop(), Is.False);
        Assert.That(
            (bench.Machine.Memory.Quarantined, bench.Machine.Memory.Freed),
            Is.EqualTo((bench.Machine.Memory.Allocated, 0)));
    }

    [Test]
    public void A_made_up_address_stays_the_same_in_the_next_life()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Model.OfferedFeatures &= ~NetFeature.Mac;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        ulong address = net.MacAddress;
        Assert.That(net.Stop(), Is.True);
        bench.Machine.Time.Advance(1_000_000_000);
        Assert.That(net.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(net.MacAddress, Is.EqualTo(address));
        Assert.That(net.HasDeviceMacAddress, Is.False);
    }

    [TestCase(0u)]
    [TestCase(11u)]
    [TestCase(12u)]
    [TestCase(25u)]
    public void A_length_without_a_whole_header_is_counted_and_dropped(uint length)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        VirtioNet net = bench.Start<VirtioNet>("net0");
        bench.Model.Queues[NetDevice.ReceiveQueue].ForcedLength = length;
        bench.Deliver(Frame(60, 1));
        bench.Model.Queues[NetDevice.ReceiveQueue].ForcedLength = null;
        bench.Deliver(Frame(60, 2));
        RecordingFrames sink = new RecordingFrames();
        Assert.That(net.Receive(sink, 8), Is.EqualTo(2));
        Assert.That(sink.Frames, Has.Count.EqualTo(1));
        Assert.That(Counter(net, "buffers too short"), Is.EqualTo(1));
        Assert.That(net.State, Is.EqualTo(DeviceState.Running));
    }

    [TestCase(1537u)]
    [TestCase(uint.MaxValue)]
    public void A_length_beyond_the_buffer_shows_what_the_buffer_holds_and_nothing_more(uint length)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        VirtioNet net = bench.Start<VirtioNet>("net0");
        bench.Model.Queues[NetDevice.ReceiveQueue].ForcedLength = length;
        bench.Deliver(Frame(60, 1));
        bench.Model.Queues[NetDevice.ReceiveQueue].ForcedLength = null;
        bench.Deliver(Frame(60, 2));
        RecordingFrames sink = new RecordingFrames();
        Assert.That(net.Receive(sink, 8), Is.EqualTo(2));
        Assert.That(sink.Frames[0], Has.Length.EqualTo(1536 - 12));
        Assert.That(sink.Frames[0][..60], Is.EqualTo(Frame(60, 1)));
        Assert.That(sink.Frames[1], Is.EqualTo(Frame(60, 2)));
        Assert.That(net.State, Is.EqualTo(DeviceState.Running));
        Assert.That(net.Describe().Queues[0].LengthsClamped, Is.EqualTo(1));
    }

    [Test]
    public void A_receive_completion_with_WRITE_is_as_good_as_one_without([Values] bool setWrite)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        VirtioNet net = bench.Start<VirtioNet>("net0");
        ((PackedDeviceQueue)bench.Model.Queues[NetDevice.ReceiveQueue].Ring!).MarksWritten = setWrite;
        bench.Deliver(Frame(60, 1));
        Assert.That(net.Receive(new RecordingFrames(), 8), Is.EqualTo(1));
        Assert.That(net.State, Is.EqualTo(DeviceState.Running));
    }

    [Test]
    public void Frames_are_sent_with_an_empty_header()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Model.Queues[NetDevice.TransmitQueue].ForcedLength = 0xFFFFFFFF;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        for (int i = 0; i < 300; i++)
        {
            byte[] frame = Frame(14 + (i * 11 % 1500), i);
            Assert.That(net.TryTransmit(frame), Is.EqualTo(TransmitStatus.Ok));
            net.NotifyTransmit();
            Assert.That(bench.Model.SentFrames[i], Is.EqualTo(frame));
        }

        Assert.That(bench.Sink.Events, Is.Empty, "completions are found by looking");
        Assert.That(Counter(net, "frames sent"), Is.EqualTo(300));
        Assert.That(net.State, Is.EqualTo(DeviceState.Running));
    }

    [TestCase(0)]
    [TestCase(13)]
    [TestCase(1515)]
    [TestCase(70000)]
    public void A_frame_of_a_wrong_length_is_not_sent(int length)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        Assert.That(bench.Start<VirtioNet>("net0").TryTransmit(new byte[length]), Is.EqualTo(TransmitStatus.BadLength));
        Assert.That(bench.Model.SentFrames, Is.Empty);
    }

    [Test]
    public void When_buffers_run_out_an_interrupt_tells_of_the_next_free_one()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.SetQueueSize(4);
        HeldBackCompletion held = new HeldBackCompletion();
        bench.Model.Queues[NetDevice.TransmitQueue].Policy = held;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        for (int i = 0; i < 4; i++)
        {
            Assert.That(net.TryTransmit(Frame(60, i)), Is.EqualTo(TransmitStatus.Ok));
        }

        Assert.That(bench.Model.SentFrames, Is.Empty, "nothing was announced");
        Assert.That(net.TryTransmit(Frame(60, 4)), Is.EqualTo(TransmitStatus.Full));
        Assert.That(bench.Model.SentFrames, Has.Count.EqualTo(4), "a full queue is announced");
        Assert.That(Counter(net, "transmit queue full"), Is.EqualTo(1));

        bench.Complete(held, 2);
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 1" }));
        Assert.That(net.ReclaimTransmitted(), Is.EqualTo(1));
        Assert.That(net.TryTransmit(Frame(60, 5)), Is.EqualTo(TransmitStatus.Ok));
        net.NotifyTransmit();
        bench.Complete(held, 0);
        Assert.That(bench.Sink.Events, Has.Count.EqualTo(1), "interrupts are off again");
        Assert.That(net.TryTransmit(Frame(60, 6)), Is.EqualTo(TransmitStatus.Ok), "found by looking");
    }

    [Test]
    public void A_frame_used_twice_breaks_the_device()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.ExpectsViolations = true;
        bench.SetQueueSize(2);
        VirtioNet net = bench.Start<VirtioNet>("net0");
        net.TryTransmit(Frame(60, 1));
        net.TryTransmit(Frame(60, 2));
        ModelQueue queue = bench.Model.Queues[NetDevice.TransmitQueue];
        DeviceChain first = queue.Ring!.TryPop()!;
        queue.Ring.Forge(first.Id);
        queue.Ring.Forge(first.Id);
        Assert.That(net.TryTransmit(Frame(60, 3)), Is.EqualTo(TransmitStatus.NotRunning));
        Assert.That(net.Trouble?.Of("the device"), Is.EqualTo("transmitq1: the device used a buffer twice"));
        Assert.That(bench.Model.SentFrames, Is.Empty);
    }

    [Test]
    public void The_address_is_the_devices_own_where_it_has_one()
    {
        using ModelBench<NetDevice> bench = NetBench.Create(mac: [0x52, 0x54, 0x00, 0x12, 0x34, 0x56]);
        bench.Model.OfferedFeatures |= NetFeature.Mac;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(net.MacAddress, Is.EqualTo(0x525400123456));
        Assert.That(net.HasDeviceMacAddress, Is.True);
    }

    [TestCase(false, new byte[] { 0x52, 0x54, 0, 1, 2, 3 })]
    [TestCase(true, new byte[] { 0, 0, 0, 0, 0, 0 })]
    [TestCase(true, new byte[] { 0x53, 0x54, 0, 1, 2, 3 })]
    public void Otherwise_it_is_a_locally_administered_one(bool offersMac, byte[] address)
    {
        using ModelBench<NetDevice> bench = NetBench.Create(mac: address);
        bench.Model.OfferedFeatures |= offersMac ? NetFeature.Mac : 0;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(net.HasDeviceMacAddress, Is.False);
        Assert.That(net.MacAddress >> 40 & 3, Is.EqualTo(2), "locally administered, one station");
        Assert.That(net.MacAddress >> 48, Is.Zero);
    }

    [Test]
    public void A_device_without_any_configuration_works()
    {
        using ModelBench<NetDevice> bench = NetBench.Create(configurationLength: 0);
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(net.IsLinkUp, Is.True);
        Assert.That(net.Mtu, Is.EqualTo(1500));
    }

    [Test]
    public void The_link_follows_the_configuration()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Model.OfferedFeatures |= NetFeature.Status;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(net.IsLinkUp, Is.True);
        bench.Model.ChangeConfiguration(() => bench.Model.ConfigurationStore[6] = 2);
        Assert.That(bench.Model.IsLinkUp, Is.False);
        Assert.That(net.IsLinkUp, Is.False);
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "configuration" }));
    }

    [TestCase(68)]
    [TestCase(1500)]
    [TestCase(1508)]
    [TestCase(9000)]
    [TestCase(65535)]
    public void An_MTU_limits_what_is_sent_and_sizes_what_is_received(int mtu)
    {
        using ModelBench<NetDevice> bench = NetBench.Create(mtu: (ushort)mtu);
        bench.Model.OfferedFeatures |= NetFeature.Mtu;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(net.Mtu, Is.EqualTo(mtu));
        Assert.That(ReceiveBufferLength(bench), Is.AtLeast(1526), "virtio 1.4, 5.1.9.3.1");
        Assert.That(net.TryTransmit(Frame(14 + mtu, 1)), Is.EqualTo(TransmitStatus.Ok));
        Assert.That(net.TryTransmit(Frame(15 + mtu, 1)), Is.EqualTo(TransmitStatus.BadLength));
        RecordingFrames sink = new RecordingFrames();
        int tagged = VirtioNet.EthernetHeaderLength + VirtioNet.TagLength + mtu;
        Assert.That(bench.Deliver(Frame(tagged, 2)), Is.True);
        Assert.That(net.Receive(sink, 1), Is.EqualTo(1));
        Assert.That(sink.Frames[0], Is.EqualTo(Frame(tagged, 2)));
    }

    [Test]
    public void An_MTU_below_the_smallest_is_not_accepted()
    {
        using ModelBench<NetDevice> bench = NetBench.Create(mtu: 67);
        bench.Model.OfferedFeatures |= NetFeature.Mtu;
        Assert.That(bench.Start<VirtioNet>("net0").Mtu, Is.EqualTo(1500));
        Assert.That(bench.Model.DriverFeatures & NetFeature.Mtu, Is.Zero);
    }

    [TestCase(5, NetFeature.Mac)]
    [TestCase(7, NetFeature.Status)]
    [TestCase(11, NetFeature.Mtu)]
    public void A_feature_whose_field_is_not_there_is_not_accepted(int length, ulong feature)
    {
        using ModelBench<NetDevice> bench = NetBench.Create(configurationLength: length);
        bench.Model.OfferedFeatures |= feature;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(bench.Model.DriverFeatures & feature, Is.Zero);
        Assert.That((net.IsLinkUp, net.Mtu, net.HasDeviceMacAddress), Is.EqualTo((true, 1500, false)));
    }

    [Test]
    public void A_full_queue_costs_a_notification_and_not_one_per_frame([Values] bool isAnnounced)
    {
        using ModelBench<NetDevice> bench = FullCard(isAnnounced, out VirtioNet net, out HeldBackCompletion held);
        for (int i = 0; i < 1000; i++)
        {
            Assert.That(net.TryTransmit(Frame(60, i)), Is.EqualTo(TransmitStatus.Full));
            Assert.That(net.ReclaimTransmitted(), Is.Zero, "an interrupt for the other queue on the same line");
        }

        Assert.That(TransmitNotifications(bench), Is.EqualTo(isAnnounced ? 2 : 1));
        Assert.That(Counter(net, "transmit queue full"), Is.EqualTo(1000));
        bench.Complete(held, 0);
        Assert.That(net.TryTransmit(Frame(60, 5)), Is.EqualTo(TransmitStatus.Ok));
        Assert.That(net.TryTransmit(Frame(60, 6)), Is.EqualTo(TransmitStatus.Full));
        Assert.That(bench.Model.SentFrames, Has.Count.EqualTo(5), "what was added meanwhile is announced");
    }

    [Test]
    public void A_device_that_loses_notifications_is_reminded_as_long_as_its_queue_is_full([Values] bool onInterrupts)
    {
        using ModelBench<NetDevice> bench = FullCard(isAnnounced: true, out VirtioNet net, out HeldBackCompletion held);
        Assert.That(net.TryTransmit(Frame(60, 1)), Is.EqualTo(TransmitStatus.Full));
        int before = TransmitNotifications(bench);
        for (int milliseconds = 0; milliseconds < 1000; milliseconds++)
        {
            bench.Machine.Time.Advance(1_000_000);
            if (onInterrupts)
            {
                Assert.That(net.ReclaimTransmitted(), Is.Zero);
            }
            else
            {
                Assert.That(net.TryTransmit(Frame(60, 1)), Is.EqualTo(TransmitStatus.Full));
            }
        }

        Assert.That(TransmitNotifications(bench) - before, Is.InRange(90, 110));
        bench.Complete(held, 0);
        Assert.That(net.ReclaimTransmitted(), Is.EqualTo(1));
        before = TransmitNotifications(bench);
        bench.Machine.Time.Advance(1_000_000_000);
        Assert.That(net.ReclaimTransmitted(), Is.Zero);
        Assert.That(TransmitNotifications(bench), Is.EqualTo(before), "nothing waits for room any more");
    }

    [Test]
    public void A_device_that_has_frames_is_reminded_of_them_now_and_then()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        var held = new HeldBackCompletion();
        bench.Model.Queues[NetDevice.TransmitQueue].Policy = held;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(net.LookAfterTransmitted(), Is.False, "there are none");
        Assert.That(net.TryTransmit(Frame(60, 1)), Is.EqualTo(TransmitStatus.Ok));
        net.NotifyTransmit();
        int before = TransmitNotifications(bench);
        for (int milliseconds = 0; milliseconds < 1000; milliseconds++)
        {
            Assert.That(net.LookAfterTransmitted(), Is.True);
            bench.Machine.Time.Advance(1_000_000);
        }

        Assert.That(TransmitNotifications(bench) - before, Is.InRange(90, 110));
        bench.Complete(held, 0);
        Assert.That(net.LookAfterTransmitted(), Is.False, "it was sent");
        net.Stop();
        Assert.That(net.LookAfterTransmitted(), Is.False);
    }

    [Test]
    public void Receive_interrupts_can_be_turned_off()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        VirtioNet net = bench.Start<VirtioNet>("net0");
        net.DisableReceiveInterrupts();
        bench.Deliver(Frame(60, 1));
        Assert.That(bench.Sink.Events, Is.Empty);
        Assert.That(net.EnableReceiveInterrupts(), Is.True);
        net.Receive(new RecordingFrames(), 8);
        bench.Deliver(Frame(60, 1));
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 0" }));
    }

    [Test]
    public void A_jump_of_the_used_index_when_interrupts_are_enabled_leads_to_a_look_that_finds_it()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.ExpectsViolations = true;
        bench.Model.OfferedFeatures = FeatureBit.Version1;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(net.Receive(new RecordingFrames(), 8), Is.Zero);

        bench.Model.Queues[NetDevice.ReceiveQueue].Ring!.Forge(0, slots: 1000);

        Assert.That(net.EnableReceiveInterrupts(), Is.True, "there is something to look at");
        Assert.That(net.Receive(new RecordingFrames(), 8), Is.Zero);
        Assert.That(net.State, Is.EqualTo(DeviceState.NeedsReset));
        Assert.That(net.Trouble?.Of("the device"), Does.StartWith("receiveq1: the device "));
        Assert.That(net.TryTransmit(Frame(60, 1)), Is.EqualTo(TransmitStatus.NotRunning));
    }

    [TestCase(0UL)]
    [TestCase(FeatureBit.RingPacked)]
    [TestCase(FeatureBit.EventIndex)]
    [TestCase(FeatureBit.RingPacked | FeatureBit.EventIndex)]
    public void A_device_that_ran_out_of_buffers_is_told_of_new_ones(ulong features)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Model.OfferedFeatures = FeatureBit.Version1 | features;
        bench.SetQueueSize(4);
        VirtioNet net = bench.Start<VirtioNet>("net0");
        while (bench.Deliver(Frame(60, 1)))
        {
        }

        // It has a frame, sleeps, and wants to know when it can go on.
        ModelQueue queue = bench.Model.Queues[NetDevice.ReceiveQueue];
        Assert.That(bench.Model.Waiting, Is.EqualTo(1));
        Assert.That(queue.NotificationsReceived, Is.EqualTo(1), "of the first buffers");
        Assert.That(net.Receive(new RecordingFrames(), 8), Is.EqualTo(4));

        Assert.That(queue.NotificationsReceived, Is.EqualTo(2));
        Assert.That(bench.Model.Waiting, Is.Zero);
        Assert.That(bench.Deliver(Frame(60, 2)), Is.True);
    }

    [Test]
    public void A_driver_that_was_not_started_does_nothing()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        VirtioNet net = bench.Create<VirtioNet>("net0");
        Assert.That(net.TryTransmit(Frame(60, 1)), Is.EqualTo(TransmitStatus.NotRunning));
        Assert.That(net.Receive(new RecordingFrames(), 1) + net.ReclaimTransmitted(), Is.Zero);
        Assert.That(net.EnableReceiveInterrupts(), Is.False);
        net.DisableReceiveInterrupts();
        net.NotifyTransmit();
        Assert.That(bench.Model.Status, Is.Zero);
        Assert.That(bench.Model.Queues[NetDevice.ReceiveQueue].NotificationsReceived, Is.Zero);
        Assert.That(TransmitNotifications(bench), Is.Zero);
    }

    /// <summary>A card whose transmit queue is full of frames that the device keeps.</summary>
    private static ModelBench<NetDevice> FullCard(
        bool isAnnounced, out VirtioNet net, out HeldBackCompletion held)
    {
        ModelBench<NetDevice> bench = NetBench.Create();
        bench.SetQueueSize(4);
        held = new HeldBackCompletion();
        bench.Model.Queues[NetDevice.TransmitQueue].Policy = held;
        net = bench.Start<VirtioNet>("net0");
        for (int i = 0; i < 4; i++)
        {
            Assert.That(net.TryTransmit(Frame(60, i)), Is.EqualTo(TransmitStatus.Ok));
        }

        if (isAnnounced)
        {
            net.NotifyTransmit();
        }

        return bench;
    }

    private static ulong ReceiveBufferLength(ModelBench<NetDevice> bench)
    {
        DeviceQueue ring = bench.Model.Queues[NetDevice.ReceiveQueue].Ring!;
        DeviceChain buffer = ring.TryPop()!;
        ulong length = buffer.WritableLength;
        Assert.That(buffer.ReadableLength, Is.Zero);
        ring.Unpop(buffer);
        return length;
    }

    private static int TransmitNotifications(ModelBench<NetDevice> bench) =>
        (int)bench.Model.Queues[NetDevice.TransmitQueue].NotificationsReceived;

    private static byte[] Frame(int length, int seed)
    {
        byte[] frame = new byte[length];
        new Random(seed).NextBytes(frame);
        return frame;
    }

    private static long Counter(VirtioNet net, string name) =>
        (long)net.Describe().Counters.Single(c => c.Name == name).Value;
}
