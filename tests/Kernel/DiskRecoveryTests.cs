using System;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Kernel.Tests.Fakes;
using BlockStatus = VirtioGuest.Drivers.Virtio.Devices.Block.BlockStatus;

namespace VirtioGuest.Kernel.Tests;

/// <summary>
/// Disks whose device gets into trouble. The machine's memory records every hand-over, so that a buffer which is not
/// taken back, or given twice, fails these tests too.
/// </summary>
[TestFixture(0UL)]
[TestFixture(FeatureBit.RingPacked)]
[TestFixture(FeatureBit.IndirectDescriptors | FeatureBit.EventIndex)]
[TestFixture(FeatureBit.RingPacked | FeatureBit.IndirectDescriptors | FeatureBit.EventIndex)]
internal sealed class DiskRecoveryTests
{
    private const ulong Millisecond = 1_000_000;
    private const int SizeMaxField = 8;
    private const int SegMaxField = 12;
    private const uint QueueSelect = 0x16;
    private const uint QueueMsixVector = 0x1A;
    private const int Sectors = 1024;

    // Three transfers of 256 sectors at most.
    private const int Many = 600;

    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    private readonly ulong _features;

    public DiskRecoveryTests(ulong features)
    {
        _features = FeatureBit.Version1 | features;
    }

    [Test]
    public void What_was_in_flight_is_read_once_the_device_is_back([Values] bool isBroken)
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench);
        byte[] read = new byte[Many * 512];
        Task<BlockStatus> reading = Hold(bench, 3, () => disk.Read(100, read));

        Trouble(bench, isBroken);

        Assert.That(reading.Wait(s_timeout), Is.True);
        Assert.That(reading.Result, Is.EqualTo(BlockStatus.Ok));
        Assert.That(read.AsSpan().SequenceEqual(bench.Model.Disk.Slice(100 * 512, read.Length)), Is.True);
        Assert.That(Log(bench).Requests, Has.Count.EqualTo(3), "each was done once");
        Assert.That(disk.Read(7, read), Is.EqualTo(BlockStatus.Ok));
        Assert.That(read.AsSpan().SequenceEqual(bench.Model.Disk.Slice(7 * 512, read.Length)), Is.True);
        DeviceDescription description = disk.Device.Describe();
        Assert.That(description.Restarts, Is.EqualTo(1));
        string trouble = isBroken
            ? "requestq1: the device used a buffer ID out of range"
            : "the device asks for a reset";
        Assert.That(description.LastTrouble, Is.EqualTo(trouble));
        Assert.That(description.Trouble, Is.Null);
        Assert.That(bench.Machine.Lines.Warnings, Is.EqualTo(new[] { "disk0: " + description.LastTrouble }));
    }

    [Test]
    public async Task What_was_in_flight_is_written_once_the_device_is_back()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench);
        byte[] content = new byte[Many * 512];
        new Random(1).NextBytes(content);
        bench.HoldRequests();
        Task<BlockStatus> writing = disk.WriteAsync(11, content).AsTask();
        Assert.That(() => bench.Model.Queues[0].Finished, Is.EqualTo(3).After(10_000, 10));

        Trouble(bench, isBroken: false);

        Assert.That(await Task.WhenAny(writing, Task.Delay(s_timeout)), Is.SameAs(writing));
        Assert.That(await writing, Is.EqualTo(BlockStatus.Ok));
        Assert.That(bench.Model.Disk.Slice(11 * 512, content.Length).SequenceEqual(content), Is.True);
        disk.Remove();
    }

    [Test]
    public void What_the_device_had_done_before_is_not_done_again()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench);
        byte[] read = new byte[Many * 512];
        Task<BlockStatus> reading = Hold(bench, 3, () => disk.Read(0, read));
        bench.Function!.WriteBar(0, QueueSelect, 2, 0);
        bench.Function.WriteBar(0, QueueMsixVector, 2, ModelQueue.NoVector);
        Assert.That(Log(bench).Requests, Is.EqualTo(new[] { "0@0", "0@256", "0@512" }));
        bench.Complete((HeldBackCompletion)bench.Model.Queues[0].Policy, 1);

        Trouble(bench, isBroken: false);

        Assert.That(reading.Wait(s_timeout), Is.True);
        Assert.That(reading.Result, Is.EqualTo(BlockStatus.Ok));
        Assert.That(Log(bench).Requests, Is.EquivalentTo(new[] { "0@0", "0@512" }));
        Assert.That(read.AsSpan().SequenceEqual(bench.Model.Disk[..read.Length]), Is.True);
    }

    [Test]
    public void What_comes_to_nothing_twice_fails()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench);
        Task<BlockStatus> writing = Hold(bench, 1, () => disk.Write(0, new byte[512]));
        bench.Model.SetNeedsReset("for the test");
        Assert.That(bench.Model.Queues[0].Finished, Is.EqualTo(1), "it was sent once more");

        Trouble(bench, isBroken: false);

        Assert.That(writing.Wait(s_timeout), Is.True);
        Assert.That(writing.Result, Is.EqualTo(BlockStatus.Aborted));
        Assert.That(Log(bench).Requests, Is.Empty);
        Assert.That(disk.IsUsable, Is.True);
        Assert.That(disk.Write(0, new byte[512]), Is.EqualTo(BlockStatus.Ok));
        Assert.That(
            BlockStatus.Aborted.Describe(), Is.EqualTo("the device misbehaved and was reset before it was done"));
    }

    [Test]
    public void A_device_that_breaks_again_and_again_is_given_up()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench);
        byte[] sector = new byte[512];
        for (int attempt = 0; attempt < DeviceRecovery.Attempts; attempt++)
        {
            bench.Model.SetNeedsReset("for the test");
            Assert.That(disk.Read(0, sector), Is.EqualTo(BlockStatus.Ok), $"attempt {attempt}");
        }

        bench.Model.SetNeedsReset("for the test");

        Assert.That(disk.Read(0, sector), Is.EqualTo(BlockStatus.NotRunning));
        Assert.That(disk.IsUsable, Is.False);
        Assert.That(disk.Device.State, Is.EqualTo(DeviceState.Stopped));
        Assert.That(bench.Function!.CanAccessMemory, Is.False);
        Assert.That(
            bench.Machine.Lines.Warnings[^1],
            Is.EqualTo("disk0: given up: it was in trouble after each of 3 attempts"));
        var shell = new ShellBench(disk);
        Assert.That(shell.Run("disks"), Does.EndWith("out of use"));
        Assert.That(
            shell.Run("blk 0 checksum 0 1"), Is.EqualTo("error: disk0: the device misbehaved and is out of use"));
    }

    [Test]
    public void A_device_that_works_for_a_while_has_all_attempts_again()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench);
        for (int trouble = 0; trouble < 2 * DeviceRecovery.Attempts; trouble++)
        {
            if (trouble == DeviceRecovery.Attempts)
            {
                bench.Machine.Time.Advance(DeviceRecovery.AttemptsForgottenAfter);
            }

            bench.Model.SetNeedsReset("for the test");
            Assert.That(disk.Read(0, new byte[512]), Is.EqualTo(BlockStatus.Ok), $"trouble {trouble}");
        }

        bench.Model.SetNeedsReset("for the test");
        Assert.That(disk.IsUsable, Is.False);
    }

    [Test]
    public void A_device_that_does_not_start_again_is_tried_and_given_up()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench);
        Task<BlockStatus> reading = Hold(bench, 1, () => disk.Read(0, new byte[512]));
        bench.Model.RefusesFeatures = true;

        bench.Model.SetNeedsReset("for the test");

        Assert.That(reading.Wait(s_timeout), Is.True);
        Assert.That(reading.Result, Is.EqualTo(BlockStatus.NotRunning));
        Assert.That(bench.Machine.Lines.Warnings, Has.Count.EqualTo(5));
        Assert.That(
            bench.Machine.Lines.Warnings[3],
            Does.StartWith("disk0: cannot be brought up again, attempt 3 of 3: it did not accept the features"));
        Assert.That(bench.Machine.Memory.Quarantined, Is.Zero);
    }

    [Test]
    public void A_device_that_does_not_confirm_its_reset_is_quarantined_and_named()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench);
        byte[] read = new byte[Many * 512];
        Task<BlockStatus> reading = Hold(bench, 3, () => disk.Read(0, read));
        int living = bench.Machine.Memory.Allocated - bench.Machine.Memory.Freed;
        Log(bench).Requests.Clear();
        bench.Model.ResetDelay = int.MaxValue;

        bench.Model.SetNeedsReset("for the test");

        Assert.That(reading.Wait(s_timeout), Is.True);
        Assert.That(reading.Result, Is.EqualTo(BlockStatus.NotRunning));
        Assert.That(disk.Device.State, Is.EqualTo(DeviceState.Abandoned));
        Assert.That(bench.Function!.CanAccessMemory, Is.False);
        Assert.That(bench.Machine.Memory.Quarantined, Is.EqualTo(living), "rings, requests and the three buffers");
        Assert.That(Log(bench).Requests, Is.Empty, "nothing is repeated");
        Assert.That(read, Has.All.Zero);
        Assert.That(bench.Machine.Lines.Warnings, Is.EqualTo(new[]
        {
            "disk0: the device asks for a reset",
            "disk0: the device does not confirm its reset: cut off, its memory is quarantined",
            "disk0: given up: it does not confirm a reset",
        }));
        ulong quarantined = disk.Device.Describe().QuarantinedBytes;
        Assert.That(quarantined, Is.GreaterThan(3UL * 128 * 1024));
        var shell = new ShellBench(disk);
        shell.Devices.Add(disk.Device);
        Assert.That(shell.Run("mem"), Does.Match($@"(?m)^  quarantined:.*\n    by disk0: +{quarantined} "));
        Assert.That(shell.Run("lsvirtio"), Does.Contain($"\n    quarantined: {quarantined} bytes\n"));
        Assert.That(shell.Run("lsvirtio"), Does.Contain(", abandoned\n    trouble: the device asks for a reset\n"));
        Assert.That(disk.Read(0, new byte[512]), Is.EqualTo(BlockStatus.NotRunning));
    }

    [Test]
    public void A_device_that_does_not_answer_within_the_limit_is_reset_and_used_on()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench, TimeSpan.FromMilliseconds(300));
        Task<BlockStatus> reading = Hold(bench, 1, () => disk.Read(0, new byte[512]));

        bench.Machine.Time.Advance(400 * Millisecond);

        Assert.That(reading.Wait(s_timeout), Is.True);
        Assert.That(reading.Result, Is.EqualTo(BlockStatus.TimedOut));
        Assert.That(bench.Model.Queues[0].Finished, Is.Zero, "it is not sent again");
        Assert.That(Log(bench).Requests, Has.Count.EqualTo(1));
        bench.Model.Queues[0].Policy = new InOrderCompletion();
        Assert.That(disk.Read(0, new byte[512]), Is.EqualTo(BlockStatus.Ok));
        Assert.That(disk.Device.Describe().Restarts, Is.EqualTo(1));
        Assert.That(
            bench.Machine.Lines.Warnings,
            Is.EqualTo(new[] { "disk0: a read of sector 0 was not answered for 0.3 s, which is the limit" }));
    }

    [Test]
    public void Answers_that_come_while_the_limit_is_told_of_save_the_device_a_reset()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench, TimeSpan.FromSeconds(1));
        HeldBackCompletion held = bench.HoldRequests();
        DiskRequest first = Begin(disk, BlockOperation.Read, 10);
        DiskRequest second = Begin(disk, BlockOperation.Read, 20);
        int told = 0;
        bench.Machine.Lines.Warned = _ =>
        {
            if (++told == 2)
            {
                bench.Complete(held, 0);
                bench.Complete(held, 0);
            }
        };
        bench.Machine.Time.Advance(1100 * Millisecond);

        disk.LookAtClock();

        Assert.That(told, Is.EqualTo(2));
        Assert.That((StatusOf(first), StatusOf(second)), Is.EqualTo((BlockStatus.Ok, BlockStatus.Ok)));
        Assert.That(disk.Device.Describe().Restarts, Is.Zero);
    }

    [Test]
    public void A_stuck_request_fails_alone()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench, TimeSpan.FromSeconds(1));
        HeldBackCompletion held = bench.HoldRequests();
        DiskRequest stuck = Begin(disk, BlockOperation.Read, 10);
        bench.Machine.Time.Advance(900 * Millisecond);
        DiskRequest innocent = Begin(disk, BlockOperation.Write, 20);
        disk.LookAtClock();
        Assert.That(stuck.IsInFlight, Is.True);

        bench.Machine.Time.Advance(100 * Millisecond);
        disk.LookAtClock();

        Assert.That(StatusOf(stuck), Is.EqualTo(BlockStatus.TimedOut));
        Assert.That(innocent.IsInFlight, Is.True);
        Assert.That(bench.Model.Queues[0].Finished, Is.EqualTo(1), "the other is sent again");
        bench.Machine.Time.Advance(900 * Millisecond);
        disk.LookAtClock();
        Assert.That(innocent.IsInFlight, Is.True, "with a limit of its own");
        bench.Complete(held, 0);
        Assert.That(StatusOf(innocent), Is.EqualTo(BlockStatus.Ok));
        Assert.That(Log(bench).Requests, Is.EqualTo(new[] { "0@10", "1@20", "1@20" }));
    }

    [Test]
    public void What_is_repeated_after_trouble_has_its_whole_limit_again()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench, TimeSpan.FromSeconds(1));
        HeldBackCompletion held = bench.HoldRequests();
        DiskRequest request = Begin(disk, BlockOperation.Write, 20);
        bench.Machine.Time.Advance(900 * Millisecond);
        disk.LookAtClock();

        bench.Model.SetNeedsReset("it says so");
        Assert.That(() => disk.Device.Describe().Restarts, Is.EqualTo(1).After(10_000, 1));
        bench.Machine.Time.Advance(900 * Millisecond);
        disk.LookAtClock();

        Assert.That(request.IsInFlight, Is.True);
        bench.Complete(held, 0);
        Assert.That(StatusOf(request), Is.EqualTo(BlockStatus.Ok));
    }

    [Test]
    public void A_request_that_others_overtake_is_overdue_all_the_same()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench, TimeSpan.FromSeconds(5));
        HeldBackCompletion held = bench.HoldRequests();
        DiskRequest stuck = Begin(disk, BlockOperation.Read, 1);
        for (int second = 0; second < 5; second++)
        {
            Assert.That(stuck.IsInFlight, Is.True);
            DiskRequest other = Begin(disk, BlockOperation.Read, 2);
            bench.Complete(held, 1);
            Assert.That(StatusOf(other), Is.EqualTo(BlockStatus.Ok));
            disk.Return(other);
            bench.Machine.Time.Advance(1000 * Millisecond);
            disk.LookAtClock();
        }

        Assert.That(StatusOf(stuck), Is.EqualTo(BlockStatus.TimedOut));
    }

    [Test]
    public void A_device_that_works_off_its_queue_is_not_reset_however_slow_it_is()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench, TimeSpan.FromSeconds(5));
        HeldBackCompletion held = bench.HoldRequests();
        DiskRequest[] transfers = new DiskRequest[8];
        for (int i = 0; i < transfers.Length; i++)
        {
            transfers[i] = Begin(disk, BlockOperation.Read, (ulong)i);
        }

        // 4 s for each: the last one is answered after 32.
        foreach (DiskRequest transfer in transfers)
        {
            for (int second = 0; second < 4; second++)
            {
                bench.Machine.Time.Advance(1000 * Millisecond);
                disk.LookAtClock();
            }

            bench.Complete(held, 0);
            Assert.That(StatusOf(transfer), Is.EqualTo(BlockStatus.Ok));
        }

        Assert.That(disk.Device.Describe().Restarts, Is.Zero);
    }

    [Test]
    public void Time_in_which_the_guest_did_not_run_does_not_count()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench, TimeSpan.FromSeconds(5));
        HeldBackCompletion held = bench.HoldRequests();
        DiskRequest transfer = Begin(disk, BlockOperation.Read, 1);
        disk.LookAtClock();

        bench.Machine.Time.Advance(3600 * 1000 * Millisecond);
        disk.LookAtClock();
        bench.Machine.Time.Advance(2000 * Millisecond);
        disk.LookAtClock();

        Assert.That(transfer.IsInFlight, Is.True);
        bench.Machine.Time.Advance(1000 * Millisecond);
        disk.LookAtClock();
        Assert.That(transfer.IsInFlight, Is.False, "but what it did run counts");
    }

    [Test]
    public void Without_a_limit_a_request_is_named_at_growing_intervals_and_waited_for()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench);
        Task<BlockStatus> reading = Hold(bench, 1, () => disk.Read(7, new byte[512]));
        for (int second = 0; second < 300; second++)
        {
            bench.Machine.Time.Advance(1000 * Millisecond);
            disk.LookAtClock();
        }

        bench.Complete((HeldBackCompletion)bench.Model.Queues[0].Policy, 0);

        Assert.That(reading.Wait(s_timeout), Is.True);
        Assert.That(reading.Result, Is.EqualTo(BlockStatus.Ok));
        Assert.That(bench.Machine.Lines.Warnings, Is.EqualTo(new[]
        {
            "disk0: a read of sector 7 has not been answered for 30 s, still waiting",
            "disk0: a read of sector 7 has not been answered for 60 s, still waiting",
            "disk0: a read of sector 7 has not been answered for 120 s, still waiting",
            "disk0: a read of sector 7 has not been answered for 240 s, still waiting",
        }));
        Assert.That(
            bench.Machine.Lines.Notices[^1], Is.EqualTo("disk0: the read of sector 7 was answered after 300 s"));
    }

    [Test]
    public void An_answer_that_no_interrupt_tells_of_is_found()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench);
        bench.Function!.WriteBar(0, QueueSelect, 2, 0);
        bench.Function.WriteBar(0, QueueMsixVector, 2, ModelQueue.NoVector);
        for (int request = 0; request < 4; request++)
        {
            DiskRequest transfer = Begin(disk, BlockOperation.Read, 1);
            Assert.That(transfer.IsInFlight, Is.True);
            disk.LookAtClock();
            Assert.That(StatusOf(transfer), Is.EqualTo(BlockStatus.Ok));
            disk.Return(transfer);
        }

        Assert.That(bench.Machine.Lines.Warnings, Is.EqualTo(new[]
        {
            "disk0: no interrupt tells of its answers; they are looked for about once a second",
        }));
    }

    [Test]
    public void Answers_that_no_interrupt_tells_of_are_found_in_every_queue()
    {
        const int Queues = 2;
        using ModelBench<BlockDevice> bench = DiskBench.Create(Sectors, queues: Queues);
        bench.Model.OfferedFeatures |= _features;
        Disk disk = Start(bench);
        for (uint queue = 0; queue < Queues; queue++)
        {
            bench.Function!.WriteBar(0, QueueSelect, 2, queue);
            bench.Function.WriteBar(0, QueueMsixVector, 2, ModelQueue.NoVector);
        }

        // Threads that come one after the other have different queues.
        for (int i = 0; i < 2 * Queues; i++)
        {
            DiskRequest? transfer = null;
            var user = new Thread(() => transfer = Begin(disk, BlockOperation.Read, 1));
            user.Start();
            user.Join();
            Assert.That(transfer!.IsInFlight, Is.True);
            disk.LookAtClock();
            Assert.That(StatusOf(transfer), Is.EqualTo(BlockStatus.Ok));
            disk.Return(transfer);
        }

        Assert.That(
            disk.Device.Describe().Queues, Has.All.Matches<QueueDescription>(queue => queue.Notifications != 0));
    }

    [Test]
    public void A_device_that_comes_back_and_takes_shorter_segments_is_used_on()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench);
        byte[] read = new byte[Many * 512];
        Task<BlockStatus> reading = Hold(bench, 3, () => disk.Read(0, read));
        bench.Model.OfferedFeatures |= BlockFeature.SizeMaximum | BlockFeature.SegmentMaximum;
        bench.SetField(SizeMaxField, 4096);
        bench.SetField(SegMaxField, 1);

        Trouble(bench, isBroken: false);

        Assert.That(reading.Wait(s_timeout), Is.True);
        Assert.That(reading.Result, Is.EqualTo(BlockStatus.Ok));
        Assert.That(read.AsSpan().SequenceEqual(bench.Model.Disk[..read.Length]), Is.True);
        Assert.That(Log(bench).Requests, Has.Count.EqualTo(Many / 8), "each takes 8 sectors");
        byte[] content = new byte[300 * 512];
        new Random(4).NextBytes(content);
        Assert.That(disk.Write(3, content), Is.EqualTo(BlockStatus.Ok));
        Assert.That(bench.Model.Disk.Slice(3 * 512, content.Length).SequenceEqual(content), Is.True);
        Assert.That(bench.Machine.Lines.Notices[^1], Is.EqualTo("disk0: takes less at a time than before"));
    }

    [Test]
    public void A_device_that_comes_back_with_a_smaller_queue_is_used_on()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench);
        byte[] read = new byte[Sectors * 512];
        Task<BlockStatus> reading = Hold(bench, 4, () => disk.Read(0, read));
        bench.SetQueueSize(4);

        Trouble(bench, isBroken: false);

        Assert.That(reading.Wait(s_timeout), Is.True);
        Assert.That(reading.Result, Is.EqualTo(BlockStatus.Ok));
        Assert.That(read.AsSpan().SequenceEqual(bench.Model.Disk), Is.True);

        // Whatever is started at once finds its turn.
        HeldBackCompletion held = bench.HoldRequests();
        DiskRequest[] transfers = new DiskRequest[disk.MostInFlight];
        for (int i = 0; i < transfers.Length; i++)
        {
            transfers[i] = Begin(disk, BlockOperation.Read, (ulong)i);
        }

        Assert.That(bench.Model.Queues[0].Finished, Is.LessThan(transfers.Length));
        while (bench.Model.Queues[0].Finished > 0)
        {
            bench.Complete(held, 0);
        }

        foreach (DiskRequest transfer in transfers)
        {
            Assert.That(StatusOf(transfer), Is.EqualTo(BlockStatus.Ok));
        }
    }

    [Test]
    public void A_device_that_comes_back_and_takes_less_than_a_sector_is_given_up()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        Disk disk = Start(bench);
        Task<BlockStatus> reading = Hold(bench, 1, () => disk.Read(0, new byte[512]));
        bench.Model.OfferedFeatures |= BlockFeature.SizeMaximum | BlockFeature.SegmentMaximum;
        bench.SetField(SizeMaxField, 500);
        bench.SetField(SegMaxField, 1);

        bench.Model.SetNeedsReset("for the test");

        Assert.That(reading.Wait(s_timeout), Is.True);
        Assert.That(reading.Result, Is.EqualTo(BlockStatus.NotRunning));
        Assert.That(
            bench.Machine.Lines.Warnings[^1], Is.EqualTo("disk0: given up: it takes less than a sector at a time"));
    }

    [Test]
    public void What_a_device_that_comes_back_cannot_do_any_more_fails_with_its_reason()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.Flush;
        Disk disk = Start(bench);
        HeldBackCompletion held = bench.HoldRequests();
        DiskRequest beyond = Begin(disk, BlockOperation.Read, 500);
        DiskRequest write = Begin(disk, BlockOperation.Write, 1);
        DiskRequest flush = Begin(disk, BlockOperation.Flush, 0);
        bench.Model.OfferedFeatures = (bench.Model.OfferedFeatures & ~BlockFeature.Flush) | BlockFeature.ReadOnly;
        bench.SetField(0, 100);

        Trouble(bench, isBroken: false);

        Assert.That(StatusOf(beyond), Is.EqualTo(BlockStatus.OutOfRange));
        Assert.That(StatusOf(write), Is.EqualTo(BlockStatus.ReadOnly));
        Assert.That(StatusOf(flush), Is.EqualTo(BlockStatus.Unsupported), "nobody knows about earlier writes");
        Assert.That(disk.Flush(), Is.EqualTo(BlockStatus.Ok), "all completed writes are durable from here on");
        Assert.That(disk.Read(1, new byte[512]), Is.EqualTo(BlockStatus.Ok));
        Assert.That(disk.Write(1, new byte[512]), Is.EqualTo(BlockStatus.ReadOnly));
        Assert.That(disk.Read(100, new byte[512]), Is.EqualTo(BlockStatus.OutOfRange));
    }

    [Test]
    public void A_device_that_asks_for_a_reset_before_anybody_is_told_is_recovered()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        BlockDevice device = bench.Model;

        // Live since the line before, and nobody is there to be told yet.
        bench.Machine.BeforeRegister = () =>
        {
            if (device.Status == 15)
            {
                bench.Machine.BeforeRegister = null;
                device.SetNeedsReset("for the test");
            }
        };
        Disk? disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out Failure? failure);

        Assert.That(bench.Machine.BeforeRegister, Is.Null, "it came that far");
        Assert.That(disk == null, Is.EqualTo(failure is not null));
        Assert.That(disk?.Device.State, Is.EqualTo(DeviceState.Running).Or.Null);
    }

    private static DiskRequest Begin(Disk disk, BlockOperation operation, ulong sector)
    {
        DiskRequest transfer = disk.Rent()!;
        int count = operation == BlockOperation.Flush ? 0 : 1;
        Assert.That(disk.Start(transfer, operation, sector, count), Is.EqualTo(BlockStatus.Ok));
        return transfer;
    }

    private static BlockStatus StatusOf(DiskRequest transfer)
    {
        transfer.WaitSignalled(s_timeout);
        Assert.That(transfer.IsOver, Is.True);
        return transfer.Status;
    }

    private static void Trouble(ModelBench<BlockDevice> bench, bool isBroken)
    {
        // What it has taken is lost with the reset, and not done.
        Log(bench).Requests.Clear();
        bench.Model.Queues[0].Policy = new InOrderCompletion();
        if (isBroken)
        {
            ModelQueue queue = bench.Model.Queues[0];
            queue.Ring!.Forge(0xFFFF);
            bench.Model.SendUsedNotification(queue);
        }
        else
        {
            bench.Model.SetNeedsReset("for the test");
        }
    }

    // The device has them all, and whoever sent them has gone to sleep.
    private static Task<BlockStatus> Hold(ModelBench<BlockDevice> bench, int requests, Func<BlockStatus> work)
    {
        bench.HoldRequests();
        Task<BlockStatus> task = Task.Run(work);
        Assert.That(() => bench.Model.Queues[0].Finished, Is.EqualTo(requests).After(10_000, 10));
        Thread.Sleep(20);
        return task;
    }

    private static RequestLog Log(ModelBench<BlockDevice> bench) => (RequestLog)bench.Model.Faults!;

    private static Disk Start(ModelBench<BlockDevice> bench, TimeSpan? timeout = null)
    {
        Disk? disk = Disk.TryCreate(
            bench.OpenTransport(), "disk0", timeout ?? TimeSpan.Zero, out Failure? failure);
        Assert.That(disk, Is.Not.Null, failure?.ToString());
        return disk!;
    }

    private ModelBench<BlockDevice> NewBench()
    {
        ModelBench<BlockDevice> bench = DiskBench.Create(Sectors);
        bench.Model.OfferedFeatures = _features;
        bench.LogRequests();
        new Random(2).NextBytes(bench.Model.Disk);
        return bench;
    }
}
