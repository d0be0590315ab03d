using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;
using BlockStatus = VirtioGuest.Drivers.Virtio.Devices.Block.BlockStatus;

namespace VirtioGuest.Drivers.Virtio.Tests;

/// <summary>
/// Devices of every ring format in whole: recovery after a reset, suspension (virtio 1.4, 3.4), the reset of one queue
/// (virtio 1.4, 2.6.1), notifications with data (virtio 1.4, 2.9).
/// </summary>
public class DeviceLifeTests
{
    private const int SegMaxField = 12;
    private const ulong Indirect = FeatureBit.IndirectDescriptors;
    private const ulong EventIdx = FeatureBit.EventIndex;
    private const ulong Packed = FeatureBit.RingPacked;
    private const ulong InOrder = FeatureBit.InOrder;

    private static readonly ulong[] s_forms =
    {
        0, EventIdx, Indirect, InOrder, EventIdx | Indirect | InOrder,
        Packed, Packed | EventIdx, Packed | Indirect, Packed | InOrder, Packed | EventIdx | Indirect | InOrder,
        Packed | FeatureBit.NotificationData, FeatureBit.NotificationData,
        Packed | FeatureBit.NotificationConfigurationData | FeatureBit.NotificationData
            | FeatureBit.AccessPlatform,
    };

    [Test]
    public void A_disk_works_with_every_form_of_ring([ValueSource(nameof(s_forms))] ulong form)
    {
        using ModelBench<BlockDevice> bench = Disk(form);
        bench.Model.OfferedFeatures |= BlockFeature.SegmentMaximum;
        bench.SetField(SegMaxField, 3);
        HeldBackCompletion held = bench.HoldRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That((ulong)block.Features & form, Is.EqualTo(form));
        Assert.That(block.Describe().RingFormat, Is.EqualTo((form & Packed) != 0 ? "packed" : "split"));
        for (int round = 0; round < 100; round++)
        {
            DmaMemory buffer = bench.Machine.Memory.Allocate(1024, 512)!;
            buffer.Sync(0, 1024, DmaSync.PreRead);
            DmaSegment[] data = { buffer.Segment(0, 500), buffer.Segment(500, 12), buffer.Segment(512, 512) };
            Assert.That(Read(block, data, 7), Is.EqualTo(BlockStatus.Ok));
            block.Queue(0).Notify();
            Assert.That(bench.Model.Queues[0].Finished, Is.EqualTo(1));
            Assert.That(block.Queue(0).EnableInterrupts(), Is.False);
            int events = bench.Sink.Events.Count;
            bench.Complete(held, 0);
            Assert.That(bench.Sink.Events, Has.Count.EqualTo(events + 1), "an interrupt");
            BlockCompletion[] completions = new BlockCompletion[2];
            Assert.That(block.Queue(0).Drain(completions), Is.EqualTo(1));
            Assert.That(completions[0].Status, Is.EqualTo(BlockStatus.Ok));
            buffer.Sync(0, 1024, DmaSync.PostRead);
        }
    }

    [Test]
    public void A_network_card_works_with_every_form_of_ring([ValueSource(nameof(s_forms))] ulong form)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Model.OfferedFeatures = FeatureBit.Version1 | form;
        bench.SetQueueSize(8);
        VirtioNet net = bench.Start<VirtioNet>("net0");
        RecordingFrames sink = new RecordingFrames();
        for (int i = 0; i < 100; i++)
        {
            byte[] frame = Enumerable.Repeat((byte)i, 60).ToArray();
            Assert.That(net.TryTransmit(frame), Is.EqualTo(TransmitStatus.Ok));
            net.NotifyTransmit();
            Assert.That(bench.Model.SentFrames, Has.Count.EqualTo(i + 1));
            Assert.That(net.EnableReceiveInterrupts(), Is.False);
            int events = bench.Sink.Events.Count(e => e == "queue 0");
            Assert.That(bench.Deliver(frame), Is.True);
            Assert.That(bench.Sink.Events.Count(e => e == "queue 0"), Is.EqualTo(events + 1));
            Assert.That(net.Receive(sink, 4), Is.EqualTo(1));
            Assert.That(sink.Frames[i], Is.EqualTo(frame));
        }
    }

    [Test]
    public void With_tables_as_many_requests_as_descriptors_are_in_flight([Values(0UL, Packed)] ulong format)
    {
        using ModelBench<BlockDevice> bench = Disk(format | Indirect);
        bench.Model.OfferedFeatures |= BlockFeature.SegmentMaximum;
        bench.SetField(SegMaxField, 100);
        bench.HoldRequests();
        bench.SetQueueSize(8);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(block.Queue(0).MaximumRequests, Is.EqualTo(8));
        Assert.That(block.Queue(0).MaximumSegments, Is.EqualTo(6));
        DmaSegment[] data = Data(bench);
        for (int i = 0; i < 8; i++)
        {
            Assert.That(Read(block, data, i), Is.EqualTo(BlockStatus.Ok));
        }

        Assert.That(Read(block, data, 9), Is.EqualTo(BlockStatus.Full));
        block.Queue(0).Notify();
        Assert.That(bench.Model.Queues[0].Finished, Is.EqualTo(8));
    }

    [Test]
    public void Notifications_tell_the_place_of_the_next_buffer([Values(0UL, Packed)] ulong format)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Model.OfferedFeatures = FeatureBit.Version1 | FeatureBit.NotificationData | format;
        bench.SetQueueSize(4);
        VirtioNet net = bench.Start<VirtioNet>("net0");
        ModelQueue queue = bench.Model.Queues[NetDevice.TransmitQueue];
        List<int> told = [];
        for (int i = 0; i < 5; i++)
        {
            net.TryTransmit(new byte[60]);
            net.NotifyTransmit();
            RingPosition next = queue.LastNotification!.Value.Position!.Value;
            told.Add(next.Offset | (next.Wrap ? 0x8000 : 0));
        }

        int[] places = format == 0
            ? new[] { 1, 2, 3, 4, 5 }
            : new[] { 0x8001, 0x8002, 0x8003, 0x0000, 0x0001 };
        Assert.That(told, Is.EqualTo(places));
        Assert.That(queue.NotificationsReceived, Is.EqualTo(5));
    }

    [Test]
    public void A_device_that_asked_for_a_reset_is_brought_up_again([ValueSource(nameof(s_forms))] ulong form)
    {
        using ModelBench<BlockDevice> bench = Disk(form);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        for (int life = 0; life < 3; life++)
        {
            bench.HoldRequests();
            Assert.That(Read(block, Data(bench), 5), Is.EqualTo(BlockStatus.Ok));
            block.Queue(0).Notify();
            bench.Model.SetNeedsReset("for the test");
            Assert.That(block.State, Is.EqualTo(DeviceState.NeedsReset));
            Assert.That(block.Stop(), Is.True);
            Assert.That(() => block.TryStart(out _), Throws.InvalidOperationException, "a request is left");
            BlockCompletion[] completions = new BlockCompletion[2];
            Assert.That(block.Queue(0).Drain(completions), Is.EqualTo(1));
            Assert.That(completions[0].Status, Is.EqualTo(BlockStatus.Aborted));

            bench.Model.Queues[0].Policy = new InOrderCompletion();
            Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
            Assert.That(block.State, Is.EqualTo(DeviceState.Running));
            Assert.That(block.Trouble, Is.Null);
            Assert.That(Read(block, Data(bench), 6), Is.EqualTo(BlockStatus.Ok));
            block.Queue(0).Notify();
            Assert.That(block.Queue(0).Drain(completions), Is.EqualTo(1));
            Assert.That(completions[0].Status, Is.EqualTo(BlockStatus.Ok));
        }

        Assert.That(() => block.TryStart(out _), Throws.InvalidOperationException, "it is running");
    }

    [Test]
    public void A_change_touches_nothing_of_the_driver_before_its_owner_looks([Values] bool asksForReset)
    {
        using ModelBench<BlockDevice> bench = Disk(Packed);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        ulong before = block.Capacity;
        bench.Sink.Driver = null;
        bench.Model.Resize(32);
        if (asksForReset)
        {
            bench.Model.SetNeedsReset("for the test");
        }

        Assert.That(bench.Sink.Events, Is.Not.Empty.And.All.EqualTo("configuration"));
        Assert.That((block.State, block.Capacity), Is.EqualTo((DeviceState.Running, before)));
        block.ObserveChange();
        Assert.That(
            (block.State, block.Capacity),
            Is.EqualTo(asksForReset ? (DeviceState.NeedsReset, before) : (DeviceState.Running, 32UL)));
        block.Stop();
    }

    [Test]
    public void A_look_at_a_device_that_is_not_live_does_nothing([Values] bool wasLive)
    {
        using ModelBench<BlockDevice> bench = Disk(Packed);
        VirtioBlock block = bench.Create<VirtioBlock>("disk0");
        if (wasLive)
        {
            Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
            block.Stop();
        }

        DeviceState state = block.State;
        bench.Model.Resize(32);
        bench.Model.SetNeedsReset("for the test");
        block.ObserveChange();
        Assert.That((block.State, block.Trouble), Is.EqualTo((state, default(Failure))));
        Assert.That(block.Capacity, Is.Not.EqualTo(32));
    }

    [Test]
    public void A_network_card_that_broke_its_queue_is_brought_up_again([Values(0UL, Packed)] ulong format)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Model.OfferedFeatures = FeatureBit.Version1 | format;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        for (int life = 0; life < 3; life++)
        {
            ModelQueue queue = bench.Model.Queues[NetDevice.ReceiveQueue];
            queue.Ring!.Forge(0xFFFF);
            Assert.That(net.Receive(new RecordingFrames(), 4), Is.Zero);
            Assert.That(net.State, Is.EqualTo(DeviceState.NeedsReset));
            Assert.That(net.Stop(), Is.True);
            Assert.That(net.TryStart(out Failure? failure), Is.True, failure?.ToString());
            Assert.That(bench.Deliver(new byte[60]), Is.True);
            Assert.That(net.Receive(new RecordingFrames(), 4), Is.EqualTo(1));
        }

        net.Stop();
        Assert.That(bench.Machine.Memory.Freed, Is.EqualTo(bench.Machine.Memory.Allocated));
    }

    [Test]
    public void A_second_life_that_fails_gives_memory_back_once()
    {
        using ModelBench<BlockDevice> bench = Disk(Packed);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        block.Stop();
        int freed = bench.Machine.Memory.Freed;
        bench.Model.RefusesFeatures = true;
        Assert.That(block.TryStart(out _), Is.False);
        Assert.That(bench.Machine.Memory.Freed, Is.EqualTo(freed));
        Assert.That(block.State, Is.EqualTo(DeviceState.Stopped));
        bench.Model.RefusesFeatures = false;
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
    }

    [Test]
    public void A_suspended_device_is_left_alone_until_it_is_resumed([Values(0UL, Packed)] ulong format)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Model.OfferedFeatures = FeatureBit.Version1 | FeatureBit.Suspend | format;
        bench.Model.SuspendDelay = 20;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(net.Resume(), Is.False, "it is not suspended");
        bench.Deliver(new byte[60]);
        Assert.That(net.TryTransmit(new byte[60]), Is.EqualTo(TransmitStatus.Ok));

        Assert.That(net.Suspend(), Is.True);
        Assert.That(net.State, Is.EqualTo(DeviceState.Suspended));
        Assert.That(bench.Model.Status, Is.EqualTo(0x1B));
        Assert.That(net.Suspend(), Is.False, "it is suspended already");
        Assert.That(net.TryTransmit(new byte[60]), Is.EqualTo(TransmitStatus.NotRunning));
        net.NotifyTransmit();
        Assert.That(net.Receive(new RecordingFrames(), 4), Is.Zero, "its buffer would be made available again");
        Assert.That(bench.Model.SentFrames, Is.Empty);

        Assert.That(net.Resume(), Is.True);
        Assert.That(bench.Model.Status, Is.EqualTo(0xF));
        Assert.That(bench.Model.SentFrames, Has.Count.EqualTo(1), "what was added before is announced now");
        Assert.That(net.Receive(new RecordingFrames(), 4), Is.EqualTo(1));
        Assert.That(net.Suspend() && net.Stop(), Is.True);
    }

    [Test]
    public void Completions_of_a_suspended_disk_can_be_taken()
    {
        using ModelBench<BlockDevice> bench = Disk(Packed | FeatureBit.Suspend);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Read(block, Data(bench), 3);
        block.Queue(0).Notify();
        Assert.That(block.Suspend(), Is.True);
        Assert.That(Read(block, Data(bench), 4), Is.EqualTo(BlockStatus.NotRunning));
        Assert.That(block.Queue(0).Drain(new BlockCompletion[4]), Is.EqualTo(1));
        Assert.That(block.Resume(), Is.True);
    }

    [Test]
    public void A_device_without_SUSPEND_keeps_running()
    {
        using ModelBench<BlockDevice> bench = Disk(Packed);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(block.Suspend(), Is.False);
        Assert.That(block.State, Is.EqualTo(DeviceState.Running));
        Assert.That(bench.Model.Status, Is.EqualTo(0xF));
    }

    [Test]
    public void A_device_that_fails_to_suspend_or_resume_needs_a_reset([Values] bool asks, [Values] bool atResume)
    {
        using ModelBench<BlockDevice> bench = Disk(FeatureBit.Suspend);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(!atResume || block.Suspend(), Is.True);
        bench.Sink.Driver = null;
        bench.Model.FailsToSuspend = asks && !atResume;
        bench.Model.FailsToResume = asks && atResume;
        bench.Model.SuspendDelay = int.MaxValue;
        ulong before = bench.Machine.Time.Nanoseconds;
        Assert.That(atResume ? block.Resume() : block.Suspend(), Is.False);
        Assert.That(bench.Machine.Time.Nanoseconds - before, Is.LessThan(2 * VirtioTransport.ResetDeadline));
        Assert.That(block.State, Is.EqualTo(DeviceState.NeedsReset));
        Assert.That(
            block.Trouble?.Of("the device"),
            Is.EqualTo(atResume ? "the device does not resume" : "the device does not suspend"));
        Assert.That(block.Stop(), Is.True);
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
    }

    [Test]
    public void A_queue_is_reset_alone_and_comes_back_with_another_size([Values(0UL, Packed)] ulong format)
    {
        using ModelBench<BlockDevice> bench = Disk(format | FeatureBit.RingReset);
        bench.Model.QueueResetDelay = 3;
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        BlockCompletion[] completions = new BlockCompletion[8];
        foreach (int size in new[] { 16, 8, 64 })
        {
            bench.HoldRequests();
            Read(block, Data(bench), 1);
            Read(block, Data(bench), 2);
            block.Queue(0).Notify();
            Assert.That(block.Queue(0).TryReset(size), Is.True);
            Assert.That(block.State, Is.EqualTo(DeviceState.Running));
            Assert.That(block.Describe().Queues[0].Size, Is.EqualTo(size));
            Assert.That(block.Queue(0).MaximumRequests, Is.EqualTo(size / 2));
            Assert.That(block.Queue(0).Drain(completions), Is.EqualTo(2));
            Assert.That(completions.Take(2).Select(c => c.Token), Is.EquivalentTo(new[] { 1, 2 }));
            Assert.That(completions.Take(2).Select(c => c.Status), Is.All.EqualTo(BlockStatus.Aborted));

            bench.Model.Queues[0].Policy = new InOrderCompletion();
            Read(block, Data(bench), 3);
            block.Queue(0).Notify();
            Assert.That(block.Queue(0).Drain(completions), Is.EqualTo(1));
            Assert.That(completions[0].Status, Is.EqualTo(BlockStatus.Ok));
        }
    }

    [Test]
    public void A_queue_whose_reset_does_not_end_takes_the_device_along()
    {
        using ModelBench<BlockDevice> bench = Disk(FeatureBit.RingReset);
        bench.Model.QueueResetDelay = int.MaxValue;
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(block.Queue(0).TryReset(8), Is.False);
        Assert.That(block.State, Is.EqualTo(DeviceState.NeedsReset));
        Assert.That(block.Trouble?.Of("the device"), Is.EqualTo("requestq1: the device does not finish its reset"));
        Assert.That(block.Stop(), Is.True);
    }

    [Test]
    public void A_device_without_RING_RESET_keeps_its_queue()
    {
        using ModelBench<BlockDevice> bench = Disk(Packed);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(block.Queue(0).TryReset(8), Is.False);
        Assert.That(block.State, Is.EqualTo(DeviceState.Running));
    }

    [Test]
    public void Where_memory_for_the_new_queue_is_missing_nothing_is_lost([Values(0, 1)] int allocations)
    {
        using ModelBench<BlockDevice> bench = Disk(FeatureBit.RingReset);
        bench.HoldRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Read(block, Data(bench), 1);
        bench.Machine.Memory.AllocationsLeft = allocations;
        Assert.That(block.Queue(0).TryReset(8), Is.False);
        Assert.That(block.State, Is.EqualTo(DeviceState.NeedsReset));
        Assert.That(block.Trouble?.Of("the device"), Is.EqualTo("the device cannot be given memory for its queues"));
        Assert.That(block.Stop(), Is.True);
        Assert.That(block.Queue(0).Drain(new BlockCompletion[4]), Is.EqualTo(1));
        bench.Machine.Memory.AllocationsLeft = 100;
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
    }

    [Test]
    public void A_split_queue_of_an_odd_maximum_gets_a_power_of_two()
    {
        using ModelBench<BlockDevice> bench = Disk(0);
        bench.SetQueueSize(100);
        bench.Model.PresentsAnySize = true;
        Assert.That(bench.Start<VirtioBlock>("disk0").Describe().Queues[0].Size, Is.EqualTo(64));
    }

    private static ModelBench<BlockDevice> Disk(ulong form)
    {
        ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.OfferedFeatures = FeatureBit.Version1 | form;
        return bench;
    }

    private static DmaSegment[] Data(ModelBench<BlockDevice> bench)
    {
        DmaMemory buffer = bench.Machine.Memory.Allocate(512, 512)
            ?? throw new AssertionException("no memory for data");
        buffer.Sync(0, 512, DmaSync.PreRead);
        return new[] { buffer.Segment(0, 512) };
    }

    private static BlockStatus Read(VirtioBlock block, DmaSegment[] data, int token) =>
        block.Queue(0).TrySubmit(BlockOperation.Read, 0, data, token);
}
