using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Hostile;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>
/// Devices at which something never ends or never makes sense, one thing at a time, over both transports: every wait
/// has a deadline, every interrupt a bounded answer, and what a device may still use is not used by anybody else.
/// </summary>
public class EndlessDeviceTests
{
    private const uint Features = 0x04;
    private const uint NumQueues = 0x12;
    private const uint Status = 0x14;
    private const uint Generation = 0x15;
    private const uint QueueSize = 0x18;
    private const uint QueueEnable = 0x1C;
    private const uint QueueNotifyOff = 0x1E;
    private const uint QueueReset = 0x3A;
    private const uint Isr = 0x1000;
    private const uint SegMax = 0x200C;

    private const uint MmioFeatures = 0x10;
    private const uint MmioSizeMax = 0x34;
    private const uint MmioReady = 0x44;
    private const uint MmioInterrupts = 0x60;
    private const uint MmioStatus = 0x70;
    private const uint MmioQueueReset = 0xC0;
    private const uint MmioGeneration = 0xFC;
    private const uint MmioSegMax = 0x10C;

    /// <summary>How many waits the deadline of one second takes.</summary>
    private const ulong Deadline = 100;

    [Test]
    public void A_reset_that_never_ends_costs_the_device_its_memory_and_nobody_else([Values] bool isMmio)
    {
        using LiarBench bench = new LiarBench(isMmio);
        VirtioBlock block = bench.StartBlock();
        int token = SubmitOne(bench, block);
        ulong waits = bench.Machine.Time.Waits;
        bench.Pin(Status, MmioStatus, 0xF);
        Assert.That(block.Stop(), Is.False);
        Assert.That(block.State, Is.EqualTo(DeviceState.Abandoned));
        Assert.That(block.Trouble?.Of("the device"), Is.EqualTo("the device does not finish its reset"));
        Assert.That(bench.Machine.Time.Waits - waits, Is.EqualTo(Deadline));
        Assert.That(bench.Honest?.CanAccessMemory, Is.Not.True, "bus mastering is off");
        Assert.That(
            bench.Machine.Memory.Quarantined, Is.EqualTo(bench.Machine.Memory.Allocated - 1), "all but the data");
        Assert.That(bench.Machine.Memory.QuarantinedBytes, Is.GreaterThan(4096));
        Assert.That(bench.Machine.Lines.Warnings, Has.Some.Contains("quarantined"));
        BlockCompletion[] completions = new BlockCompletion[2];
        Assert.That(block.Queue(0).Drain(completions), Is.EqualTo(1));
        Assert.That((completions[0].Token, completions[0].Status), Is.EqualTo((token, BlockStatus.Abandoned)));
        Assert.That(() => block.TryStart(out _), Throws.InvalidOperationException, "there is no second life");
    }

    [Test]
    public void A_queue_that_is_still_enabled_after_a_reset_keeps_its_memory([Values] bool isMmio)
    {
        using LiarBench bench = new LiarBench(isMmio);
        VirtioBlock block = bench.StartBlock();
        bench.Pin(QueueEnable, MmioReady, 1);
        Assert.That(block.Stop(), Is.False);
        Assert.That(block.State, Is.EqualTo(DeviceState.Abandoned));
        Assert.That(bench.Machine.Memory.Quarantined, Is.EqualTo(bench.Machine.Memory.Allocated));
    }

    [Test]
    public void A_request_that_never_ends_comes_back_when_the_device_is_stopped([Values] bool isMmio)
    {
        using LiarBench bench = new LiarBench(isMmio);
        bench.Disk.Queues[0].Policy = new HeldBackCompletion();
        VirtioBlock block = bench.StartBlock();
        int token = SubmitOne(bench, block);
        bench.Disk.Run();
        BlockCompletion[] completions = new BlockCompletion[2];
        Assert.That(block.Queue(0).Drain(completions), Is.Zero);
        Assert.That(block.Stop(), Is.True);
        Assert.That(block.Queue(0).Drain(completions), Is.EqualTo(1));
        Assert.That((completions[0].Token, completions[0].Status), Is.EqualTo((token, BlockStatus.Aborted)));
        Assert.That(bench.Machine.Memory.Freed, Is.EqualTo(bench.Machine.Memory.Allocated - 1), "all but the data");
    }

    [Test]
    public void A_queue_reset_that_never_ends_needs_a_reset_as_a_whole([Values] bool isMmio)
    {
        using LiarBench bench = new LiarBench(isMmio);
        VirtioBlock block = bench.StartBlock();
        SubmitOne(bench, block);
        ulong waits = bench.Machine.Time.Waits;
        bench.Pin(QueueReset, MmioQueueReset, 1);
        Assert.That(block.Queue(0).TryReset(8), Is.False);
        Assert.That(block.State, Is.EqualTo(DeviceState.NeedsReset));
        Assert.That(bench.Machine.Time.Waits - waits, Is.EqualTo(Deadline));
        Assert.That(block.Stop(), Is.True);
        BlockCompletion[] completions = new BlockCompletion[2];
        Assert.That(block.Queue(0).Drain(completions), Is.EqualTo(1), "the request was never given back early");
    }

    [Test]
    public void A_device_that_never_shows_FEATURES_OK_is_refused([Values] bool isMmio)
    {
        using LiarBench bench = new LiarBench(isMmio);
        bench.Lie(Status, MmioStatus, LieKind.EveryOther, 0);
        Assert.That(bench.FailToStart(), Does.StartWith("did not accept the features"));
    }

    [Test]
    public void A_status_that_is_never_zero_is_no_reset([Values] bool isMmio)
    {
        using LiarBench bench = new LiarBench(isMmio);
        bench.Lie(Status, MmioStatus, LieKind.WrongBits, 0x20);
        Assert.That(bench.FailToStart(), Is.EqualTo("does not finish its reset"));
        Assert.That(bench.Machine.Time.Waits, Is.EqualTo(2 * Deadline));
    }

    [Test]
    public void A_configuration_that_never_settles_is_refused_after_some_attempts([Values] bool isMmio)
    {
        using LiarBench bench = new LiarBench(isMmio);
        bench.Lie(Generation, MmioGeneration, LieKind.Counting);
        Assert.That(bench.FailToStart(), Is.EqualTo("changes its configuration without end"));
    }

    [Test]
    public void A_configuration_that_stops_settling_brings_the_device_down([Values] bool isMmio)
    {
        using LiarBench bench = new LiarBench(isMmio);
        VirtioBlock block = bench.StartBlock();
        bench.Lie(Generation, MmioGeneration, LieKind.Counting);
        bench.Disk.Resize(32);
        bench.Machine.Messages.Deliver();
        Assert.That(block.State, Is.EqualTo(DeviceState.NeedsReset));
        Assert.That(block.Trouble?.Of("the device"), Is.EqualTo("the device changes its configuration without end"));
        Assert.That(block.Capacity, Is.EqualTo(64), "nothing was taken over that may be torn");
        Assert.That(block.Stop(), Is.True);
    }

    [Test]
    public void Features_that_flip_are_accepted_as_read_or_not_at_all([Values] bool isMmio)
    {
        using LiarBench bench = new LiarBench(isMmio);
        bench.Lie(Features, MmioFeatures, LieKind.Anything);
        VirtioBlock block = bench.NewBlock();
        bool isStarted = block.TryStart(out Failure? failure);
        Assert.That(failure is null, Is.EqualTo(isStarted));
        Assert.That(isStarted && (bench.Disk.DriverFeatures & ~bench.Disk.OfferedFeatures) != 0, Is.False);
        block.Stop();
    }

    [Test]
    public void A_queue_that_is_not_there_or_too_large_is_refused([Values] bool isMmio)
    {
        using LiarBench none = new LiarBench(isMmio);
        none.Pin(QueueSize, MmioSizeMax, 0);
        Assert.That(none.FailToStart(), Is.EqualTo("lacks its requestq1"));
        using LiarBench huge = new LiarBench(isMmio);
        huge.Pin(QueueSize, MmioSizeMax, 0x8001);
        Assert.That(huge.FailToStart(), Is.EqualTo("has a queue larger than the specification allows"));
    }

    [Test]
    public void A_queue_size_that_is_not_kept_is_refused()
    {
        using LiarBench bench = new LiarBench(isMmio: false);
        bench.Lie(QueueSize, 0, LieKind.Counting);
        Assert.That(bench.FailToStart(), Is.EqualTo("has a request queue too small for any transfer"));
        using LiarBench other = new LiarBench(isMmio: false);
        other.Disk.OfferedFeatures &= ~FeatureBit.RingPacked;
        other.Lie(QueueSize, 0, LieKind.WrongBits, 1);
        Assert.That(other.FailToStart(), Is.EqualTo("does not take the size of a queue"));
    }

    [Test]
    public void A_device_without_queues_is_refused()
    {
        using LiarBench bench = new LiarBench(isMmio: false);
        bench.Pin(NumQueues, 0, 0);
        Assert.That(bench.FailToStart(), Is.EqualTo("has fewer queues than its type needs"));
    }

    [Test]
    public void A_notification_is_never_written_outside_its_structure()
    {
        using LiarBench bench = new LiarBench(isMmio: false);
        bench.Pin(QueueNotifyOff, 0, 0xFFFF);
        Assert.That(
            bench.FailToStart(), Is.EqualTo("places a queue's notifications outside the notification structure"));
    }

    [Test]
    public void A_queue_that_is_ready_before_its_time_or_never_is_refused()
    {
        using LiarBench early = new LiarBench(isMmio: true);
        early.Pin(0, MmioReady, 1);
        Assert.That(early.FailToStart(), Is.EqualTo("has a queue in use before the driver made it ready"));
        using LiarBench other = new LiarBench(isMmio: false);
        other.Pin(QueueEnable, 0, 1);
        Assert.That(other.FailToStart(), Is.EqualTo("has a queue in use before the driver enabled it"));
        using LiarBench never = new LiarBench(isMmio: true);
        never.Pin(0, MmioReady, 0);
        Assert.That(never.FailToStart(), Is.EqualTo("does not make a queue ready"));
    }

    [Test]
    public void A_line_that_nobody_asked_for_is_masked_and_the_driver_works_on()
    {
        using LiarBench bench = new LiarBench(isMmio: false);
        VirtioBlock block = bench.StartBlock();
        bench.Pin(Isr, 0, 0);
        bench.Machine.Messages.RaiseLine(11);
        Assert.That(bench.Machine.Messages.Deliver(), Is.EqualTo(1000), "one look at the status each");
        Assert.That(bench.Machine.Messages.MaskedLines, Is.EqualTo(new byte[] { 11 }));
        Assert.That(bench.Sink.Events, Is.Empty);
        SubmitOne(bench, block);
        bench.Disk.Run();
        BlockCompletion[] completions = new BlockCompletion[2];
        Assert.That(block.Queue(0).Drain(completions), Is.EqualTo(1), "polling goes on");
        block.Stop();
    }

    [Test]
    public void Status_bits_that_are_always_set_bring_a_bounded_answer_to_each_interrupt([Values] bool isMmio)
    {
        using LiarBench bench = new LiarBench(isMmio);
        VirtioBlock block = bench.StartBlock();
        bench.Pin(Isr, MmioInterrupts, 0xFF);
        bench.Machine.Messages.RaiseLine(11);
        long before = bench.Meter.Accesses;
        Assert.That(bench.Machine.Messages.Deliver(limit: 1), Is.EqualTo(1));
        Assert.That(bench.Meter.Accesses - before, Is.LessThan(isMmio ? 2000 : 30));
        Assert.That(bench.Sink.Events.Count(e => e == "queue 0"), Is.EqualTo(isMmio ? 64 : 1));
        Assert.That(block.State, Is.EqualTo(DeviceState.Running));
        block.Stop();
    }

    [Test]
    public void A_storm_of_messages_is_answered_one_by_one()
    {
        using LiarBench bench = new LiarBench(isMmio: false, vectorCount: 2);
        VirtioBlock block = bench.StartBlock();
        Assert.That(block.Describe().Interrupts, Does.StartWith("MSI-X"));
        for (int i = 0; i < 1000; i++)
        {
            bench.Disk.ChangeConfiguration(() => { });
            bench.Meter.Restart();
            long before = bench.Meter.Accesses;
            Assert.That(bench.Machine.Messages.Deliver(), Is.EqualTo(1));
            Assert.That(bench.Meter.Accesses - before, Is.LessThan(20));
        }

        Assert.That(block.State, Is.EqualTo(DeviceState.Running));
        block.Stop();
    }

    [Test]
    public void A_disk_whose_number_of_segments_is_0_gets_one_each_time([Values] bool isMmio)
    {
        using LiarBench bench = new LiarBench(isMmio);
        bench.Disk.OfferedFeatures |= 1 << 2;
        bench.Pin(SegMax, MmioSegMax, 0);
        VirtioBlock block = bench.StartBlock();
        Assert.That(block.Queue(0).MaximumSegments, Is.EqualTo(1));
        block.Stop();
    }

    private static int SubmitOne(LiarBench bench, VirtioBlock block)
    {
        DmaMemory data = bench.Machine.Dma.Allocate(512, 512)!;
        Assert.That(
            block.Queue(0).TrySubmit(BlockOperation.Read, 0, [data.Segment(0, 512)], 9), Is.EqualTo(BlockStatus.Ok));
        block.Queue(0).Notify();
        return 9;
    }
}
