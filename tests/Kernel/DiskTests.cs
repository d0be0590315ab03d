using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Commands.SelfTest.Cases;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.SelfTest.Cases;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Shell;
using VirtioGuest.Kernel.Tests.Fakes;

namespace VirtioGuest.Kernel.Tests;

[TestFixture]
internal sealed class DiskTests
{
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(8)]
    [TestCase(33)]
    [TestCase(100)]
    public async Task Any_length_is_moved_blocking_and_awaited(int count)
    {
        var disk = new FakeDisk(200) { IsSlow = true };
        byte[] content = RandomBytes(count);
        Assert.That(disk.Write(7, content), Is.EqualTo(BlockStatus.Ok));
        byte[] read = new byte[content.Length];
        Assert.That(disk.Read(7, read), Is.EqualTo(BlockStatus.Ok));
        Assert.That(read, Is.EqualTo(content));

        Array.Reverse(content);
        Assert.That(await disk.WriteAsync(90, content), Is.EqualTo(BlockStatus.Ok));
        Assert.That(await disk.ReadAsync(90, read), Is.EqualTo(BlockStatus.Ok));
        Assert.That(read, Is.EqualTo(content));
        Assert.That(await disk.FlushAsync(), Is.EqualTo(BlockStatus.Ok));
        Assert.That(disk.Flushes, Is.EqualTo(1));
    }

    [Test]
    public void Each_status_has_words_of_its_own_but_for_those_that_mean_the_same_to_people()
    {
        var words = new HashSet<string>();
        foreach (BlockStatus status in Enum.GetValues<BlockStatus>())
        {
            bool hasOwn = status is not (BlockStatus.NoStatus or BlockStatus.NotOffered or BlockStatus.NoResources);
            Assert.That(words.Add(status.Describe()), Is.EqualTo(hasOwn), $"{status}");
        }

        Assert.That(BlockStatus.OutOfRange.Describe(), Is.EqualTo(SectorDevice.OutOfRange), "commands know it too");
    }

    [Test]
    public void Several_requests_are_in_flight_but_no_more_than_allowed()
    {
        var disk = new FakeDisk(4000, maximumTransfers: 4) { IsSlow = true };
        Assert.That(disk.Read(0, new byte[4000 * 512]), Is.EqualTo(BlockStatus.Ok));
        Assert.That(disk.LargestInFlight, Is.InRange(2, 4));
        Assert.That(disk.CreatedTransfers, Is.LessThanOrEqualTo(4));
    }

    [Test]
    public void Many_users_share_few_transfers_without_waiting_for_each_other_for_ever()
    {
        var disk = new FakeDisk(2000, maximumTransfers: 3) { IsSlow = true };
        new Random(3).NextBytes(disk.Content);
        var tasks = new List<Task<bool>>();
        for (int user = 0; user < 12; user++)
        {
            int first = user * 100;
            bool isAwaiting = user % 2 == 0;
            tasks.Add(Task.Run(async () =>
            {
                byte[] read = new byte[300 * 512];
                BlockStatus status = isAwaiting
                    ? await disk.ReadAsync((ulong)first, read)
                    : disk.Read((ulong)first, read);
                return status == BlockStatus.Ok
                    && read.AsSpan().SequenceEqual(disk.Content.AsSpan(first * 512, read.Length));
            }));
        }

        Assert.That(Task.WaitAll([.. tasks], TimeSpan.FromSeconds(30)), Is.True);
        Assert.That(tasks, Has.All.Matches<Task<bool>>(task => task.Result));
    }

    [Test]
    public void A_range_beyond_the_end_is_refused_before_anything_is_sent()
    {
        var disk = new FakeDisk(8);
        Assert.That(disk.Read(8, new byte[512]), Is.EqualTo(BlockStatus.OutOfRange));
        Assert.That(disk.Write(7, new byte[1024]), Is.EqualTo(BlockStatus.OutOfRange));
        Assert.That(disk.Read(ulong.MaxValue, new byte[1024]), Is.EqualTo(BlockStatus.OutOfRange));
        Assert.That(disk.ReadAsync(8, new byte[512]).AsTask().Result, Is.EqualTo(BlockStatus.OutOfRange));
        Assert.That(disk.Requests, Is.Zero);
    }

    [Test]
    public void A_part_of_a_sector_is_a_bug_of_the_caller() =>
        Assert.That(() => new FakeDisk(8).Read(0, new byte[100]), Throws.ArgumentException);

    [TestCase(false)]
    [TestCase(true)]
    public async Task After_an_error_every_transfer_is_back(bool isSlow)
    {
        var disk = new FakeDisk(400, maximumTransfers: 3) { BadSector = 50, IsSlow = isSlow };
        byte[] buffer = new byte[400 * 512];
        for (int round = 0; round < 10; round++)
        {
            Assert.That(disk.Read(0, buffer), Is.EqualTo(BlockStatus.IoError));
            Assert.That(disk.Write(0, buffer), Is.EqualTo(BlockStatus.IoError));
            Assert.That(await disk.ReadAsync(0, buffer), Is.EqualTo(BlockStatus.IoError));
            Assert.That(await disk.WriteAsync(0, buffer), Is.EqualTo(BlockStatus.IoError));
        }

        disk.BadSector = null;
        Assert.That(disk.Read(0, buffer), Is.EqualTo(BlockStatus.Ok));
        Assert.That(disk.CountFree(), Is.EqualTo(3));
    }

    [TestCase(1)]
    [TestCase(24)]
    [TestCase(25)]
    [TestCase(400)]
    public async Task After_success_every_transfer_is_back(int sectors)
    {
        var disk = new FakeDisk(400, maximumTransfers: 3) { IsSlow = true };
        byte[] buffer = new byte[sectors * 512];
        for (int round = 0; round < 10; round++)
        {
            Assert.That(disk.Read(0, buffer), Is.EqualTo(BlockStatus.Ok));
            Assert.That(disk.Write(0, buffer), Is.EqualTo(BlockStatus.Ok));
            Assert.That(await disk.ReadAsync(0, buffer), Is.EqualTo(BlockStatus.Ok));
            Assert.That(await disk.WriteAsync(0, buffer), Is.EqualTo(BlockStatus.Ok));
        }

        Assert.That(disk.CountFree(), Is.EqualTo(3));
    }

    [Test]
    public void A_device_that_never_answers_is_given_up_when_somebody_blocks()
    {
        var disk = new FakeDisk(400, timeout: TimeSpan.FromMilliseconds(200)) { IsStuck = true };
        Assert.That(disk.Read(0, new byte[400 * 512]), Is.EqualTo(BlockStatus.TimedOut));
        Assert.That(disk.IsUsable, Is.False);
        Assert.That(disk.Read(0, new byte[512]), Is.EqualTo(BlockStatus.NotRunning));
        Assert.That(disk.Write(0, new byte[512]), Is.EqualTo(BlockStatus.NotRunning));
        Assert.That(disk.Flush(), Is.EqualTo(BlockStatus.NotRunning));
    }

    [Test]
    public async Task A_device_that_never_answers_is_given_up_when_somebody_awaits()
    {
        var disk = new FakeDisk(400, timeout: TimeSpan.FromMilliseconds(200)) { IsStuck = true };
        Task<BlockStatus> reading = disk.ReadAsync(0, new byte[400 * 512]).AsTask();
        Assert.That(await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(20))), Is.SameAs(reading));
        Assert.That(await reading, Is.EqualTo(BlockStatus.TimedOut));
        Assert.That(await disk.FlushAsync(), Is.EqualTo(BlockStatus.NotRunning));
    }

    [Test]
    public void Blocking_calls_allocate_nothing()
    {
        var disk = new FakeDisk(64);
        byte[] buffer = new byte[64 * 512];
        disk.Read(0, buffer);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 100; round++)
        {
            disk.Flush();
        }

        long fakes = GC.GetAllocatedBytesForCurrentThread() - before;
        before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 100; round++)
        {
            disk.Read(0, buffer.AsSpan(0, 8 * 512));
        }

        // Each request of the fake allocates one record of its own; a flush and a short read are one request each.
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.EqualTo(fakes));
    }

    [Test]
    public void A_transfer_is_started_and_completed_once()
    {
        var disk = new FakeDisk(8) { IsStuck = true };
        DiskTransfer transfer = disk.Rent()!;
        Assert.That(() => transfer.Complete(BlockStatus.Ok), Throws.InvalidOperationException);
        Assert.That(disk.Start(transfer, BlockOperation.Read, 0, 1), Is.EqualTo(BlockStatus.Ok));
        Assert.That(() => transfer.Begin(1, 0), Throws.InvalidOperationException);
        Assert.That(transfer.TryWait(TimeSpan.FromMilliseconds(20), out _), Is.False);
        transfer.Complete(BlockStatus.Unsupported);
        Assert.That(transfer.TryWait(TimeSpan.Zero, out BlockStatus status), Is.True);
        Assert.That(status, Is.EqualTo(BlockStatus.Unsupported));
    }

    [Test]
    public void A_waiter_wakes_when_the_transfer_is_completed_by_another_thread()
    {
        var disk = new FakeDisk(8) { IsStuck = true };
        DiskTransfer transfer = disk.Rent()!;
        disk.Start(transfer, BlockOperation.Read, 0, 1);
        var completer = new Thread(() =>
        {
            Thread.Sleep(50);
            transfer.Complete(BlockStatus.Ok);
        });
        completer.Start();
        Assert.That(disk.Wait(transfer), Is.EqualTo(BlockStatus.Ok));
        completer.Join();
    }

    [Test]
    public void Self_tests_of_a_disk_pass_and_restore_it()
    {
        var disk = new FakeDisk(1000) { IsSlow = true };
        new Random(5).NextBytes(disk.Content);
        byte[] before = (byte[])disk.Content.Clone();
        var shown = new ShellDisk(disk);
        foreach (SelfTestCase test in (SelfTestCase[])[
            new AwaitedReadTest(shown), new DiskBoundsTest(shown), new DiskWriteTest(shown, new FixedClock()),
            new DiskFlushTest(shown)])
        {
            SelfTestResult result = test.Run();
            Assert.That(result.Outcome, Is.EqualTo(SelfTestOutcome.Passed), test.Name + ": " + result.Reason);
        }

        Assert.That(disk.Content, Is.EqualTo(before));
    }

    [Test]
    public void Self_test_tells_awaited_reads_that_fail()
    {
        var disk = new FakeDisk(8) { BadSector = 3 };
        SelfTestResult result = new AwaitedReadTest(new ShellDisk(disk)).Run();
        Assert.That(result.Outcome, Is.EqualTo(SelfTestOutcome.Failed));
        Assert.That(result.Reason, Is.EqualTo("8 sectors starting at 0: the device reports an I/O error"));
    }

    private static byte[] RandomBytes(int sectors)
    {
        byte[] bytes = new byte[sectors * 512];
        new Random(sectors).NextBytes(bytes);
        return bytes;
    }

    private sealed class FixedClock : MonotonicClock
    {
        public override ulong Nanoseconds => 1;

        public override void Relax()
        {
        }
    }
}
