using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Simulation;
using BlockStatus = VirtioGuest.Drivers.Virtio.Devices.Block.BlockStatus;

namespace VirtioGuest.Kernel.Tests;

/// <summary>How threads wait for a disk, batches of requests, and disks with several queues.</summary>
[TestFixture]
internal sealed class DiskWaitTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    [Test]
    public void A_claimed_interrupt_ends_the_wait_and_calls_nobody()
    {
        using var late = new LateDisk(hasClaims: true);
        ulong handlers = late.HandlerCalls;
        late.CompleteLater();
        Assert.That(late.Disk.Read(3, new byte[512]), Is.EqualTo(BlockStatus.Ok));
        Assert.That(late.HandlerCalls, Is.EqualTo(handlers));

        // And afterwards the interrupt is the handler's again.
        ReadByAwaiting(late);
        Assert.That(late.HandlerCalls, Is.GreaterThan(handlers));
    }

    [Test]
    public void Whoever_has_no_claim_is_woken_by_who_has_it()
    {
        using var late = new LateDisk(hasClaims: true);
        var readers = new Thread[3];
        int done = 0;
        for (int i = 0; i < readers.Length; i++)
        {
            ulong sector = (ulong)i;
            readers[i] = new Thread(() =>
            {
                byte[] data = new byte[512];
                bool isRight = late.Disk.Read(sector, data) == BlockStatus.Ok && late.IsContent(sector, data);
                Interlocked.Add(ref done, isRight ? 1 : 0);
            });
            readers[i].Start();
            int submitted = i + 1;
            Assert.That(() => late.Disk.Device.Queue(0).InFlight, Is.EqualTo(submitted).After(10_000, 1));
        }

        // The claimant's own answer comes first, so that the others' find a claim that is over.
        foreach (int one in new[] { 0, 1, 0 })
        {
            late.CompleteNow(one % late.Waiting);
        }

        Assert.That(readers.All(reader => reader.Join(s_limit)), Is.True);
        Assert.That(done, Is.EqualTo(readers.Length));
    }

    [Test]
    public void A_claimant_is_woken_by_whoever_ends_its_wait()
    {
        var interrupt = new StillInterrupt();
        var wait = new OpenWait();
        ClaimedWait end = ClaimedWait.TimedOut;
        var claimant = new Thread(() => end = wait.WaitClaimed(interrupt, 1));
        claimant.Start();
        Assert.That(() => interrupt.Waits, Is.EqualTo(1).After(10_000, 1));
        wait.End();
        Assert.That(claimant.Join(s_limit + s_limit), Is.True);
        Assert.That(end, Is.EqualTo(ClaimedWait.Arrived));
    }

    [Test]
    public void A_wait_that_is_over_claims_no_sleep()
    {
        var interrupt = new StillInterrupt();
        var wait = new OpenWait();
        wait.End();
        Assert.That(wait.WaitClaimed(interrupt, 1), Is.EqualTo(ClaimedWait.Arrived));
        Assert.That(interrupt.Waits, Is.Zero);
    }

    [Test]
    public void An_answer_that_comes_at_the_end_of_a_claim_is_taken()
    {
        using var late = new LateDisk(hasClaims: true);
        byte[] data = new byte[512];
        var awaited = late.Disk.ReadAsync(5, data).AsTask();
        bool isOwn = false;
        bool isAnswered = false;
        var claimant = new Thread(() => late.Disk.Read(3, new byte[512]));
        late.Bench.Machine.Time.OnLook = () =>
        {
            // Between the claimant's own answer and the end of its claim.
            if (Thread.CurrentThread == claimant && Volatile.Read(ref isOwn) && !isAnswered
                && late.Disk.Device.Queue(0).InFlight == 1)
            {
                isAnswered = true;
                late.CompleteNow(0);
            }
        };
        claimant.Start();
        Assert.That(() => late.Waiting, Is.EqualTo(2).After(10_000, 1));
        Volatile.Write(ref isOwn, true);
        late.CompleteNow(1);
        Assert.That(claimant.Join(s_limit), Is.True);

        // Later, a look at the clock finds it too.
        int left = late.Disk.Device.Queue(0).InFlight;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(isAnswered, Is.True);
            Assert.That(left, Is.Zero);
            Assert.That(awaited.Wait(s_limit), Is.True);
            Assert.That(late.IsContent(5, data), Is.True);
        }
    }

    [Test]
    public void A_poller_asks_for_no_interrupts_and_gives_them_back([Values] bool hasEventIndex)
    {
        using var late = new LateDisk(hasEventIndex: hasEventIndex);
        late.Bench.Machine.Time.OnLook = null;
        late.Disk.WaitMode = WaitMode.Polled;
        for (int round = 0; round < 8; round++)
        {
            late.CompleteLater();
            Assert.That(late.Disk.Read(3, new byte[512]), Is.EqualTo(BlockStatus.Ok));
        }

        Assert.That(late.HandlerCalls, Is.Zero);
        ReadByAwaiting(late);
        Assert.That(late.HandlerCalls, Is.EqualTo(1));
    }

    [Test]
    public void An_awaited_request_that_a_poller_leaves_behind_has_its_interrupt()
    {
        using var late = new LateDisk();
        late.Disk.WaitMode = WaitMode.Polled;
        byte[] data = new byte[512];
        var awaited = late.Disk.ReadAsync(5, data).AsTask();
        var poller = new Thread(() => late.Disk.Read(3, new byte[512]));
        poller.Start();
        Assert.That(() => late.Waiting, Is.EqualTo(2).After(10_000, 1));
        late.CompleteNow(1);
        Assert.That(poller.Join(s_limit), Is.True);

        // The poller's own answer may have had an interrupt too, if it came before the poller had asked for none.
        ulong before = late.HandlerCalls;
        late.CompleteNow(0);
        Assert.That(awaited.Wait(s_limit), Is.True);
        Assert.That(late.IsContent(5, data), Is.True);
        Assert.That(late.HandlerCalls, Is.EqualTo(before + 1));
    }

    [TestCase(WaitMode.Polled)]
    [TestCase(WaitMode.Hybrid)]
    [TestCase(WaitMode.Interrupt)]
    public void A_disk_that_never_answers_is_reset_once_the_limit_is_over_however_it_is_waited_for(WaitMode mode)
    {
        using var late = new LateDisk(hasClaims: true, limit: TimeSpan.FromMilliseconds(50));
        late.Disk.WaitMode = mode;
        Assert.That(late.Disk.Read(3, new byte[512]), Is.EqualTo(BlockStatus.TimedOut));
        Assert.That(late.Disk.IsUsable, Is.True);
        late.Bench.Machine.Time.OnLook = null;
        late.CompleteLater();
        Assert.That(late.Disk.Read(3, new byte[512]), Is.EqualTo(BlockStatus.Ok));
    }

    [Test]
    public void Hybrid_waits_poll_where_answers_are_quick_and_wait_where_they_are_slow()
    {
        using var late = new LateDisk(hasClaims: true);
        late.Disk.WaitMode = WaitMode.Hybrid;
        SimulatedClock time = late.Bench.Machine.Time;

        // Quick: an answer within microseconds of simulated time, once the interrupt is off.
        int looks = 0;
        time.OnLook = () =>
        {
            time.Advance(1_000);
            looks = late.Waiting == 0 ? 0 : looks + 1;
            if (looks == 3)
            {
                late.CompleteNow(0);
            }
        };
        for (int round = 0; round < 8; round++)
        {
            Assert.That(late.Disk.Read(3, new byte[512]), Is.EqualTo(BlockStatus.Ok));
        }

        Assert.That(late.Interrupts, Is.Zero);

        // Slow: milliseconds, which nobody polls for.
        time.OnLook = () => time.Advance(100_000);
        for (int round = 0; round < 30; round++)
        {
            late.CompleteLater();
            Assert.That(late.Disk.Read(3, new byte[512]), Is.EqualTo(BlockStatus.Ok));
        }

        Assert.That(late.Interrupts, Is.GreaterThan(8));
    }

    [Test]
    public void A_batch_is_submitted_with_one_notification_and_taken_back_in_the_order_of_answers()
    {
        using var late = new LateDisk();
        using DiskBatch batch = DiskBatch.TryCreate(late.Disk, 4, 1024)!;
        Assert.That(batch.TryTake(out _, out _), Is.False);
        for (int slot = 0; slot < 4; slot++)
        {
            batch.Buffer(slot).Fill((byte)(slot + 1));
            batch.Prepare(slot, BlockOperation.Write, (ulong)(2 * slot), 2);
        }

        ulong before = late.Notifications;
        Assert.That(batch.Submit(), Is.EqualTo(BlockStatus.Ok));
        Assert.That(batch.InFlight, Is.EqualTo(4));
        Assert.That(late.Notifications, Is.EqualTo(before + 1));
        int[] left = [0, 1, 2, 3];
        foreach (int pick in new[] { 2, 0, 1, 0 })
        {
            late.CompleteNow(pick);
            batch.Wait();
            Assert.That(batch.TryTake(out int slot, out BlockStatus status), Is.True);
            Assert.That((slot, status), Is.EqualTo((left[pick], BlockStatus.Ok)));
            left = [.. left.Where((_, index) => index != pick)];
        }

        for (int sector = 0; sector < 8; sector++)
        {
            Assert.That(late.Bench.Model.Disk[sector * 512], Is.EqualTo((sector / 2) + 1));
        }

        batch.Prepare(2, BlockOperation.Read, 6, 2);
        batch.Submit();
        late.CompleteNow(0);
        batch.Wait();
        Assert.That(batch.TryTake(out int read, out _), Is.True);
        Assert.That(batch.Buffer(read).ToArray(), Is.All.EqualTo((byte)4));
    }

    [Test]
    public void A_batch_that_is_disposed_of_waits_for_what_the_device_has_and_gives_its_memory_back()
    {
        using var late = new LateDisk();
        int before = late.LiveMemory;
        DiskBatch batch = DiskBatch.TryCreate(late.Disk, 3, 512)!;
        batch.Prepare(0, BlockOperation.Read, 0, 1);
        batch.Prepare(1, BlockOperation.Read, 1, 1);
        batch.Submit();
        var disposer = new Thread(batch.Dispose);
        disposer.Start();
        Assert.That(disposer.Join(50), Is.False);
        late.CompleteNow(0);
        late.CompleteNow(0);
        Assert.That(disposer.Join(s_limit), Is.True);
        Assert.That(late.LiveMemory, Is.EqualTo(before));

        // The next batch has the places of the first.
        using DiskBatch next = DiskBatch.TryCreate(late.Disk, 3, 512)!;
        next.Prepare(1, BlockOperation.Read, 9, 1);
        next.Submit();
        late.CompleteNow(0);
        next.Wait();
        Assert.That(next.TryTake(out int slot, out _), Is.True);
        Assert.That(late.IsContent(9, next.Buffer(slot)), Is.True);
    }

    [Test]
    public void A_batch_ends_with_its_disk()
    {
        using var late = new LateDisk();
        DiskBatch batch = DiskBatch.TryCreate(late.Disk, 2, 512)!;
        batch.Prepare(0, BlockOperation.Read, 0, 1);
        batch.Prepare(1, BlockOperation.Read, 1, 1);
        batch.Submit();
        late.Disk.Remove();
        for (int i = 0; i < 2; i++)
        {
            batch.Wait();
            Assert.That(batch.TryTake(out _, out BlockStatus status), Is.True);
            Assert.That(status, Is.EqualTo(BlockStatus.Removed));
        }

        batch.Prepare(0, BlockOperation.Read, 0, 1);
        Assert.That(batch.Submit(), Is.EqualTo(BlockStatus.Removed));
        Assert.That(batch.InFlight, Is.Zero);
        batch.Dispose();
        Assert.That(DiskBatch.TryCreate(late.Disk, 2, 512), Is.Null);
    }

    [Test]
    public void Waiting_and_batches_allocate_nothing([Values] WaitMode mode)
    {
        using var late = new LateDisk(hasClaims: true);
        late.Disk.WaitMode = mode;
        using DiskBatch batch = DiskBatch.TryCreate(late.Disk, 4, 512)!;
        late.CompleteAllTheTime();
        long before = 0;
        for (int round = 0; round < 40; round++)
        {
            before = round == 20 ? GC.GetAllocatedBytesForCurrentThread() : before;
            batch.Prepare(0, BlockOperation.Read, 0, 1);
            batch.Prepare(1, BlockOperation.Read, 1, 1);
            batch.Submit();
            while (batch.InFlight != 0)
            {
                batch.Wait();
                batch.TryTake(out _, out _);
            }
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void A_reset_that_is_asked_for_loses_nothing()
    {
        using var late = new LateDisk();
        using DiskBatch batch = ReadFour(late);
        late.CompleteNow(2);
        int restarts = late.Restarts;
        for (int i = 0; i < 8; i++)
        {
            // More often than a device in trouble would be brought up again.
            Assert.That(late.Disk.Reset(), Is.EqualTo(BlockStatus.Ok));
        }

        Assert.That(late.Restarts, Is.EqualTo(restarts + 8));
        TakeFour(late, batch);
        late.Disk.Remove();
        Assert.That(late.Disk.Reset(), Is.EqualTo(BlockStatus.Removed));
    }

    [Test]
    public void A_queue_is_reset_once_it_has_nothing_in_flight_and_what_is_submitted_meanwhile_waits()
    {
        using var late = new LateDisk(resetsQueues: true);
        using DiskBatch batch = DiskBatch.TryCreate(late.Disk, 2, 512)!;
        batch.Prepare(0, BlockOperation.Read, 5, 1);
        batch.Submit();
        BlockStatus reset = BlockStatus.NoStatus;
        var resetter = new Thread(() => reset = late.Disk.ResetQueue());
        resetter.Start();
        Assert.That(resetter.Join(50), Is.False);
        batch.Prepare(1, BlockOperation.Read, 6, 1);
        batch.Submit();
        Assert.That(late.Disk.Device.Queue(0).InFlight, Is.EqualTo(1));

        late.CompleteNow(0);
        Assert.That(resetter.Join(s_limit), Is.True);
        Assert.That(reset, Is.EqualTo(BlockStatus.Ok));
        Assert.That(late.Disk.Device.Describe().Queues[0].Added, Is.EqualTo(1), "it is a new queue");
        late.CompleteNow(0);
        for (int i = 0; i < 2; i++)
        {
            batch.Wait();
            Assert.That(batch.TryTake(out int slot, out BlockStatus status), Is.True);
            Assert.That((slot, status), Is.EqualTo((i, BlockStatus.Ok)));
            Assert.That(late.IsContent((ulong)slot + 5, batch.Buffer(slot)), Is.True);
        }

        Assert.That(late.Restarts, Is.Zero);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void A_queue_whose_reset_waits_goes_on_when_the_disk_is_reset_or_taken_out(bool isTakenOut)
    {
        using var late = new LateDisk(resetsQueues: true);
        using DiskBatch batch = ReadFour(late);
        BlockStatus reset = BlockStatus.NoStatus;
        var resetter = new Thread(() => reset = late.Disk.ResetQueue());
        resetter.Start();
        Assert.That(resetter.Join(50), Is.False);
        if (isTakenOut)
        {
            late.Disk.Remove();
        }
        else
        {
            Assert.That(late.Disk.Reset(), Is.EqualTo(BlockStatus.Ok));
        }

        Assert.That(resetter.Join(s_limit), Is.True);
        Assert.That(reset, Is.EqualTo(isTakenOut ? BlockStatus.Removed : BlockStatus.Ok));
        if (!isTakenOut)
        {
            TakeFour(late, batch);
        }
    }

    [Test]
    public void A_queue_is_not_reset_alone_where_the_device_cannot()
    {
        using var late = new LateDisk();
        using DiskBatch batch = ReadFour(late);
        var resetter = new Thread(() => Assert.That(late.Disk.ResetQueue(), Is.EqualTo(BlockStatus.NotOffered)));
        resetter.Start();
        TakeFour(late, batch);
        Assert.That(resetter.Join(s_limit), Is.True);
        ReadByAwaiting(late);
    }

    [TestCase(2, 8, "a vector per queue")]
    [TestCase(8, 9, "a vector per queue")]
    [TestCase(8, 2, "queues share a vector")]
    [TestCase(8, 1, "one vector")]
    [TestCase(4, 0, "")]
    public void Each_thread_has_a_queue_of_its_own_whatever_vectors_there_are(int queues, int vectors, string kind)
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create(64, queues: queues);
        bench.Options = new PciFunctionOptions { VectorCount = vectors };
        new Random(1).NextBytes(bench.Model.Disk);
        Disk disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out Failure? failure)!;
        Assert.That(failure, Is.Null);
        Assert.That(disk.Device.QueueCount, Is.EqualTo(queues));
        Assert.That(disk.Device.Describe().Interrupts, Does.Contain(kind));
        int wrong = 0;
        for (int i = 0; i < 2 * queues; i++)
        {
            var user = new Thread(() =>
            {
                byte[] data = new byte[512];
                bool isRight = disk.Read(7, data) == BlockStatus.Ok
                    && bench.Model.Disk.Slice(7 * 512, 512).SequenceEqual(data);
                wrong += isRight ? 0 : 1;
            });
            user.Start();
            Assert.That(user.Join(s_limit), Is.True);
        }

        Assert.That(wrong, Is.Zero);
        int used = disk.Device.Describe().Queues.Count(queue => queue.Notifications != 0);
        Assert.That(used, Is.GreaterThan(1));
        disk.Remove();
    }

    private static DiskBatch ReadFour(LateDisk late)
    {
        DiskBatch batch = DiskBatch.TryCreate(late.Disk, 4, 512)!;
        for (int slot = 0; slot < 4; slot++)
        {
            batch.Prepare(slot, BlockOperation.Read, (ulong)slot + 5, 1);
        }

        Assert.That(batch.Submit(), Is.EqualTo(BlockStatus.Ok));
        return batch;
    }

    private static void TakeFour(LateDisk late, DiskBatch batch)
    {
        for (int i = 0; i < 4; i++)
        {
            if (!batch.IsOver)
            {
                late.CompleteNow(0);
            }

            batch.Wait();
            Assert.That(batch.TryTake(out int slot, out BlockStatus status), Is.True);
            Assert.That(status, Is.EqualTo(BlockStatus.Ok));
            Assert.That(late.IsContent((ulong)slot + 5, batch.Buffer(slot)), Is.True);
        }

        Assert.That(batch.InFlight, Is.Zero);
    }

    private static void ReadByAwaiting(LateDisk late)
    {
        byte[] data = new byte[512];
        var awaited = late.Disk.ReadAsync(3, data).AsTask();
        late.CompleteNow(0);
        Assert.That(awaited.Wait(s_limit), Is.True);
        Assert.That(late.IsContent(3, data), Is.True);
    }

    private sealed class OpenWait : DiskWait
    {
        private bool _isOver;

        public override bool IsOver => Volatile.Read(ref _isOver);

        public void End()
        {
            Volatile.Write(ref _isOver, true);
            Wake();
        }
    }

    /// <summary>An interrupt that never comes.</summary>
    private sealed class StillInterrupt() : MessageInterrupt(0, 0)
    {
        private bool _isWoken;
        private int _waits;

        public int Waits => Volatile.Read(ref _waits);

        public override ulong Count => 0;

        public override ClaimedWait WaitClaimed(ulong nanoseconds)
        {
            Interlocked.Increment(ref _waits);
            bool isWoken = SpinWait.SpinUntil(() => Volatile.Read(ref _isWoken), s_limit);
            return isWoken ? ClaimedWait.Arrived : ClaimedWait.TimedOut;
        }

        public override void WakeClaimant() => Volatile.Write(ref _isWoken, true);

        public override void Release()
        {
        }
    }

    /// <summary>A disk that answers when it is told to.</summary>
    private sealed class LateDisk : IDisposable
    {
        private readonly HeldBackCompletion _held;
        private Thread? _completer;
        private bool _isOver;

        public LateDisk(
            bool hasClaims = false, TimeSpan limit = default, bool resetsQueues = false, bool hasEventIndex = false)
        {
            Bench = DiskBench.Create(64, memory: new SimulatedDmaOptions());
            Bench.Model.OfferedFeatures |= (resetsQueues ? FeatureBit.RingReset : 0)
                | (hasEventIndex ? FeatureBit.EventIndex : 0);
            Bench.ExpectsViolations = true;
            _held = Bench.HoldRequests();
            Bench.Machine.Messages.HasClaims = hasClaims;
            new Random(1).NextBytes(Bench.Model.Disk);
            Disk? disk = Disk.TryCreate(Bench.OpenTransport(), "disk0", limit, out Failure? failure);
            Assert.That(disk, Is.Not.Null, failure?.ToString());
            Disk = disk!;
            Bench.Machine.Time.OnLook = () => Bench.Machine.Time.Advance(10_000_000);
        }

        public ModelBench<BlockDevice> Bench { get; }

        public Disk Disk { get; }

        public int Waiting
        {
            get
            {
                int count = 0;
                Bench.Machine.ActAsDevice(() => count = Bench.Model.Queues[0].Finished);
                return count;
            }
        }

        public ulong Notifications => Disk.Device.Describe().Queues[0].Notifications;

        public ulong HandlerCalls => Disk.Device.Describe().Queues[0].Interrupts;

        public ulong Interrupts => Disk.Device.Transport.QueueInterrupt(0)!.Count;

        public int Restarts => (int)Disk.Device.Describe().Restarts;

        public int LiveMemory => Bench.Machine.Memory.Allocated - Bench.Machine.Memory.Freed;

        public bool IsContent(ulong sector, ReadOnlySpan<byte> data) =>
            Bench.Model.Disk.Slice((int)sector * 512, 512).SequenceEqual(data);

        /// <summary>Completes a request that it has, or gets within a while.</summary>
        public void CompleteNow(int index)
        {
            Assert.That(() => Waiting, Is.GreaterThan(index).After(10_000, 1));
            Bench.Machine.ActAsDevice(() => Bench.Complete(_held, index));
        }

        /// <summary>Completes the next request once it has it and somebody had time to wait for it.</summary>
        public void CompleteLater()
        {
            _completer?.Join();
            _completer = new Thread(() =>
            {
                while (Waiting == 0)
                {
                    if (Volatile.Read(ref _isOver))
                    {
                        return;
                    }

                    Thread.Yield();
                }

                Thread.Sleep(5);
                Bench.Machine.ActAsDevice(() => Bench.Complete(_held, 0));
            });
            _completer.Start();
        }

        /// <summary>Completes whatever comes, on a thread of its own.</summary>
        public void CompleteAllTheTime()
        {
            Bench.Model.RunsWhenNotified = false;
            Bench.Model.OnRegisterWrite = null;
            Bench.Machine.Time.OnLook = null;
            _completer = new Thread(() =>
            {
                while (!Volatile.Read(ref _isOver))
                {
                    Bench.Machine.ActAsDevice(() =>
                    {
                        _held.Release(1);
                        Bench.Model.Run();
                    });
                    Thread.Yield();
                }
            });
            _completer.Start();
        }

        public void Dispose()
        {
            Volatile.Write(ref _isOver, true);
            _completer?.Join();
            Disk.Remove();
            Bench.Dispose();
        }
    }
}
