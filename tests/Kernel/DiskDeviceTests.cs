using System;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Kernel.Tests.Fakes;
using BlockStatus = VirtioGuest.Drivers.Virtio.Devices.Block.BlockStatus;

namespace VirtioGuest.Kernel.Tests;

[TestFixture]
internal sealed class DiskDeviceTests
{
    private const int SizeMaxField = 8;

    [TestCase(1)]
    [TestCase(256)]
    [TestCase(257)]
    [TestCase(3000)]
    public async Task Sectors_are_written_and_read(int count)
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create(4096);
        Disk disk = Start(bench);
        byte[] content = new byte[count * 512];
        new Random(count).NextBytes(content);

        Assert.That(disk.Write(11, content), Is.EqualTo(BlockStatus.Ok));
        Assert.That(bench.Model.Disk.Slice(11 * 512, content.Length).SequenceEqual(content), Is.True);
        byte[] read = new byte[content.Length];
        Assert.That(disk.Read(11, read), Is.EqualTo(BlockStatus.Ok));
        Assert.That(read, Is.EqualTo(content));
        Array.Clear(read);
        Assert.That(await disk.ReadAsync(11, read), Is.EqualTo(BlockStatus.Ok));
        Assert.That(read, Is.EqualTo(content));
        disk.Remove();
    }

    [Test]
    public void A_capacity_that_changes_after_any_read_of_its_start_is_known()
    {
        bool hasActed = true;
        for (int step = 0; hasActed; step++)
        {
            using ModelBench<BlockDevice> bench = DiskBench.Create(64);
            int left = step;
            bench.Machine.AfterRead = () =>
            {
                if (left-- == 0)
                {
                    bench.Model.Resize(32);
                }
            };

            Disk disk = Start(bench);

            hasActed = left < 0;
            Assert.That(disk.SectorCount, Is.EqualTo(hasActed ? 32 : 64), $"after {step} reads");
        }
    }

    [Test]
    public void Segments_are_no_longer_than_the_device_takes()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create(1024);
        bench.Model.OfferedFeatures |= BlockFeature.SizeMaximum;
        bench.SetField(SizeMaxField, 1000);
        Disk disk = Start(bench);
        byte[] content = new byte[1024 * 512];
        new Random(1).NextBytes(content);

        Assert.That(disk.Write(0, content), Is.EqualTo(BlockStatus.Ok));
        Assert.That(bench.Model.Disk.SequenceEqual(content), Is.True);
    }

    [Test]
    public void A_used_length_that_makes_no_sense_costs_nothing([Values(0u, 4096u, 0xFFFFFFFBu)] uint length)
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create(64);
        bench.Model.Queues[0].ForcedLength = length;
        Disk disk = Start(bench);
        byte[] content = new byte[16 * 512];
        new Random(1).NextBytes(content);
        byte[] read = new byte[content.Length];

        for (ulong sector = 0; sector < 40; sector++)
        {
            Assert.That(disk.Write(sector, content), Is.EqualTo(BlockStatus.Ok));
            Assert.That(disk.Read(sector, read), Is.EqualTo(BlockStatus.Ok));
            Assert.That(read, Is.EqualTo(content));
        }

        Assert.That(disk.Device.Describe().Restarts, Is.Zero);
    }

    [TestCase(true, ExpectedResult = 1)]
    [TestCase(false, ExpectedResult = 0)]
    public int Flush_is_sent_where_it_is_offered(bool isOffered)
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.OfferedFeatures |= isOffered ? BlockFeature.Flush : 0;
        RequestLog log = bench.LogRequests();

        Assert.That(Start(bench).Flush(), Is.EqualTo(BlockStatus.Ok));
        return log.Requests.FindAll(request => request.StartsWith("4@", StringComparison.Ordinal)).Count;
    }

    [TestCase((byte)1, "error: disk0: the device reports an I/O error")]
    [TestCase((byte)2, "error: disk0: the device does not support the request")]
    [TestCase((byte)7, "error: disk0: the device gave no status")]
    public void Statuses_of_the_device_reach_the_shell(byte status, string expected)
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        Disk disk = Start(bench);
        bench.LogRequests().ForcedStatus = status;
        Assert.That(new ShellBench(disk).Run("blk 0 checksum 0 64"), Is.EqualTo(expected));
    }

    [Test]
    public void A_read_only_device_is_shown_and_spared()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.OfferedFeatures |= BlockFeature.ReadOnly;
        RequestLog log = bench.LogRequests();
        Disk disk = Start(bench);
        Assert.That(disk.Size, Is.EqualTo("64 sectors (32 KiB), read-only"));
        Assert.That(disk.Write(0, new byte[512]), Is.EqualTo(BlockStatus.ReadOnly));
        Assert.That(log.Requests, Is.Empty);
    }

    [Test]
    public void A_device_without_sectors_is_a_disk_all_the_same()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create(0);
        Disk disk = Start(bench);
        Assert.That(disk.Size, Is.EqualTo("0 sectors (0 bytes)"));
        Assert.That(disk.Read(0, []), Is.EqualTo(BlockStatus.Ok));
        Assert.That(disk.Read(0, new byte[512]), Is.EqualTo(BlockStatus.OutOfRange));
    }

    [TestCase("discard", "discarded")]
    [TestCase("zero", "zeroed")]
    [TestCase("erase", "erased")]
    public void A_range_goes_in_pieces_that_the_device_takes(string verb, string done)
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.OfferedFeatures |= BlockFeature.Discard | BlockFeature.WriteZeroes | BlockFeature.SecureErase;
        foreach (int field in (int[])[36, 48, 60])
        {
            bench.SetField(field, 8);
            bench.SetField(field + 4, 1);
        }

        bench.Model.Disk.Fill(7);
        Disk disk = Start(bench);
        RequestLog log = bench.LogRequests();
        var shell = new ShellBench(disk);

        Assert.That(shell.Run($"blk 0 {verb} 3 20"), Is.EqualTo($"{done} 20 sectors"));

        Assert.That(log.Requests, Has.Count.EqualTo(3));
        byte[] range = bench.Model.Disk.Slice(3 * 512, 20 * 512).ToArray();
        Assert.That(range, verb == "zero" ? Is.All.Zero : Has.None.EqualTo(7));
        Assert.That(bench.Model.Disk[..(3 * 512)].ContainsAnyExcept((byte)7), Is.False);
        Assert.That(bench.Model.Disk[(23 * 512)..].ContainsAnyExcept((byte)7), Is.False);
        Assert.That(shell.Run($"blk 0 {verb} 60 5"), Does.Contain("beyond the end"));
        Assert.That(disk.Discard(63, 2), Is.EqualTo(BlockStatus.OutOfRange));
        Assert.That(disk.Discard(63, 0), Is.EqualTo(BlockStatus.Ok));
        disk.Remove();
    }

    [TestCase("discard 0 8")]
    [TestCase("zero 0 8")]
    [TestCase("erase 0 8")]
    [TestCase("lifetime")]
    [TestCase("cache off")]
    public void What_the_device_does_not_offer_is_refused(string what)
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        Disk disk = Start(bench);
        Assert.That(
            new ShellBench(disk).Run("blk 0 " + what),
            Is.EqualTo("error: disk0: the device does not support the request"));
        Assert.That(bench.Model.Findings, Is.Empty);
        disk.Remove();
    }

    [Test]
    public void The_device_tells_what_it_is_called_how_worn_it_is_and_how_it_caches()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.OfferedFeatures |= BlockFeature.Lifetime | BlockFeature.ConfigWce | BlockFeature.Flush;
        bench.Model.Id = "a serial number";
        Disk disk = Start(bench);
        var shell = new ShellBench(disk);
        Assert.That(shell.Run("blk 0 id"), Is.EqualTo("a serial number"));
        Assert.That(shell.Run("blk 0 lifetime"), Does.StartWith("reserved blocks consumed: "));
        Assert.That(shell.Run("blk 0 cache on"), Is.EqualTo("writeback"));
        int flushes = bench.Model.Flushes;
        Assert.That(shell.Run("blk 0 cache off"), Is.EqualTo("writethrough"));
        Assert.That(bench.Model.Flushes, Is.EqualTo(flushes + 1), "what was written before is durable now");
        Assert.That(shell.Run("blk 0 cache"), Is.EqualTo("writethrough"));
        Assert.That(shell.Run("blk 0 cache maybe"), Does.Contain("blk D cache [on|off]"));
        disk.Remove();
    }

    [Test]
    public void A_range_that_is_not_whole_blocks_is_refused_before_anything_is_done()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.OfferedFeatures |= BlockFeature.Discard | BlockFeature.BlockSize;
        bench.SetField(20, 4096);
        bench.SetField(36, 64);
        bench.SetField(40, 1);
        Disk disk = Start(bench);
        RequestLog log = bench.LogRequests();
        Assert.That(disk.Discard(8, 12), Is.EqualTo(BlockStatus.Unaligned));
        Assert.That(log.Requests, Is.Empty);
        Assert.That(disk.Discard(8, 16), Is.EqualTo(BlockStatus.Ok));
        Assert.That(
            new ShellBench(disk).Run("blk 0 discard 1 8"),
            Is.EqualTo("error: disk0: the request is not for whole blocks of 4096 bytes"));
        disk.Remove();
    }

    [Test]
    public void Requests_that_are_completed_out_of_order_find_their_owners()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create(4096);
        Disk disk = Start(bench);
        new Random(2).NextBytes(bench.Model.Disk);
        HeldBackCompletion held = bench.HoldRequests();
        byte[] read = new byte[1024 * 512];
        Task<BlockStatus> reading = Task.Run(() => disk.Read(100, read));
        Assert.That(() => bench.Model.Queues[0].Finished, Is.EqualTo(4).After(10_000, 10));
        Thread.Sleep(20);

        for (int left = 4; left > 0; left--)
        {
            bench.Complete(held, left / 2);
        }

        Assert.That(reading.Wait(TimeSpan.FromSeconds(10)), Is.True);
        Assert.That(reading.Result, Is.EqualTo(BlockStatus.Ok));
        Assert.That(read.AsSpan().SequenceEqual(bench.Model.Disk.Slice(100 * 512, read.Length)), Is.True);
    }

    private static Disk Start(ModelBench<BlockDevice> bench)
    {
        Disk? disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out Failure? failure);
        Assert.That(disk, Is.Not.Null, failure?.ToString());
        return disk!;
    }
}
