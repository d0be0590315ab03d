using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;
using BlockStatus = VirtioGuest.Drivers.Virtio.Devices.Block.BlockStatus;

namespace VirtioGuest.Drivers.Virtio.Tests.Block;

/// <summary>
/// What a block device may offer beyond reading, writing and flushing, over PCI and over MMIO: requests over ranges and
/// about the device itself, the cache mode, several queues, hints.
/// </summary>
[TestFixture(0UL, false)]
[TestFixture(FeatureBit.IndirectDescriptors | FeatureBit.RingPacked, false)]
[TestFixture(FeatureBit.IndirectDescriptors, true)]
internal sealed class BlockFeatureTests(ulong ringFeatures, bool isMmio)
{
    private static readonly (BlockOperation Operation, ulong Feature)[] s_overRanges =
    [
        (BlockOperation.Discard, BlockFeature.Discard),
        (BlockOperation.WriteZeroes, BlockFeature.WriteZeroes),
        (BlockOperation.SecureErase, BlockFeature.SecureErase),
    ];

    [TestCase(BlockOperation.Discard, BlockFeature.Discard, BlockDevice.DiscardedByte)]
    [TestCase(BlockOperation.WriteZeroes, BlockFeature.WriteZeroes, (byte)0)]
    [TestCase(BlockOperation.SecureErase, BlockFeature.SecureErase, (byte)0)]
    public void Ranges_and_nothing_else_are_given_up_zeroed_or_erased(
        BlockOperation operation, ulong feature, byte expected)
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferRanges(feature, 100, 3, 8);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        bench.Model.Disk.Fill(0x77);
        BlockRange[] ranges = [new BlockRange(1, 2), new BlockRange(63, 1), new BlockRange(10, 20)];

        Assert.That(Send(bench, block, operation, ranges), Is.EqualTo(BlockStatus.Ok));
        for (int sector = 0; sector < 64; sector++)
        {
            bool isInRange = sector is 1 or 2 or 63 or (>= 10 and < 30);
            byte[] content = bench.Model.Disk.Slice(sector * 512, 512).ToArray();
            Assert.That(content, Is.All.EqualTo(isInRange ? expected : (byte)0x77), $"sector {sector}");
        }
    }

    [TestCase(false)]
    [TestCase(true)]
    public void A_write_of_zeroes_may_ask_for_unmapping_and_the_others_may_not(bool mayUnmap)
    {
        using ModelBench<BlockDevice> bench = NewBench();
        OfferAllRanges(bench);
        bench.Model.ConfigurationStore[56] = mayUnmap ? (byte)1 : (byte)0;
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        BlockRange[] unmap = [new BlockRange(1, 2, unmap: true)];

        Assert.That(block.MayUnmap, Is.EqualTo(mayUnmap));
        Assert.That(Send(bench, block, BlockOperation.WriteZeroes, unmap), Is.EqualTo(BlockStatus.Ok));
        Assert.That(Send(bench, block, BlockOperation.Discard, unmap), Is.EqualTo(BlockStatus.Invalid));
        Assert.That(Send(bench, block, BlockOperation.SecureErase, unmap), Is.EqualTo(BlockStatus.Invalid));
    }

    [Test]
    public void Ranges_beyond_what_the_device_takes_are_refused_before_it_sees_them()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        OfferAllRanges(bench, sectors: 16, ranges: 2);
        bench.Model.OfferedFeatures |= BlockFeature.BlockSize;
        bench.Model.BlockSize = 1024;
        RequestLog log = bench.LogRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        (BlockRange[] Ranges, BlockStatus Expected)[] cases =
        [
            ([], BlockStatus.Invalid),
            ([new BlockRange(0, 0)], BlockStatus.Invalid),
            ([new BlockRange(0, 18)], BlockStatus.Invalid),
            ([new BlockRange(0, 2), new BlockRange(2, 2), new BlockRange(4, 2)], BlockStatus.Invalid),
            ([new BlockRange(62, 4)], BlockStatus.OutOfRange),
            ([new BlockRange(ulong.MaxValue - 1, 2)], BlockStatus.OutOfRange),
            ([new BlockRange(0, 2), new BlockRange(64, 2)], BlockStatus.OutOfRange),
            ([new BlockRange(1, 2)], BlockStatus.Unaligned),
            ([new BlockRange(2, 1)], BlockStatus.Unaligned),
        ];
        foreach ((BlockOperation operation, _) in s_overRanges)
        {
            foreach ((BlockRange[] ranges, BlockStatus expected) in cases)
            {
                string what = $"{operation} of {ranges.Length}";
                Assert.That(Send(bench, block, operation, ranges), Is.EqualTo(expected), what);
            }

            Assert.That(log.Requests, Is.Empty);
            BlockRange[] sound = [new BlockRange(62, 2), new BlockRange(0, 16)];
            Assert.That(Send(bench, block, operation, sound), Is.EqualTo(BlockStatus.Ok));
            log.Requests.Clear();
        }

        Assert.That(Send(bench, block, BlockOperation.Write, [new BlockRange(0, 2)]), Is.EqualTo(BlockStatus.Invalid));
        DmaMemory small = bench.Machine.Memory.Allocate(31, 64)!;
        Assert.That(
            block.Queue(0).TrySubmitRanges(
                BlockOperation.Discard, [new BlockRange(0, 2), new BlockRange(2, 2)], small, 1),
            Is.EqualTo(BlockStatus.Invalid));
    }

    [Test]
    public void What_is_not_offered_is_not_sent()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        RequestLog log = bench.LogRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        foreach ((BlockOperation operation, _) in s_overRanges)
        {
            Assert.That(block.LimitsOf(operation).MaximumRanges, Is.Zero);
            Assert.That(Send(bench, block, operation, [new BlockRange(0, 1)]), Is.EqualTo(BlockStatus.NotOffered));
        }

        Assert.That(Ask(bench, block, BlockOperation.GetLifetime, 6, out _), Is.EqualTo(BlockStatus.NotOffered));
        Assert.That(block.TrySetWriteback(true), Is.EqualTo(BlockStatus.NotOffered));
        Assert.That(log.Requests, Is.Empty);
    }

    [Test]
    public void A_read_only_disk_is_not_discarded_zeroed_or_erased()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        OfferAllRanges(bench);
        bench.Model.OfferedFeatures |= BlockFeature.ReadOnly;
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        foreach ((BlockOperation operation, _) in s_overRanges)
        {
            Assert.That(Send(bench, block, operation, [new BlockRange(0, 1)]), Is.EqualTo(BlockStatus.ReadOnly));
        }
    }

    /// <summary>Zeros are what devices leave in a limit that they never meant to set.</summary>
    [Test]
    public void Limits_that_make_no_sense_are_taken_for_those_that_ask_least()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferRanges(BlockFeature.Discard, 0, 0, 0);
        bench.Model.OfferRanges(BlockFeature.WriteZeroes, 7, 1000);
        bench.Model.OfferRanges(BlockFeature.SecureErase, 9, 5, 12);
        bench.Model.OfferedFeatures |= BlockFeature.SizeMaximum;
        bench.SetField(8, 64);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");

        Assert.That(Limits(block, BlockOperation.Discard), Is.EqualTo((uint.MaxValue, 1, 1u)));
        Assert.That(Limits(block, BlockOperation.WriteZeroes), Is.EqualTo((7u, 4, 1u)), "four ranges fill a segment");
        Assert.That(Limits(block, BlockOperation.SecureErase), Is.EqualTo((9u, 4, 12u)));
        Assert.That(Limits(block, BlockOperation.Read), Is.EqualTo((0u, 0, 0u)));
    }

    [Test]
    public void The_device_tells_its_name_and_how_worn_it_is()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.Lifetime;
        bench.Model.Id = "12345678901234567890";
        bench.Model.Lifetime = (2, 11, 12);
        RequestLog log = bench.LogRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");

        Assert.That(Ask(bench, block, BlockOperation.GetId, 19, out _), Is.EqualTo(BlockStatus.Invalid));
        Assert.That(Ask(bench, block, BlockOperation.GetId, 20, out byte[] id), Is.EqualTo(BlockStatus.Ok));
        Assert.That(VirtioBlock.ParseId(id), Is.EqualTo("12345678901234567890"));
        Assert.That(Ask(bench, block, BlockOperation.GetLifetime, 8, out _), Is.EqualTo(BlockStatus.Invalid));
        Assert.That(Ask(bench, block, BlockOperation.GetLifetime, 6, out byte[] worn), Is.EqualTo(BlockStatus.Ok));
        BlockLifetime lifetime = BlockLifetime.Parse(worn);
        Assert.That(
            (lifetime.PreEolInfo, lifetime.EstimateA, lifetime.EstimateB),
            Is.EqualTo((2, 11, 0)),
            "12 is reserved and means nothing");
        Assert.That(log.Requests, Is.EqualTo(new[] { "8@0", "10@0" }));
    }

    [TestCase("disk", "disk")]
    [TestCase("a\u0001\u007fb", "a??b")]
    [TestCase("", "")]
    public void A_name_ends_at_its_zero_and_shows_nothing_odd(string name, string expected)
    {
        byte[] bytes = new byte[20];
        Encoding.Latin1.GetBytes(name, bytes);
        Assert.That(VirtioBlock.ParseId(bytes), Is.EqualTo(expected));
    }

    [Test]
    public void An_error_of_what_the_device_was_asked_is_told_though_it_wrote_a_status_only()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        RequestLog log = bench.LogRequests();
        log.ForcedStatus = 2;
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(Ask(bench, block, BlockOperation.GetId, 20, out _), Is.EqualTo(BlockStatus.Unsupported));
    }

    [Test]
    public void The_cache_mode_is_read_set_and_read_back()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.ConfigWce | BlockFeature.Flush;
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That((block.CanSetWriteback, block.IsWriteback), Is.EqualTo((true, true)));

        Assert.That(block.TrySetWriteback(false), Is.EqualTo(BlockStatus.Ok));
        Assert.That((block.IsWriteback, bench.Model.IsWriteback), Is.EqualTo((false, false)));
        DmaMemory data = bench.Machine.Memory.Allocate(512, 512)!;
        data.Bytes(0, 512).Fill(0x31);
        Assert.That(Write(block, 5, data), Is.EqualTo(BlockStatus.Ok));
        Assert.That(bench.Model.Stable.Slice(5 * 512, 512).ToArray(), Is.All.EqualTo(0x31), "no flush was needed");

        Assert.That(block.TrySetWriteback(true), Is.EqualTo(BlockStatus.Ok));
        Assert.That(Write(block, 6, data), Is.EqualTo(BlockStatus.Ok));
        Assert.That(bench.Model.Stable.Slice(6 * 512, 512).ToArray(), Is.All.Zero);
        Assert.That(Flush(block), Is.EqualTo(BlockStatus.Ok));
        bench.Model.LosePower();
        Assert.That(bench.Model.Disk.Slice(6 * 512, 512).ToArray(), Is.All.EqualTo(0x31));

        bench.Model.KeepsCacheMode = true;
        Assert.That(block.TrySetWriteback(false), Is.EqualTo(BlockStatus.Unsupported));
        Assert.That(block.IsWriteback, Is.True);
    }

    [Test]
    public void A_cache_mode_that_the_device_changes_is_seen_at_its_interrupt()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.ConfigWce | BlockFeature.Flush;
        bench.Model.StartsInWriteback = false;
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(block.IsWriteback, Is.False);
        bench.Model.ChangeConfiguration(() => bench.Model.ConfigurationStore[32] = 1);
        Assert.That(block.IsWriteback, Is.True);
    }

    [TestCase(0UL, false)]
    [TestCase(BlockFeature.Flush, true)]
    public void Without_a_say_in_it_the_cache_mode_follows_from_the_flush(ulong features, bool isWriteback)
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= features;
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That((block.CanSetWriteback, block.IsWriteback), Is.EqualTo((false, isWriteback)));
    }

    [Test]
    public void A_cache_that_cannot_be_flushed_is_not_controlled()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.ConfigWce;
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(block.CanSetWriteback, Is.False);
        Assert.That(bench.Model.DriverFeatures & BlockFeature.ConfigWce, Is.Zero);
    }

    [Test]
    public void A_request_for_parts_of_blocks_is_refused_before_the_device_sees_it()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.BlockSize | BlockFeature.SegmentMaximum;
        bench.Model.BlockSize = 4096;
        bench.Model.RefusesParts = true;
        RequestLog log = bench.LogRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        DmaMemory data = bench.Machine.Memory.Allocate(8192, 512)!;
        (ulong Sector, uint[] Lengths, BlockStatus Expected)[] cases =
        [
            (0, [512], BlockStatus.Unaligned),
            (1, [4096], BlockStatus.Unaligned),
            (8, [4096, 512], BlockStatus.Unaligned),
            (56, [8192], BlockStatus.OutOfRange),
            (64, [512], BlockStatus.OutOfRange),
        ];
        foreach ((ulong sector, uint[] lengths, BlockStatus expected) in cases)
        {
            DmaSegment[] segments = lengths.Select(length => data.Segment(0, length)).ToArray();
            foreach (BlockOperation operation in new[] { BlockOperation.Read, BlockOperation.Write })
            {
                Assert.That(
                    block.Queue(0).TrySubmit(operation, sector, segments, 1),
                    Is.EqualTo(expected),
                    $"{operation} {sector}");
            }
        }

        Assert.That(log.Requests, Is.Empty);
        data.Sync(0, 8192, DmaSync.PreRead);
        DmaSegment[] parts = [data.Segment(0, 512), data.Segment(512, 3584)];
        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Read, 56, parts, 1), Is.EqualTo(BlockStatus.Ok));
        Assert.That(DrainOne(block.Queue(0)), Is.EqualTo(BlockStatus.Ok));
        data.Sync(0, 8192, DmaSync.PostRead);
    }

    [TestCase(4194304u)]
    [TestCase(8192u)]
    public void A_block_that_makes_no_sense_or_that_no_request_can_hold_is_not_kept_to(uint size)
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.BlockSize | BlockFeature.SegmentMaximum | BlockFeature.SizeMaximum;
        bench.SetField(8, 2048);
        bench.Model.SegmentMaximum = 2;
        bench.Model.BlockSize = size;
        Assert.That(bench.Start<VirtioBlock>("disk0").BlockSize, Is.EqualTo(512));
    }

    [Test]
    public void Hints_are_told()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.Geometry | BlockFeature.Topology | BlockFeature.BlockSize;
        bench.SetField(16, 0x3F10_0102);
        bench.SetField(24, 0x0040_0103);
        bench.SetField(28, 256);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");

        BlockGeometry geometry = block.Geometry;
        Assert.That((geometry.Cylinders, geometry.Heads, geometry.Sectors), Is.EqualTo((0x102, 16, 63)));
        BlockTopology topology = block.Topology;
        Assert.That(
            (topology.PhysicalBlockExponent, topology.AlignmentOffset, topology.MinimumIoSize, topology.OptimalIoSize),
            Is.EqualTo((3, 1, 64, 256u)));
        Assert.That(block.Describe().Details, Does.Contain(
            "blocks: 512 bytes, 8 in a physical one, the first at 1; best 64 to 256 at a time"));
        Assert.That(block.Describe().Details, Does.Contain("geometry: 258 cylinders, 16 heads, 63 sectors"));
    }

    [Test]
    public void A_topology_of_impossible_blocks_is_none()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.Topology;
        bench.SetField(24, 0x0040_0120);
        Assert.That(bench.Start<VirtioBlock>("disk0").Topology.MinimumIoSize, Is.Zero);
    }

    [Test]
    public void A_host_aware_disk_is_driven_as_one_without_zones_and_told_of()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferZones(2, 32);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(bench.Model.DriverFeatures & BlockFeature.Zoned, Is.Zero);
        Assert.That((block.Zones.Model, block.Zones.ZoneSectors), Is.EqualTo((BlockZoneModel.HostAware, 32u)));
        Assert.That(block.Describe().Details, Has.Some.StartsWith("zones: host-aware, of 32 sectors"));
    }

    [Test]
    public void A_host_managed_disk_is_refused_with_the_reason()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferZones(1, 32);
        Assert.That(
            bench.FailToStart(bench.Create<VirtioBlock>("disk0")),
            Is.EqualTo("is zoned and host-managed: it takes writes in the order of its zones only"));
    }

    [Test]
    public void As_many_requests_are_in_flight_as_the_ring_takes_of_that_length()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.SegmentMaximum;
        bench.SetQueueSize(32);
        HeldBackCompletion held = bench.HoldRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        DmaMemory data = bench.Machine.Memory.Allocate(2048, 512)!;
        foreach (int segments in new[] { 1, 3 })
        {
            DmaSegment[] parts = Enumerable.Repeat(data.Segment(0, 512), segments).ToArray();
            int submitted = 0;
            while (block.Queue(0).TrySubmit(BlockOperation.Write, 0, parts, 1) == BlockStatus.Ok)
            {
                submitted++;
            }

            bool hasTables = (ringFeatures & FeatureBit.IndirectDescriptors) != 0;
            Assert.That(submitted, Is.EqualTo(block.Queue(0).MaximumRequestsOf(segments)));
            Assert.That(submitted, Is.EqualTo(hasTables ? 32 : 32 / (segments + 2)));
            block.Queue(0).Notify();
            while (block.Queue(0).InFlight != 0)
            {
                bench.Complete(held, 0);
                block.Queue(0).Drain(new BlockCompletion[4]);
            }
        }
    }

    [TestCase(4, 4, 8)]
    [TestCase(4, 4, 2)]
    [TestCase(4, 4, 1)]
    [TestCase(4, 4, 0)]
    [TestCase(2, 4, 8)]
    [TestCase(64, 3, 8)]
    public void Each_queue_in_use_carries_requests_of_its_own_and_tells_of_them(int wanted, int there, int vectors)
    {
        using ModelBench<BlockDevice> bench = NewBench(there);
        bench.Options = new PciFunctionOptions { VectorCount = vectors };
        VirtioBlock block = StartWith(bench, wanted);
        int count = Math.Min(wanted, there);
        Assert.That(block.QueueCount, Is.EqualTo(count));
        Assert.That(block.Describe().Queues.Select(queue => queue.Name),
            Is.EqualTo(Enumerable.Range(1, count).Select(number => $"requestq{number}")));

        DmaMemory data = bench.Machine.Memory.Allocate(512, 512)!;
        for (int i = 0; i < count; i++)
        {
            BlockQueue queue = block.Queue(i);
            Assert.That(queue.Index, Is.EqualTo(i));
            data.Bytes(0, 512).Fill((byte)(i + 1));
            bench.Sink.Events.Clear();
            data.Sync(0, 512, DmaSync.PreWrite);
            Assert.That(
                queue.TrySubmit(BlockOperation.Write, (ulong)i, [data.Segment(0, 512)], i), Is.EqualTo(BlockStatus.Ok));
            Assert.That(queue.InFlight, Is.EqualTo(1));
            Assert.That(DrainOne(queue), Is.EqualTo(BlockStatus.Ok));
            data.Sync(0, 512, DmaSync.PostWrite);
            Assert.That(bench.Model.Disk[i * 512], Is.EqualTo((byte)(i + 1)));
            Assert.That(bench.Sink.Events, Does.Contain($"queue {i}"));
        }

        if (wanted > there)
        {
            BlockQueue absent = block.Queue(there);
            BlockStatus status = absent.TrySubmit(BlockOperation.Read, 0, [data.Segment(0, 512)], 1);
            Assert.That(status, Is.EqualTo(BlockStatus.NotRunning));
            Assert.That(absent.Drain(new BlockCompletion[1]) + absent.MaximumRequests, Is.Zero);
            absent.Notify();
            Assert.That(absent.EnableInterrupts(), Is.False);
        }

        Assert.That(block.Describe().Counters[1].Value, Is.EqualTo((ulong)count), "writes of all queues");
    }

    [Test]
    public void Requests_of_all_queues_come_back_when_the_device_is_stopped_and_all_work_in_its_next_life()
    {
        using ModelBench<BlockDevice> bench = NewBench(3);
        VirtioBlock block = StartWith(bench, 3);
        DmaMemory data = bench.Machine.Memory.Allocate(512, 512)!;
        bench.Model.RunsWhenNotified = false;
        for (int i = 0; i < 3; i++)
        {
            block.Queue(i).TrySubmit(BlockOperation.Write, 0, [data.Segment(0, 512)], i);
        }

        Assert.That(block.Stop(), Is.True);
        Assert.That(() => block.TryStart(out _), Throws.InvalidOperationException, "requests are not taken back");
        BlockCompletion[] completions = new BlockCompletion[4];
        for (int i = 0; i < 3; i++)
        {
            Assert.That(block.Queue(i).Drain(completions), Is.EqualTo(1));
            Assert.That((completions[0].Token, completions[0].Status), Is.EqualTo((i, BlockStatus.Aborted)));
        }

        bench.Model.RunsWhenNotified = true;
        bench.Model.ConfigurationStore[34] = 2;
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(block.QueueCount, Is.EqualTo(2));
        Assert.That(Write(block, 1, data, queue: 1), Is.EqualTo(BlockStatus.Ok));
        Assert.That(
            block.Queue(2).TrySubmit(BlockOperation.Write, 0, [data.Segment(0, 512)], 1),
            Is.EqualTo(BlockStatus.NotRunning));
    }

    [Test]
    public void A_queue_that_is_reset_leaves_the_others_alone()
    {
        using ModelBench<BlockDevice> bench = NewBench(2);
        bench.Model.OfferedFeatures |= FeatureBit.RingReset;
        VirtioBlock block = StartWith(bench, 2);
        DmaMemory data = bench.Machine.Memory.Allocate(512, 512)!;
        bench.Model.RunsWhenNotified = false;
        block.Queue(0).TrySubmit(BlockOperation.Write, 0, [data.Segment(0, 512)], 10);
        block.Queue(1).TrySubmit(BlockOperation.Write, 1, [data.Segment(0, 512)], 11);

        Assert.That(block.Queue(1).TryReset(16), Is.True);
        BlockCompletion[] completions = new BlockCompletion[4];
        Assert.That(block.Queue(1).Drain(completions), Is.EqualTo(1));
        Assert.That((completions[0].Token, completions[0].Status), Is.EqualTo((11, BlockStatus.Aborted)));
        Assert.That(block.Queue(0).InFlight, Is.EqualTo(1));
        bench.Model.RunsWhenNotified = true;
        Assert.That(DrainOne(block.Queue(0)), Is.EqualTo(BlockStatus.Ok));
        Assert.That(Write(block, 1, data, queue: 1), Is.EqualTo(BlockStatus.Ok));
    }

    [Test]
    public void A_device_that_says_it_has_no_queues_has_one()
    {
        using ModelBench<BlockDevice> bench = NewBench(2);
        bench.Model.ConfigurationStore[34] = 0;
        VirtioBlock block = StartWith(bench, 2);
        Assert.That(block.QueueCount, Is.EqualTo(1));
        Assert.That(bench.Model.DriverFeatures & BlockFeature.MultiQueue, Is.Zero);
    }

    [TestCase(0)]
    [TestCase(65)]
    public void A_number_of_queues_that_cannot_be_is_a_bug_of_the_owner(int count)
    {
        using ModelBench<BlockDevice> bench = NewBench();
        var transport = bench.OpenTransport();
        Assert.That(
            () => new VirtioBlock(transport, "disk0", bench.Sink, count), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [TestCase(19, BlockFeature.Geometry)]
    [TestCase(31, BlockFeature.Topology)]
    [TestCase(32, BlockFeature.ConfigWce)]
    [TestCase(35, BlockFeature.MultiQueue)]
    [TestCase(47, BlockFeature.Discard)]
    [TestCase(56, BlockFeature.WriteZeroes)]
    [TestCase(71, BlockFeature.SecureErase)]
    public void A_feature_whose_fields_are_not_there_is_not_accepted(int length, ulong feature)
    {
        using ModelBench<BlockDevice> bench = NewBench(configurationLength: length);
        bench.Model.OfferedFeatures |= feature | BlockFeature.Flush;
        bench.Start<VirtioBlock>("disk0");
        Assert.That(bench.Model.DriverFeatures & feature, Is.Zero);
    }

    [Test]
    public void Limits_are_told_to_people()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        OfferAllRanges(bench, sectors: 16, ranges: 2);
        bench.Model.OfferRanges(BlockFeature.Discard, uint.MaxValue, 1, 8);
        bench.Model.OfferedFeatures |= BlockFeature.ConfigWce | BlockFeature.Flush;
        string[] details = bench.Start<VirtioBlock>("disk0").Describe().Details;

        Assert.That(details, Does.Contain("blocks: 512 bytes"));
        Assert.That(details, Does.Contain("cache: writeback, can be changed"));
        Assert.That(details, Does.Contain("discard: up to 1 ranges of any number of sectors, best aligned to 8"));
        Assert.That(details, Does.Contain("write zeroes: up to 2 ranges of up to 16 sectors, may unmap"));
        Assert.That(details, Does.Contain("secure erase: up to 2 ranges of up to 16 sectors"));
    }

    private static void OfferAllRanges(ModelBench<BlockDevice> bench, uint sectors = 64, uint ranges = 4)
    {
        foreach ((_, ulong feature) in s_overRanges)
        {
            bench.Model.OfferRanges(feature, sectors, ranges);
        }
    }

    private static (uint Sectors, int Ranges, uint Alignment) Limits(VirtioBlock block, BlockOperation operation)
    {
        BlockLimits limits = block.LimitsOf(operation);
        return (limits.MaximumSectors, limits.MaximumRanges, limits.SectorAlignment);
    }

    private static BlockStatus Send(
        ModelBench<BlockDevice> bench, VirtioBlock block, BlockOperation operation, params BlockRange[] ranges)
    {
        DmaMemory memory = bench.Machine.Memory.Allocate(4096, 64)!;
        BlockStatus status = block.Queue(0).TrySubmitRanges(operation, ranges, memory, 3);
        if (status == BlockStatus.Ok)
        {
            status = DrainOne(block.Queue(0));
            memory.Sync(0, (uint)ranges.Length * BlockRange.Length, DmaSync.PostWrite);
        }

        memory.Free();
        return status;
    }

    private static BlockStatus Ask(
        ModelBench<BlockDevice> bench, VirtioBlock block, BlockOperation operation, uint length, out byte[] answer)
    {
        DmaMemory memory = bench.Machine.Memory.Allocate(length, 64)!;
        memory.Sync(0, length, DmaSync.PreRead);
        BlockStatus status = block.Queue(0).TrySubmit(operation, 9, [memory.Segment(0, length)], 3);
        status = status == BlockStatus.Ok ? DrainOne(block.Queue(0)) : status;
        memory.Sync(0, length, DmaSync.PostRead);
        answer = memory.Bytes(0, length).ToArray();
        memory.Free();
        return status;
    }

    private static BlockStatus Write(VirtioBlock block, ulong sector, DmaMemory data, int queue = 0)
    {
        data.Sync(0, data.Length, DmaSync.PreWrite);
        Assert.That(
            block.Queue(queue).TrySubmit(BlockOperation.Write, sector, [data.Segment(0, data.Length)], 1),
            Is.EqualTo(BlockStatus.Ok));
        BlockStatus status = DrainOne(block.Queue(queue));
        data.Sync(0, data.Length, DmaSync.PostWrite);
        return status;
    }

    private static BlockStatus Flush(VirtioBlock block)
    {
        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Flush, 0, default, 1), Is.EqualTo(BlockStatus.Ok));
        return DrainOne(block.Queue(0));
    }

    private static BlockStatus DrainOne(BlockQueue queue)
    {
        queue.Notify();
        BlockCompletion[] completions = new BlockCompletion[4];
        Assert.That(queue.Drain(completions), Is.EqualTo(1));
        return completions[0].Status;
    }

    private static VirtioBlock StartWith(ModelBench<BlockDevice> bench, int queues)
    {
        VirtioBlock block = new VirtioBlock(bench.OpenTransport(), "disk0", bench.Sink, queues);
        bench.Sink.Driver = block;
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
        return block;
    }

    private ModelBench<BlockDevice> NewBench(
        int queues = 1, int configurationLength = BlockDevice.ConfigurationSize)
    {
        ModelBench<BlockDevice> bench = new ModelBench<BlockDevice>(
            dma => new BlockDevice(dma.GuestMemory, 64, queues, configurationLength)
            {
                OfferedFeatures = FeatureBit.Version1 | ringFeatures | (queues > 1 ? BlockFeature.MultiQueue : 0),
            },
            isMmio);
        bench.SetQueueSize(64);
        return bench;
    }
}
