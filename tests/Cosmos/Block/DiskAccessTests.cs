using System;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Drivers.Virtio.Reports;

namespace VirtioGuest.Cosmos.Tests.Block;

/// <summary>Transfers of a disk that works, and calls that must never reach it.</summary>
public sealed class DiskAccessTests
{
    private const uint In = 0;
    private const uint Out = 1;
    private const uint FlushType = 4;

    [Test]
    public void A_read_fills_the_buffer_with_its_sectors([Values] bool isPacked)
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(64, prepare: disk => UseFormat(disk, isPacked));
        new Random(1).NextBytes(model.Disk);
        byte[] buffer = pc.Buffer(3 * 512);

        pc.Boot().Disk.Read(5, 3, buffer);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(buffer, Is.EqualTo(model.Disk.Slice(5 * 512, 3 * 512).ToArray()));
            Assert.That(pc.Disk.Device.Describe().RingFormat, Is.EqualTo(isPacked ? "packed" : "split"));
            Assert.That(model.Findings, Is.Empty);
        }
    }

    [Test]
    public void A_write_changes_its_sectors_and_no_others()
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(16);
        model.Disk.Fill(0x55);
        byte[] data = new byte[2 * 512];
        new Random(2).NextBytes(data);

        pc.Boot().Disk.Write(14, 2, pc.Buffer(data));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(model.Disk[(14 * 512)..].ToArray(), Is.EqualTo(data));
            Assert.That(model.Disk[..(14 * 512)].ToArray(), Is.All.EqualTo(0x55));
        }
    }

    [Test]
    public void Many_sectors_are_one_request_and_a_write_is_flushed()
    {
        using Pc pc = new();
        var log = new RequestLog();
        pc.AddDisk(4096).Faults = log;
        pc.Boot();

        pc.Disk.Read(0, 4096, pc.Buffer(4096 * 512));
        pc.Disk.Write(1, 2000, pc.Buffer(2000 * 512));

        Assert.That(log.Requests, Is.EqualTo(new[]
        {
            (In, 0UL, 4096UL * 512), (Out, 1UL, 2000UL * 512), (FlushType, 0UL, 0UL),
        }));
    }

    [Test]
    public void Writes_are_flushed_on_demand_only_where_the_caller_says_so()
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(16);
        pc.Boot().Disk.FlushesWrites = false;

        pc.Disk.Write(0, 1, pc.Buffer(512));
        int before = model.Flushes;
        pc.Disk.Flush();

        Assert.That((before, model.Flushes), Is.EqualTo((0, 1)));
    }

    [Test]
    public void A_disk_without_flush_is_written_without_one()
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(16, prepare: disk => disk.OfferedFeatures &= ~BlockFeature.Flush);
        pc.Boot();

        pc.Disk.Write(0, 1, pc.Buffer(Enumerable.Repeat((byte)7, 512).ToArray()));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(model.Disk[..512].ToArray(), Is.All.EqualTo(7));
            Assert.That(() => pc.Disk.Flush(), Throws.Nothing);
        }
    }

    [TestCase(512u, 3u, new[] { 3, 3, 1 })]
    [TestCase(700u, 2u, new[] { 2, 2, 2, 1 })]
    [TestCase(100u, 6u, new[] { 1, 1, 1, 1, 1, 1, 1 })]
    [TestCase(4096u, 1u, new[] { 7 })]
    public void A_transfer_is_split_at_the_limits_of_the_device(
        uint segmentLength, uint segments, int[] sectorsOfRequests)
    {
        using Pc pc = new();
        var model = new NarrowDisk(pc.Platform.Pages, 32, segmentLength, segments);
        new Random(3).NextBytes(model.Disk);
        pc.Add(model, 11);
        byte[] buffer = pc.Buffer(7 * 512);

        pc.Boot().Disk.Read(9, 7, buffer);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(buffer, Is.EqualTo(model.Disk.Slice(9 * 512, 7 * 512).ToArray()));
            Assert.That(model.Reads.Select(read => (int)read.Segments.Sum(each => each) / 512),
                Is.EqualTo(sectorsOfRequests));
            Assert.That(model.Reads.SelectMany(read => read.Segments), Is.All.LessThanOrEqualTo(segmentLength));
            Assert.That(model.Reads.Select(read => (uint)read.Segments.Length), Is.All.LessThanOrEqualTo(segments));
        }
    }

    [Test]
    public void A_disk_that_takes_less_than_a_sector_at_a_time_is_skipped()
    {
        using Pc pc = new();
        pc.Add(new NarrowDisk(pc.Platform.Pages, 32, 100, 5), 11);

        pc.Boot();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(pc.Inventory.Disks, Is.Empty);
            Assert.That(pc.Platform.Lines,
                Has.Member("00:03.0: virtio-blk takes less than a sector at a time: skipped"));
        }
    }

    [Test]
    public void The_buffer_is_used_as_it_is_and_nothing_is_kept()
    {
        using Pc pc = new();
        pc.AddDisk(64);
        pc.Boot();
        int before = pc.Platform.Pages.InUse;

        for (int i = 0; i < 300; i++)
        {
            pc.Disk.Read(0, 64, pc.Buffer(64 * 512));
        }

        Assert.That(pc.Platform.Pages.InUse, Is.EqualTo(before));
    }

    [Test]
    public void A_null_buffer_is_an_error_that_names_the_request()
    {
        using Pc pc = new();
        pc.AddDisk(16);
        pc.Boot();

        Assert.That(() => pc.Disk.Read(3, 2, null), Throws.TypeOf<IOException>()
            .With.Message.EqualTo("disk0: read at sector 3, count 2: there is no buffer"));
    }

    [TestCase(0, 1UL)]
    [TestCase(511, 1UL)]
    [TestCase(1024, 1UL)]
    [TestCase(1024, 3UL)]
    [TestCase(512, 0UL)]
    [TestCase(512, ulong.MaxValue)]
    [TestCase(512, (1UL << 32) + 1)]
    [TestCase(512, (1UL << 55) + 1)]
    public void A_buffer_of_the_wrong_size_is_the_error_that_Cosmos_throws(int length, ulong count)
    {
        using Pc pc = new();
        var log = new RequestLog();
        pc.AddDisk(16).Faults = log;
        pc.Boot();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => pc.Disk.Read(0, count, pc.Buffer(length)),
                Throws.TypeOf<Exception>().With.Message.EqualTo("Invalid data size."));
            Assert.That(() => pc.Disk.Write(0, count, pc.Buffer(length)),
                Throws.TypeOf<Exception>().With.Message.EqualTo("Invalid data size."));
            Assert.That(log.Requests, Is.Empty);
        }
    }

    [TestCase(16UL, 1)]
    [TestCase(15UL, 2)]
    [TestCase(0UL, 17)]
    [TestCase(17UL, 0)]
    [TestCase(ulong.MaxValue, 1)]
    [TestCase(ulong.MaxValue, 2)]
    [TestCase(1UL << 55, 1)]
    public void A_range_beyond_the_end_is_an_error_that_names_the_range(ulong first, int count)
    {
        using Pc pc = new();
        var log = new RequestLog();
        pc.AddDisk(16).Faults = log;
        pc.Boot();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => pc.Disk.Write(first, (ulong)count, pc.Buffer(count * 512)), Throws.TypeOf<IOException>()
                .With.Message.EqualTo(
                    $"disk0: write at sector {first}, count {count}: the disk ends at sector 16"));
            Assert.That(log.Requests, Is.Empty);
        }
    }

    [Test]
    public void A_buffer_with_less_than_a_sector_to_spare_is_accepted_as_in_Cosmos()
    {
        using Pc pc = new();
        pc.AddDisk(16).Disk.Fill(9);
        byte[] buffer = pc.Buffer(1023);

        pc.Boot().Disk.Read(0, 1, buffer);

        Assert.That(buffer, Is.EqualTo(Enumerable.Repeat((byte)9, 512).Concat(new byte[511]).ToArray()));
    }

    [Test]
    public void A_transfer_of_no_sectors_makes_no_request()
    {
        using Pc pc = new();
        var log = new RequestLog();
        pc.AddDisk(16).Faults = log;
        pc.Boot();

        pc.Disk.Read(16, 0, pc.Buffer(0));
        pc.Disk.Write(0, 0, pc.Buffer(100));

        Assert.That(log.Requests, Is.Empty);
    }

    [Test]
    public void A_request_is_handed_over_without_an_interrupt_in_between_and_works_where_they_are_off(
        [Values] bool wereOn)
    {
        using Pc pc = new();
        pc.AddDisk(16).Disk.Fill(6);
        pc.Boot();
        byte[] buffer = pc.Buffer(512);
        pc.Platform.RestoreInterrupts(wereOn ? 1u : 0);
        pc.Platform.InterruptibleWrites = 0;
        pc.Platform.UninterruptedWrites = 0;

        pc.Disk.Read(0, 1, buffer);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(buffer, Is.All.EqualTo(6));
            Assert.That((pc.Platform.InterruptibleWrites, pc.Platform.UninterruptedWrites), Is.EqualTo((0, 1)));
            Assert.That(pc.Platform.AreInterruptsOn, Is.EqualTo(wereOn));
        }
    }

    [Test]
    public void A_disk_that_grew_is_read_to_its_new_end_and_its_listener_is_told()
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(16);
        var listener = new LastCapacity();
        pc.Boot().Disk.Listener = listener;

        model.Resize(32);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => pc.Disk.Read(31, 1, pc.Buffer(512)), Throws.Nothing);
            Assert.That(listener.Sectors, Is.EqualTo(32));
        }
    }

    private static void UseFormat(BlockDevice disk, bool isPacked)
    {
        if (!isPacked)
        {
            disk.OfferedFeatures &= ~FeatureBit.RingPacked;
        }
    }

    private sealed class LastCapacity : CapacityListener
    {
        public ulong Sectors { get; private set; }

        public override void OnCapacity(ulong sectors) => Sectors = sectors;
    }
}
