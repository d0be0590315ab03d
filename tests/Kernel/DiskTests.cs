using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Commands.SelfTest.Cases;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Tests.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.SelfTest.Cases;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Kernel.Shell;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.Volumes.Tests;

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
        using var model = new ModelDisk(200, isSlow: true);
        Disk disk = model.Disk;
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
        Assert.That(model.Flushes, Is.EqualTo(1));
    }

    [Test]
    public void Each_status_has_words_of_its_own_but_for_those_that_mean_the_same_to_people()
    {
        var words = new HashSet<string>();
        foreach (BlockStatus status in Enum.GetValues<BlockStatus>())
        {
            bool hasOwn = status is not (BlockStatus.NotOffered or BlockStatus.NoResources);
            Assert.That(words.Add(status.Describe()), Is.EqualTo(hasOwn), $"{status}");
        }

        Assert.That(
            BlockStatus.OutOfRange.Describe(), Is.EqualTo(SectorDevice.OutOfRange.ToString()), "commands know it too");
    }

    [Test]
    public void Several_requests_are_in_flight_but_no_more_than_allowed()
    {
        using var model = new ModelDisk(4000, requests: 4, isSlow: true);
        Disk disk = model.Disk;
        Assert.That(disk.Read(0, new byte[4000 * 512]), Is.EqualTo(BlockStatus.Ok));
        Assert.That(model.LargestInFlight, Is.InRange(2, 4));
    }

    [Test]
    public void Many_users_share_few_requests_without_waiting_for_each_other_for_ever()
    {
        using var model = new ModelDisk(2000, requests: 3, isSlow: true);
        Disk disk = model.Disk;
        new Random(3).NextBytes(model.Content);
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
                    && read.AsSpan().SequenceEqual(model.Content.Slice(first * 512, read.Length));
            }));
        }

        Assert.That(Task.WaitAll([.. tasks], TimeSpan.FromSeconds(30)), Is.True);
        Assert.That(tasks, Has.All.Matches<Task<bool>>(task => task.Result));
    }

    [Test]
    public void A_range_beyond_the_end_is_refused_before_anything_is_sent()
    {
        using var model = new ModelDisk(8);
        Disk disk = model.Disk;
        Assert.That(disk.Read(8, new byte[512]), Is.EqualTo(BlockStatus.OutOfRange));
        Assert.That(disk.Write(7, new byte[1024]), Is.EqualTo(BlockStatus.OutOfRange));
        Assert.That(disk.Read(ulong.MaxValue, new byte[1024]), Is.EqualTo(BlockStatus.OutOfRange));
        Assert.That(disk.ReadAsync(8, new byte[512]).AsTask().Result, Is.EqualTo(BlockStatus.OutOfRange));
        Assert.That(model.Requests, Is.Zero);
    }

    [Test]
    public void A_part_of_a_sector_is_a_bug_of_the_caller()
    {
        using var model = new ModelDisk(8);
        Disk disk = model.Disk;
        Assert.That(() => disk.Read(0, new byte[100]), Throws.ArgumentException);
        Assert.That(() => disk.ReadAsync(0, new byte[100]), Throws.ArgumentException);
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task After_an_error_every_request_is_back(bool isSlow)
    {
        using var model = new ModelDisk(400, requests: 3, isSlow: isSlow) { BadSector = 50 };
        Disk disk = model.Disk;
        byte[] buffer = new byte[400 * 512];
        for (int round = 0; round < 10; round++)
        {
            Assert.That(disk.Read(0, buffer), Is.EqualTo(BlockStatus.IoError));
            Assert.That(disk.Write(0, buffer), Is.EqualTo(BlockStatus.IoError));
            Assert.That(await disk.ReadAsync(0, buffer), Is.EqualTo(BlockStatus.IoError));
            Assert.That(await disk.WriteAsync(0, buffer), Is.EqualTo(BlockStatus.IoError));
        }

        model.BadSector = null;
        Assert.That(disk.Read(0, buffer), Is.EqualTo(BlockStatus.Ok));
        Assert.That(model.CountFree(), Is.EqualTo(3));
    }

    [TestCase(1)]
    [TestCase(24)]
    [TestCase(25)]
    [TestCase(400)]
    public async Task After_success_every_request_is_back(int sectors)
    {
        using var model = new ModelDisk(400, requests: 3, isSlow: true);
        Disk disk = model.Disk;
        byte[] buffer = new byte[sectors * 512];
        for (int round = 0; round < 10; round++)
        {
            Assert.That(disk.Read(0, buffer), Is.EqualTo(BlockStatus.Ok));
            Assert.That(disk.Write(0, buffer), Is.EqualTo(BlockStatus.Ok));
            Assert.That(await disk.ReadAsync(0, buffer), Is.EqualTo(BlockStatus.Ok));
            Assert.That(await disk.WriteAsync(0, buffer), Is.EqualTo(BlockStatus.Ok));
        }

        Assert.That(model.CountFree(), Is.EqualTo(3));
    }

    [Test]
    public void A_device_that_never_answers_is_given_up_when_somebody_blocks()
    {
        using var model = new ModelDisk(400, limit: TimeSpan.FromMilliseconds(200), isStuck: true);
        Disk disk = model.Disk;
        Assert.That(disk.Read(0, new byte[400 * 512]), Is.EqualTo(BlockStatus.TimedOut));
        Assert.That(disk.IsUsable, Is.False);
        Assert.That(disk.Read(0, new byte[512]), Is.EqualTo(BlockStatus.NotRunning));
        Assert.That(disk.Write(0, new byte[512]), Is.EqualTo(BlockStatus.NotRunning));
        Assert.That(disk.Flush(), Is.EqualTo(BlockStatus.NotRunning));
    }

    [Test]
    public async Task A_device_that_never_answers_is_given_up_when_somebody_awaits()
    {
        using var model = new ModelDisk(400, limit: TimeSpan.FromMilliseconds(200), isStuck: true);
        Disk disk = model.Disk;
        Task<BlockStatus> reading = disk.ReadAsync(0, new byte[400 * 512]).AsTask();
        Assert.That(await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(20))), Is.SameAs(reading));
        Assert.That(await reading, Is.EqualTo(BlockStatus.TimedOut));
        Assert.That(await disk.FlushAsync(), Is.EqualTo(BlockStatus.NotRunning));
    }

    [Test]
    public void Blocking_calls_allocate_nothing()
    {
        using var model = new ModelDisk(64, isSlow: true);
        Disk disk = model.Disk;
        byte[] buffer = new byte[64 * 512];
        for (int round = 0; round < 20; round++)
        {
            disk.Read(0, buffer);
            disk.Write(0, buffer);
            disk.Flush();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 20; round++)
        {
            disk.Read(0, buffer);
            disk.Write(0, buffer);
            disk.Flush();
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [TestCase(1)]
    [TestCase(8)]
    [TestCase(100)]
    public async Task Awaited_calls_have_the_device_at_the_memory_of_the_caller(int sectors)
    {
        using var model = new ModelDisk(200, segments: 4);
        Disk disk = model.Disk;
        Memory<byte> content = model.AllocateMemory(sectors * 512);
        Memory<byte> read = model.AllocateMemory(sectors * 512);
        RandomBytes(sectors).CopyTo(content);
        int before = model.Allocated;

        Assert.That(await disk.WriteAsync(3, content), Is.EqualTo(BlockStatus.Ok));
        Assert.That(await disk.ReadAsync(3, read), Is.EqualTo(BlockStatus.Ok));

        Assert.That(read.Span.SequenceEqual(content.Span), Is.True);
        Assert.That(model.Content.Slice(3 * 512, content.Length).SequenceEqual(content.Span), Is.True);
        Assert.That(model.Allocated, Is.EqualTo(before), "nothing was copied through a buffer");
    }

    [Test]
    public async Task Memory_that_the_device_cannot_reach_is_copied([Values] bool isScattered)
    {
        using var model = new ModelDisk(200);
        Disk disk = model.Disk;
        byte[] content = RandomBytes(20);

        // Across pages that lie apart, for a device that takes one segment; or where no device gets at all.
        Memory<byte> memory = isScattered
            ? model.AllocateMemory(content.Length + 512)[512..]
            : new byte[content.Length];
        int before = model.Allocated;
        content.CopyTo(memory);

        Assert.That(await disk.WriteAsync(3, memory), Is.EqualTo(BlockStatus.Ok));
        memory.Span.Clear();
        Assert.That(await disk.ReadAsync(3, memory), Is.EqualTo(BlockStatus.Ok));

        Assert.That(memory.Span.SequenceEqual(content), Is.True);
        Assert.That(model.Allocated, Is.GreaterThan(before));
        Assert.That(model.CountFree(), Is.EqualTo(4));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Pieces_of_memory_are_moved_in_order(bool isSlow)
    {
        using var model = new ModelDisk(200, isSlow: isSlow);
        Disk disk = model.Disk;
        byte[] content = RandomBytes(60);
        Memory<byte>[] pieces =
            [content.AsMemory(0, 512), default, content.AsMemory(512, 20 * 512), content.AsMemory(21 * 512)];
        Assert.That(await disk.WriteAsync(9, pieces), Is.EqualTo(BlockStatus.Ok));
        Assert.That(model.Content.Slice(9 * 512, content.Length).SequenceEqual(content), Is.True);

        byte[] read = new byte[content.Length];
        pieces = [read.AsMemory(0, 30 * 512), read.AsMemory(30 * 512)];
        Assert.That(await disk.ReadAsync(9, pieces), Is.EqualTo(BlockStatus.Ok));
        Assert.That(read, Is.EqualTo(content));
        Assert.That(await disk.ReadAsync(150, pieces), Is.EqualTo(BlockStatus.OutOfRange));
    }

    [Test]
    public void A_cancelled_read_waits_for_what_the_device_has()
    {
        using var model = new ModelDisk(400, isStuck: true);
        using var cancellation = new CancellationTokenSource();
        byte[] read = new byte[200 * 512];
        Task<BlockStatus> reading = model.Disk.ReadAsync(0, read, cancellation.Token).AsTask();
        Assert.That(() => model.Requests, Is.EqualTo(4).After(10_000, 10));

        cancellation.Cancel();

        Assert.That(reading.Wait(TimeSpan.FromMilliseconds(50)), Is.False, "the device may still write");
        model.Release(100);
        Assert.That(
            () => reading.Wait(TimeSpan.FromSeconds(10)),
            Throws.InnerException.InstanceOf<OperationCanceledException>());
        Assert.That(model.Requests, Is.LessThanOrEqualTo(8), "the rest was not sent");
        Assert.That(
            async () => await model.Disk.WriteAsync(0, read, cancellation.Token),
            Throws.InstanceOf<OperationCanceledException>());
    }

    [TestCase(512u)]
    [TestCase(4096u)]
    public async Task A_stream_reads_and_writes_bytes_anywhere(uint blockSize)
    {
        using var model = new ModelDisk(88, requestSectors: 16, blockSize: blockSize);
        byte[] expected = RandomBytes(80);
        expected.CopyTo(model.Content[(8 * 512)..]);
        await using var stream = new DiskStream(model.Disk, 8, 80);
        int seed = FuzzSeed.Given ?? FuzzSeed.Draw();
        TestContext.Out.WriteLine(FuzzSeed.Describe(seed));
        var random = new Random(seed);
        Assert.That(stream.Length, Is.EqualTo(expected.Length));
        for (int round = 0; round < 300; round++)
        {
            int start = random.Next(expected.Length);
            byte[] data = new byte[random.Next(Math.Min(12_000, expected.Length - start + 1))];
            stream.Position = start;
            if (random.Next(2) == 0)
            {
                int count = random.Next(2) == 0 ? stream.Read(data) : await stream.ReadAsync(data);
                Assert.That(count, Is.EqualTo(data.Length));
                Assert.That(data.AsSpan().SequenceEqual(expected.AsSpan(start, count)), Is.True, $"at {start}");
            }
            else
            {
                random.NextBytes(data);
                data.CopyTo(expected, start);
                if (random.Next(2) == 0)
                {
                    stream.Write(data);
                }
                else
                {
                    await stream.WriteAsync(data);
                }
            }

            Assert.That(stream.Position, Is.EqualTo(start + data.Length));
        }

        Assert.That(model.Content[(8 * 512)..].SequenceEqual(expected), Is.True);
        Assert.That(model.Content[..(8 * 512)].ContainsAnyExcept((byte)0), Is.False);
    }

    [Test]
    public void A_stream_ends_where_its_part_does()
    {
        using var model = new ModelDisk(20);
        using var stream = new DiskStream(model.Disk, 4, 2);
        byte[] data = new byte[2000];
        Assert.That(stream.Read(data), Is.EqualTo(1024));
        Assert.That(stream.Read(data), Is.Zero);
        Assert.That(stream.Seek(-24, SeekOrigin.End), Is.EqualTo(1000));
        Assert.That(() => stream.Write(data, 0, 25), Throws.InstanceOf<IOException>());
        stream.Write(data, 0, 24);
        stream.Flush();
        Assert.That(model.Flushes, Is.EqualTo(1));
        Assert.That(() => stream.Seek(-1, SeekOrigin.Begin), Throws.InstanceOf<IOException>());
        Assert.That(() => stream.SetLength(1), Throws.InstanceOf<NotSupportedException>());
        Assert.That(
            () => new DiskStream(model.Disk, 19, 2), Throws.InstanceOf<ArgumentOutOfRangeException>());
        using var blocks = new ModelDisk(16, blockSize: 4096);
        Assert.That(
            () => new DiskStream(blocks.Disk, 0, 12), Throws.InstanceOf<ArgumentOutOfRangeException>());
        model.BadSector = 4;
        stream.Position = 0;
        Assert.That(
            () => stream.ReadByte(),
            Throws.InstanceOf<IOException>().With.Message.EqualTo("disk0: the device reports an I/O error"));
    }

    [TestCase(512u)]
    [TestCase(4096u)]
    public void A_partition_is_a_stream_by_its_number(uint blockSize)
    {
        int scale = (int)blockSize / 512;
        using var model = new ModelDisk(64 * scale, blockSize: blockSize);
        new ImageDisk(64, (int)blockSize).PutEntry(1, 0x83, 8, 16).PutEntry(2, 0x05, 30, 30)
            .PutEntry(0, 0x83, 2, 4, block: 30).Content.CopyTo(model.Content);
        model.Content.Slice(8 * (int)blockSize, 16 * (int)blockSize).Fill(0xA5);

        using DiskStream primary = DiskStream.OpenPartition(model.Disk, 2);
        using DiskStream logical = DiskStream.OpenPartition(model.Disk, 5);

        Assert.That(primary.Length, Is.EqualTo(16 * blockSize));
        Assert.That(logical.Length, Is.EqualTo(4 * blockSize));
        byte[] data = new byte[primary.Length + 1];
        Assert.That(primary.Read(data), Is.EqualTo(primary.Length));
        Assert.That(data.AsSpan(0, (int)primary.Length).ContainsAnyExcept((byte)0xA5), Is.False);
        logical.WriteByte(7);
        Assert.That(model.Content[32 * (int)blockSize], Is.EqualTo(7));
    }

    [Test]
    public void A_partition_that_there_is_not_is_no_stream()
    {
        using var model = new ModelDisk(64);
        Assert.That(
            () => DiskStream.OpenPartition(model.Disk, 1),
            Throws.InstanceOf<IOException>().With.Message.EqualTo("disk0: there is no partition 1"));
        model.BadSector = 0;
        Assert.That(
            () => DiskStream.OpenPartition(model.Disk, 1),
            Throws.InstanceOf<IOException>().With.Message.EqualTo("disk0: the device reports an I/O error"));
    }

    [Test]
    public void A_request_is_started_and_completed_once()
    {
        using var model = new ModelDisk(8, isStuck: true);
        Disk disk = model.Disk;
        DiskRequest request = disk.Rent()!;
        Assert.That(() => request.Complete(BlockStatus.Ok), Throws.InvalidOperationException);
        Assert.That(disk.Start(request, BlockOperation.Read, 0, 1), Is.EqualTo(BlockStatus.Ok));
        Assert.That(() => request.Begin(1, 0), Throws.InvalidOperationException);
        request.WaitSignalled(TimeSpan.FromMilliseconds(20));
        Assert.That(request.IsOver, Is.False);
        disk.Remove();
        Assert.That(request.IsOver, Is.True);
        Assert.That(request.Status, Is.EqualTo(BlockStatus.Removed));
    }

    [Test]
    public void A_waiter_wakes_when_the_request_is_completed_by_another_thread()
    {
        using var model = new ModelDisk(8, isStuck: true);
        Disk disk = model.Disk;
        DiskRequest request = disk.Rent()!;
        disk.Start(request, BlockOperation.Read, 0, 1);
        var completer = new Thread(() =>
        {
            Thread.Sleep(50);
            disk.Remove();
        });
        completer.Start();
        Assert.That(disk.Wait(request), Is.EqualTo(BlockStatus.Removed));
        completer.Join();
    }

    [Test]
    public void Self_tests_of_a_disk_pass_and_restore_it()
    {
        using var model = new ModelDisk(1000, isSlow: true);
        Disk disk = model.Disk;
        new Random(5).NextBytes(model.Content);
        byte[] before = model.Content.ToArray();
        var shown = new ShellDisk(disk);
        foreach (SelfTestCase test in (SelfTestCase[])[
            new AwaitedReadTest(shown), new DiskBoundsTest(shown), new DiskWriteTest(shown, new FixedClock()),
            new DiskFlushTest(shown)])
        {
            SelfTestResult result = test.Run();
            Assert.That(result.Outcome, Is.EqualTo(SelfTestOutcome.Passed), test.Name + ": " + result.Reason);
        }

        Assert.That(model.Content.SequenceEqual(before), Is.True);
    }

    [Test]
    public void Self_test_tells_awaited_reads_that_fail()
    {
        using var model = new ModelDisk(8) { BadSector = 3 };
        Disk disk = model.Disk;
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
