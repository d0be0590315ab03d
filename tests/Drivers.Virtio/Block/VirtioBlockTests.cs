using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
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
/// The block driver against the device model, with requests as chains and in tables, where memory is handed over and
/// where it is coherent.
/// </summary>
[TestFixture(0UL, false)]
[TestFixture(0UL, true)]
[TestFixture(FeatureBit.IndirectDescriptors, false)]
[TestFixture(FeatureBit.IndirectDescriptors, true)]
[TestFixture(FeatureBit.IndirectDescriptors | FeatureBit.RingPacked, false)]
[TestFixture(FeatureBit.IndirectDescriptors | FeatureBit.RingPacked, true)]
public class VirtioBlockTests
{
    private const int SizeMaxField = 8;
    private const int SegMaxField = 12;
    private const int BlkSizeField = 20;

    private readonly ulong _ringFeatures;
    private readonly bool _isCoherent;

    public VirtioBlockTests(ulong ringFeatures, bool isCoherent)
    {
        _ringFeatures = ringFeatures;
        _isCoherent = isCoherent;
    }

    [Test]
    public void What_is_written_is_read_back()
    {
        using ModelBench<BlockDevice> bench = NewBench(16);
        RequestLog log = bench.LogRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        DmaMemory buffer = bench.Machine.Memory.Allocate(2048, 512)!;
        Random random = new Random(1);
        random.NextBytes(buffer.Bytes(0, 2048));
        byte[] expected = buffer.Bytes(0, 2048).ToArray();

        Assert.That(Transfer(block, BlockOperation.Write, 3, buffer, 7), Is.EqualTo((7, BlockStatus.Ok)));
        Assert.That(bench.Model.Disk.Slice(3 * 512, 2048).SequenceEqual(expected), Is.True);

        buffer.Bytes(0, 2048).Clear();
        Assert.That(Transfer(block, BlockOperation.Read, 3, buffer, 8), Is.EqualTo((8, BlockStatus.Ok)));
        Assert.That(buffer.Bytes(0, 2048).SequenceEqual(expected), Is.True);
        Assert.That(log.Requests, Is.EqualTo(new[] { "1@3", "0@3" }));
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 0", "queue 0" }));
        Assert.That(
            block.Describe().Counters.Select(c => $"{c.Name}={c.Value}"),
            Is.EqualTo(new[] { "reads=1", "writes=1", "flushes=0", "errors=0" }));
    }

    [Test]
    public void Data_may_be_in_segments_that_are_no_whole_sectors()
    {
        using ModelBench<BlockDevice> bench = NewBench(4);
        bench.Model.OfferedFeatures |= BlockFeature.SegmentMaximum;
        bench.SetField(SegMaxField, 3);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        DmaMemory buffer = bench.Machine.Memory.Allocate(1024, 512)!;
        new Random(2).NextBytes(bench.Model.Disk);
        DmaSegment[] segments = { buffer.Segment(0, 100), buffer.Segment(100, 900), buffer.Segment(1000, 24) };

        buffer.Sync(0, 1024, DmaSync.PreRead);
        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Read, 2, segments, 1), Is.EqualTo(BlockStatus.Ok));
        Assert.That(DrainOne(block), Is.EqualTo((1, BlockStatus.Ok)));
        buffer.Sync(0, 1024, DmaSync.PostRead);
        Assert.That(buffer.Bytes(0, 1024).SequenceEqual(bench.Model.Disk[1024..]), Is.True);
    }

    [Test]
    public void Requests_of_different_lengths_take_turns_in_the_same_slots()
    {
        using ModelBench<BlockDevice> bench = NewBench(64);
        bench.Model.OfferedFeatures |= BlockFeature.SegmentMaximum | BlockFeature.Flush;
        bench.SetField(SegMaxField, 5);
        bench.SetQueueSize(8);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        new Random(3).NextBytes(bench.Model.Disk);
        DmaMemory buffer = bench.Machine.Memory.Allocate(2560, 512)!;
        for (int i = 0; i < 60; i++)
        {
            if (i % 7 == 6)
            {
                BlockStatus status = block.Queue(0).TrySubmit(BlockOperation.Flush, 0, Array.Empty<DmaSegment>(), i);
                Assert.That(status, Is.EqualTo(BlockStatus.Ok));
                Assert.That(DrainOne(block), Is.EqualTo((i, BlockStatus.Ok)));
                continue;
            }

            int segments = (i * 3 % 5) + 1;
            var data = new DmaSegment[segments];
            for (int j = 0; j < segments; j++)
            {
                data[j] = buffer.Segment((uint)j * 512, 512);
            }

            bool isRead = i % 2 == 0;
            ulong sector = (ulong)(i % 50);
            Span<byte> part = bench.Model.Disk.Slice((int)sector * 512, segments * 512);
            if (!isRead)
            {
                new Random(i).NextBytes(buffer.Bytes(0, 2560));
            }

            byte[] written = buffer.Bytes(0, (uint)segments * 512).ToArray();
            buffer.Sync(0, 2560, isRead ? DmaSync.PreRead : DmaSync.PreWrite);
            BlockOperation operation = isRead ? BlockOperation.Read : BlockOperation.Write;
            Assert.That(block.Queue(0).TrySubmit(operation, sector, data, i), Is.EqualTo(BlockStatus.Ok));
            Assert.That(DrainOne(block), Is.EqualTo((i, BlockStatus.Ok)));
            buffer.Sync(0, 2560, isRead ? DmaSync.PostRead : DmaSync.PostWrite);
            Assert.That(buffer.Bytes(0, (uint)segments * 512).SequenceEqual(part), Is.True);
            Assert.That(isRead || part.SequenceEqual(written), Is.True);
        }
    }

    [Test]
    public void A_flush_carries_no_data_and_sector_0()
    {
        using ModelBench<BlockDevice> bench = NewBench(4);
        bench.Model.OfferedFeatures |= BlockFeature.Flush;
        RequestLog log = bench.LogRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(block.HasFlush, Is.True);
        Assert.That(
            block.Queue(0).TrySubmit(BlockOperation.Flush, 3, new DmaSegment[1], 1),
            Is.EqualTo(BlockStatus.Invalid));
        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Flush, 3, default, 1), Is.EqualTo(BlockStatus.Ok));
        Assert.That(DrainOne(block), Is.EqualTo((1, BlockStatus.Ok)));
        Assert.That(log.Requests, Is.EqualTo(new[] { "4@0" }));
    }

    [Test]
    public void A_device_without_flush_says_so()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Flush, 0, default, 1), Is.EqualTo(BlockStatus.NotOffered));
    }

    [Test]
    public void A_read_only_disk_takes_no_writes()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.ReadOnly;
        RequestLog log = bench.LogRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(block.IsReadOnly, Is.True);
        Assert.That(Submit(block, BlockOperation.Write, 0, 512), Is.EqualTo(BlockStatus.ReadOnly));
        Assert.That(log.Requests, Is.Empty);

        // A slot that has had a request of the same shape takes the shorter way.
        Assert.That(
            block.Queue(0).TrySubmit(BlockOperation.Read, 0, SomeData(bench, 512), 1),
            Is.EqualTo(BlockStatus.Ok));
        Assert.That(DrainOne(block), Is.EqualTo((1, BlockStatus.Ok)));
        Assert.That(Submit(block, BlockOperation.Write, 0, 512), Is.EqualTo(BlockStatus.ReadOnly));
        Assert.That(log.Requests, Is.EqualTo(new[] { "0@0" }));
    }

    [TestCase(0UL, 512u, BlockStatus.Ok)]
    [TestCase(9UL, 512u, BlockStatus.Ok)]
    [TestCase(0UL, 5120u, BlockStatus.Ok)]
    [TestCase(10UL, 512u, BlockStatus.OutOfRange)]
    [TestCase(9UL, 1024u, BlockStatus.OutOfRange)]
    [TestCase(0UL, 5632u, BlockStatus.OutOfRange)]
    [TestCase(ulong.MaxValue, 512u, BlockStatus.OutOfRange)]
    [TestCase(ulong.MaxValue - 1, 2048u, BlockStatus.OutOfRange)]
    [TestCase(1UL << 55, 512u, BlockStatus.OutOfRange)]
    [TestCase(0UL, 0u, BlockStatus.Invalid)]
    [TestCase(0UL, 511u, BlockStatus.Invalid)]
    [TestCase(0UL, 513u, BlockStatus.Invalid)]
    public void Only_whole_sectors_within_the_capacity_are_transferred(ulong sector, uint bytes, BlockStatus expected)
    {
        using ModelBench<BlockDevice> bench = NewBench(10);
        HeldBackCompletion held = bench.HoldRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(Submit(block, BlockOperation.Read, sector, bytes), Is.EqualTo(expected));
        Assert.That(Submit(block, BlockOperation.Write, sector, bytes), Is.EqualTo(expected));
        Assert.That(Submit(block, (BlockOperation)2, sector, bytes), Is.EqualTo(BlockStatus.Invalid));
    }

    [Test]
    public void A_disk_of_0_sectors_works_and_has_nothing_to_read()
    {
        using ModelBench<BlockDevice> bench = NewBench(0);
        bench.Model.OfferedFeatures |= BlockFeature.Flush;
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(block.Capacity, Is.Zero);
        Assert.That(Submit(block, BlockOperation.Read, 0, 512), Is.EqualTo(BlockStatus.OutOfRange));
        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Flush, 0, default, 5), Is.EqualTo(BlockStatus.Ok));
        Assert.That(DrainOne(block), Is.EqualTo((5, BlockStatus.Ok)));
    }

    [Test]
    public void A_capacity_beyond_all_bytes_is_cut_to_what_can_be_counted()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.ConfigurationStore[..8].Fill(0xFF);
        Assert.That(bench.Start<VirtioBlock>("disk0").Capacity, Is.EqualTo(ulong.MaxValue / 512));
    }

    [TestCase(0, BlockStatus.Ok)]
    [TestCase(1, BlockStatus.IoError)]
    [TestCase(2, BlockStatus.Unsupported)]
    [TestCase(3, BlockStatus.NoStatus)]
    [TestCase(0xFF, BlockStatus.NoStatus)]
    public void The_status_byte_is_told(byte status, BlockStatus expected)
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.LogRequests().ForcedStatus = status;
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(
            block.Queue(0).TrySubmit(BlockOperation.Read, 0, SomeData(bench, 512), 4),
            Is.EqualTo(BlockStatus.Ok));
        Assert.That(DrainOne(block), Is.EqualTo((4, expected)));
    }

    [Test]
    public void A_status_that_was_not_written_is_not_taken_from_an_earlier_request()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.SetQueueSize(3);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        DmaSegment[] data = SomeData(bench, 512);
        block.Queue(0).TrySubmit(BlockOperation.Read, 0, data, 1);
        Assert.That(DrainOne(block), Is.EqualTo((1, BlockStatus.Ok)));

        bench.Model.WritesNoStatus = true;
        block.Queue(0).TrySubmit(BlockOperation.Read, 0, data, 2);
        Assert.That(DrainOne(block), Is.EqualTo((2, BlockStatus.NoStatus)));
    }

    /// <summary>
    /// kvmtool counts a write's bytes, and 2^32 - errno where the host fails; others count nothing, or all but the
    /// status.
    /// </summary>
    [Test]
    public void What_a_request_came_to_is_told_by_its_status_and_never_by_its_length(
        [Values(0UL, FeatureBit.RingPacked)] ulong format, [Values(0u, 1u, 512u, 513u, 4096u, 0xFFFFFFFBu)] uint length)
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures = FeatureBit.Version1 | BlockFeature.Flush | format;
        bench.Model.Queues[0].ForcedLength = length;
        bench.Model.Disk.Slice(0, 512).Fill(0x5A);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        DmaMemory buffer = bench.Machine.Memory.Allocate(512, 512)!;
        for (int i = 0; i < 10; i++)
        {
            Assert.That(Transfer(block, BlockOperation.Read, 0, buffer, 1), Is.EqualTo((1, BlockStatus.Ok)));
            Assert.That(buffer.Bytes(0, 512).ToArray(), Is.All.EqualTo(0x5A));
            Assert.That(Transfer(block, BlockOperation.Write, 1, buffer, 2), Is.EqualTo((2, BlockStatus.Ok)));
            Assert.That(block.Queue(0).TrySubmit(BlockOperation.Flush, 0, default, 3), Is.EqualTo(BlockStatus.Ok));
            Assert.That(DrainOne(block), Is.EqualTo((3, BlockStatus.Ok)));
        }

        // A read has room for its data and the status, the other two for a status each.
        Assert.That(
            block.Describe().Queues[0].LengthsClamped, Is.EqualTo(length <= 1 ? 0 : length <= 513 ? 20 : 30));
        bench.LogRequests().ForcedStatus = 1;
        Assert.That(Transfer(block, BlockOperation.Write, 1, buffer, 4), Is.EqualTo((4, BlockStatus.IoError)));
        bench.Model.WritesNoStatus = true;
        Assert.That(Transfer(block, BlockOperation.Read, 1, buffer, 5), Is.EqualTo((5, BlockStatus.NoStatus)));
        Assert.That(block.State, Is.EqualTo(DeviceState.Running));
    }

    [Test]
    public void Requests_complete_in_any_order()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        HeldBackCompletion held = bench.HoldRequests();
        bench.SetQueueSize(12);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        DmaSegment[] data = SomeData(bench, 512);
        int submitted = 0;
        BlockStatus status;
        BlockQueue queue = block.Queue(0);
        while ((status = queue.TrySubmit(BlockOperation.Read, (ulong)submitted, data, submitted)) == BlockStatus.Ok)
        {
            submitted++;
        }

        // A chain is of three descriptors, and a table takes one.
        int expected = HasTables ? 12 : 4;
        Assert.That(status, Is.EqualTo(BlockStatus.Full));
        Assert.That(submitted, Is.EqualTo(expected));
        Assert.That(block.Queue(0).InFlight, Is.EqualTo(expected));
        block.Queue(0).Notify();
        Assert.That(bench.Model.Queues[0].NotificationsReceived, Is.EqualTo(1));

        List<int> tokens = new List<int>();
        BlockCompletion[] one = new BlockCompletion[1];
        foreach (int index in new[] { 2, 0, 1, 0 })
        {
            bench.Complete(held, index);
            Assert.That(block.Queue(0).Drain(one), Is.EqualTo(1));
            tokens.Add(one[0].Token);
        }

        Assert.That(tokens, Is.EqualTo(new[] { 2, 0, 3, 1 }));
        Assert.That(block.Queue(0).Drain(one), Is.Zero);
        Assert.That(block.Queue(0).InFlight, Is.EqualTo(expected - 4));
    }

    [Test]
    public void All_that_is_done_is_drained_at_once([Values(63, 64, 65, 128, 200)] int room)
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.SetQueueSize(1024);
        HeldBackCompletion held = bench.HoldRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        DmaSegment[] data = SomeData(bench, 512);
        int submitted = 0;
        while (submitted < 130 && block.Queue(0).TrySubmit(BlockOperation.Read, 0, data, submitted) == BlockStatus.Ok)
        {
            submitted++;
        }

        block.Queue(0).Notify();
        for (int i = 0; i < submitted; i++)
        {
            bench.Complete(held, 0);
        }

        Assert.That(submitted, Is.GreaterThan(65));
        int expected = Math.Min(room, submitted);
        BlockCompletion[] completions = new BlockCompletion[room];
        Assert.That(block.Queue(0).Drain(completions), Is.EqualTo(expected));
        Assert.That(completions.Take(expected).Select(c => c.Token), Is.EqualTo(Enumerable.Range(0, expected)));
    }

    [Test]
    public void A_device_that_needs_a_reset_is_not_notified()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Submit(block, BlockOperation.Read, 0, 512);
        bench.Model.SetNeedsReset("for the test");
        Assert.That(block.State, Is.EqualTo(DeviceState.NeedsReset));

        block.Queue(0).Notify();

        Assert.That(bench.Model.Queues[0].NotificationsReceived, Is.Zero);
    }

    [Test]
    public void As_many_flushes_as_there_are_slots_fit()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.Flush;
        HeldBackCompletion held = bench.HoldRequests();
        bench.SetQueueSize(9);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        int expected = HasTables ? 9 : 4;
        Assert.That(block.Queue(0).MaximumRequests, Is.EqualTo(expected));
        for (int i = 0; i < expected; i++)
        {
            Assert.That(block.Queue(0).TrySubmit(BlockOperation.Flush, 0, default, i), Is.EqualTo(BlockStatus.Ok));
        }

        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Flush, 0, default, 9), Is.EqualTo(BlockStatus.Full));
    }

    [Test]
    public void The_limits_of_the_device_are_kept()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.SizeMaximum | BlockFeature.SegmentMaximum | BlockFeature.BlockSize;
        bench.SetField(SizeMaxField, 1024);
        bench.SetField(SegMaxField, 2);
        bench.SetField(BlkSizeField, 2048);
        HeldBackCompletion held = bench.HoldRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(block.Queue(0).MaximumSegments, Is.EqualTo(2));
        Assert.That(block.MaximumSegmentLength, Is.EqualTo(1024));
        Assert.That(block.BlockSize, Is.EqualTo(2048));

        Assert.That(Submit(block, BlockOperation.Read, 0, 1024, 1024), Is.EqualTo(BlockStatus.Ok));
        Assert.That(Submit(block, BlockOperation.Read, 0, 1536), Is.EqualTo(BlockStatus.Invalid));
        Assert.That(Submit(block, BlockOperation.Read, 0, 512, 512, 512), Is.EqualTo(BlockStatus.Invalid));
    }

    [Test]
    public void The_longest_segment_is_kept_behind_a_request_of_the_same_shape()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.SizeMaximum;
        bench.SetField(SizeMaxField, 1024);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(
            block.Queue(0).TrySubmit(BlockOperation.Read, 0, SomeData(bench, 1024), 1),
            Is.EqualTo(BlockStatus.Ok));
        Assert.That(DrainOne(block), Is.EqualTo((1, BlockStatus.Ok)));
        Assert.That(Submit(block, BlockOperation.Read, 0, 1536), Is.EqualTo(BlockStatus.Invalid));
        Assert.That(block.Queue(0).InFlight, Is.Zero);
    }

    [Test]
    public void A_number_of_segments_beyond_the_ring_is_cut_to_it()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.SegmentMaximum;
        bench.SetField(SegMaxField, uint.MaxValue);
        bench.SetQueueSize(1024);
        Assert.That(bench.Start<VirtioBlock>("disk0").Queue(0).MaximumSegments, Is.EqualTo(HasTables ? 64 : 254));
    }

    [Test]
    public void A_device_that_states_no_number_of_segments_gets_one_each_time()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.SetQueueSize(1024);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(block.Queue(0).MaximumSegments, Is.EqualTo(1));
        Assert.That(Submit(block, BlockOperation.Read, 0, 512, 512), Is.EqualTo(BlockStatus.Invalid));
        Assert.That(block.MaximumSegmentLength, Is.EqualTo(uint.MaxValue));
        Assert.That(block.BlockSize, Is.EqualTo(512));
    }

    [Test]
    public void A_total_of_4_GiB_is_refused_and_leaves_the_slot_free()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.ConfigurationStore[..8].Fill(0xFF);
        bench.Model.OfferedFeatures |= BlockFeature.SegmentMaximum;
        bench.SetField(SegMaxField, 2);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        for (int i = 0; i < 100; i++)
        {
            BlockStatus status = Submit(block, BlockOperation.Read, 0, 0x80000000, 0x80000000);
            Assert.That(status, Is.EqualTo(BlockStatus.Invalid));
        }

        DmaMemory buffer = bench.Machine.Memory.Allocate(512, 512)!;
        Assert.That(Transfer(block, BlockOperation.Read, 0, buffer, 1).Token, Is.EqualTo(1));
    }

    [TestCase(0u)]
    [TestCase(511u)]
    [TestCase(1000u)]
    public void A_block_size_that_makes_no_sense_is_not_taken(uint size)
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.BlockSize;
        bench.SetField(BlkSizeField, size);
        Assert.That(bench.Start<VirtioBlock>("disk0").BlockSize, Is.EqualTo(512));
    }

    /// <summary>QEMU's vhost-user-blk offers SIZE_MAX, and qemu-storage-daemon behind it never fills it in.</summary>
    [TestCase(0u, 0u, 1, uint.MaxValue)]
    [TestCase(0u, 3u, 3, uint.MaxValue)]
    [TestCase(4096u, 0u, 1, 4096u)]
    [TestCase(511u, 0u, 2, 511u)]
    [TestCase(256u, 0u, 2, 256u)]
    [TestCase(100u, 0u, 6, 100u)]
    public void A_limit_of_0_is_none_that_was_stated(uint sizeMax, uint segMax, int segments, uint length)
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= BlockFeature.SizeMaximum | BlockFeature.SegmentMaximum;
        bench.SetField(SizeMaxField, sizeMax);
        bench.SetField(SegMaxField, segMax);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That((block.Queue(0).MaximumSegments, block.MaximumSegmentLength), Is.EqualTo((segments, length)));
        Assert.That((ulong)block.Queue(0).MaximumSegments * block.MaximumSegmentLength, Is.GreaterThanOrEqualTo(512));
    }

    [TestCase(7)]
    public void A_configuration_without_a_capacity_is_refused(int length)
    {
        using ModelBench<BlockDevice> bench = NewBench(configurationLength: length);
        VirtioBlock block = bench.Create<VirtioBlock>("disk0");
        Assert.That(bench.FailToStart(block), Is.EqualTo("has a configuration that is too short"));
    }

    [TestCase(11, BlockFeature.SizeMaximum)]
    [TestCase(15, BlockFeature.SegmentMaximum)]
    [TestCase(23, BlockFeature.BlockSize)]
    public void A_feature_whose_field_is_not_there_is_not_accepted(int length, ulong feature)
    {
        using ModelBench<BlockDevice> bench = NewBench(configurationLength: length);
        bench.Model.OfferedFeatures |= feature;
        foreach ((int field, uint value) in new[] { (SizeMaxField, 512u), (SegMaxField, 2u), (BlkSizeField, 4096u) })
        {
            if (field + 4 <= length)
            {
                bench.SetField(field, value);
            }
        }

        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(bench.Model.DriverFeatures & feature, Is.Zero);
        Assert.That(
            (block.Queue(0).MaximumSegments, block.MaximumSegmentLength, block.BlockSize),
            Is.EqualTo((1, uint.MaxValue, 512u)));
    }

    [TestCase(1)]
    [TestCase(2)]
    public void A_queue_too_small_for_a_transfer_is_refused(int size)
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.SetQueueSize((ushort)size);
        VirtioBlock block = bench.Create<VirtioBlock>("disk0");
        Assert.That(bench.FailToStart(block), Does.StartWith("has a request queue too small"));
    }

    [Test]
    public void A_new_capacity_is_taken_over()
    {
        using ModelBench<BlockDevice> bench = NewBench(64);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        bench.Model.Resize(32);
        Assert.That(block.Capacity, Is.EqualTo(32));
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "configuration" }));
        Assert.That(Submit(block, BlockOperation.Read, 32, 512), Is.EqualTo(BlockStatus.OutOfRange));
    }

    [TestCase(32, 31, 32)]
    [TestCase(128, 127, 128)]
    public void A_new_capacity_is_what_requests_are_checked_against(int sectors, int last, int beyond)
    {
        using ModelBench<BlockDevice> bench = NewBench(64);
        bench.Model.OfferedFeatures |= BlockFeature.SegmentMaximum | FeatureBit.IndirectDescriptors;
        bench.SetField(SegMaxField, 2);
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        DmaMemory buffer = bench.Machine.Memory.Allocate(512, 512)!;
        for (int request = 0; request < block.Queue(0).MaximumRequests; request++)
        {
            Transfer(block, BlockOperation.Read, 0, buffer, request);
        }

        bench.Model.Resize(sectors);
        block.ObserveChange();

        // Where a request of its kind was before, one segment takes the short way, two the long one.
        foreach (uint[] lengths in new[] { new uint[] { 512 }, new uint[] { 256, 256 } })
        {
            Assert.That(
                Submit(block, BlockOperation.Read, (ulong)beyond, lengths), Is.EqualTo(BlockStatus.OutOfRange));
            Assert.That(Submit(block, BlockOperation.Read, (ulong)last, lengths), Is.EqualTo(BlockStatus.Ok));
        }
    }

    [Test]
    public void Errors_are_counted_whatever_the_device_calls_them()
    {
        using ModelBench<BlockDevice> bench = NewBench(64);
        RequestLog log = bench.LogRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        DmaMemory buffer = bench.Machine.Memory.Allocate(512, 512)!;
        foreach (byte status in new byte[] { 1, 2, 77 })
        {
            log.ForcedStatus = status;
            Transfer(block, BlockOperation.Read, 0, buffer, 1);
        }

        log.ForcedStatus = null;
        Transfer(block, BlockOperation.Read, 0, buffer, 1);
        Assert.That(block.Describe().Counters.Single(counter => counter.Name == "errors").Value, Is.EqualTo(3));
    }

    [Test]
    public void A_broken_queue_stops_the_device_and_its_requests_are_aborted()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.ExpectsViolations = true;
        HeldBackCompletion held = bench.HoldRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        DmaSegment[] data = SomeData(bench, 512);
        block.Queue(0).TrySubmit(BlockOperation.Read, 0, data, 1);
        block.Queue(0).TrySubmit(BlockOperation.Read, 1, data, 2);
        block.Queue(0).TrySubmit(BlockOperation.Read, 2, data, 3);
        block.Queue(0).Notify();
        bench.Model.Queues[0].Ring!.Forge(77);

        BlockCompletion[] completions = new BlockCompletion[8];
        Assert.That(block.Queue(0).Drain(completions), Is.Zero);
        Assert.That(block.State, Is.EqualTo(DeviceState.NeedsReset));
        Assert.That(block.Trouble?.Of("the device"), Is.EqualTo("requestq1: the device used a buffer ID out of range"));
        Assert.That(block.Describe().Queues[0].Fault, Is.EqualTo(QueueFault.BufferIdOutOfRange));
        Assert.That(bench.Machine.Lines.Warnings, Has.One.Contains("buffer ID out of range"));
        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Read, 0, data, 4), Is.EqualTo(BlockStatus.NotRunning));

        Assert.That(block.Stop(), Is.True);
        Assert.That(block.Queue(0).Drain(completions.AsSpan(0, 1)), Is.EqualTo(1));
        Assert.That(block.Queue(0).Drain(completions.AsSpan(1)), Is.EqualTo(2));
        Assert.That(completions.Take(3).Select(c => c.Token), Is.EquivalentTo(new[] { 1, 2, 3 }));
        Assert.That(completions.Take(3).Select(c => c.Status), Is.All.EqualTo(BlockStatus.Aborted));
        Assert.That(block.Queue(0).Drain(completions), Is.Zero);
    }

    [Test]
    public void Requests_of_a_device_that_does_not_confirm_its_reset_are_abandoned()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        HeldBackCompletion held = bench.HoldRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        block.Queue(0).TrySubmit(BlockOperation.Read, 0, SomeData(bench, 512), 1);
        bench.Model.ResetDelay = int.MaxValue;
        Assert.That(block.Stop(), Is.False);
        Assert.That(DrainOne(block, notify: false), Is.EqualTo((1, BlockStatus.Abandoned)));
    }

    [Test]
    public void Interrupts_can_be_turned_off_and_on_with_another_look()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        block.Queue(0).DisableInterrupts();
        block.Queue(0).TrySubmit(BlockOperation.Read, 0, SomeData(bench, 512), 1);
        block.Queue(0).Notify();
        Assert.That(bench.Sink.Events, Is.Empty);
        Assert.That(block.Queue(0).EnableInterrupts(), Is.True);
        Assert.That(DrainOne(block), Is.EqualTo((1, BlockStatus.Ok)));
        Assert.That(block.Queue(0).EnableInterrupts(), Is.False);
    }

    [Test]
    public void A_driver_that_was_not_started_does_nothing()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        VirtioBlock block = bench.Create<VirtioBlock>("disk0");
        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Read, 0, default, 1), Is.EqualTo(BlockStatus.NotRunning));
        Assert.That(block.Queue(0).Drain(new BlockCompletion[1]), Is.Zero);
        Assert.That(block.Queue(0).EnableInterrupts(), Is.False);
        block.Queue(0).DisableInterrupts();
        block.Queue(0).Notify();
        Assert.That(block.Queue(0).InFlight + block.Queue(0).MaximumRequests, Is.Zero);
        Assert.That(block.Describe().RingFormat, Is.EqualTo("none"));
        Assert.That(block.Describe().Transport, Is.EqualTo("virtio-pci at 00:04.0"));
        Assert.That(block.Stop(), Is.True);
        Assert.That((bench.Model.Status, bench.Model.Queues[0].NotificationsReceived), Is.EqualTo((0, 0)));
    }

    /// <summary>Behind a request of the same shape, where what is usual is checked in a way of its own.</summary>
    [TestCase(512u)]
    [TestCase(4096u)]
    public void A_usual_request_is_given_or_refused_as_any_other(uint blockSize)
    {
        const int Capacity = 64;
        const uint Longest = 8192;
        using ModelBench<BlockDevice> bench = NewBench(Capacity);
        bench.Model.OfferedFeatures |= BlockFeature.SizeMaximum | BlockFeature.BlockSize | BlockFeature.SegmentMaximum;
        bench.SetField(SizeMaxField, Longest);
        bench.Model.BlockSize = blockSize;
        bench.Model.RefusesParts = true;
        BlockQueue queue = bench.Start<VirtioBlock>("disk0").Queue(0);
        DmaMemory buffer = bench.Machine.Memory.Allocate(Longest, 512)!;
        ulong[] sectors =
        [
            0, 1, 7, 8, 48, 56, 57, 63, 64, 65, 72, 1UL << 23, (1UL << 55) - 8, 1UL << 55, (1UL << 55) + 8, 1UL << 63,
            ulong.MaxValue - 15, ulong.MaxValue - 7, ulong.MaxValue,
        ];
        uint[] lengths =
        [
            4096, 0, 1, 511, 512, 513, 1024, 3584, 4097, 8192, 8193, 8704, 1u << 31, uint.MaxValue - 511, uint.MaxValue,
        ];
        foreach (ulong sector in sectors)
        {
            foreach (uint length in lengths)
            {
                UInt128 end = (UInt128)sector + (length / 512);
                BlockStatus expected = length == 0 || length > Longest || length % 512 != 0 ? BlockStatus.Invalid
                    : end > Capacity ? BlockStatus.OutOfRange
                    : ((sector * 512) | length) % blockSize != 0 ? BlockStatus.Unaligned
                    : BlockStatus.Ok;
                foreach (BlockOperation operation in new[] { BlockOperation.Read, BlockOperation.Write })
                {
                    DmaSync side = operation == BlockOperation.Read ? DmaSync.PreRead : DmaSync.PreWrite;
                    buffer.Sync(0, Longest, side);
                    DmaSegment segment = new DmaSegment(buffer.DeviceAddress, length);
                    BlockStatus status = queue.TrySubmit(operation, sector, [segment], 1);
                    Assert.That(status, Is.EqualTo(expected), $"{operation} of {length} bytes at {sector}");
                    BlockCompletion[] completions = new BlockCompletion[2];
                    queue.Notify();
                    Assert.That(queue.Drain(completions), Is.EqualTo(expected == BlockStatus.Ok ? 1 : 0));
                    Assert.That(completions[0].Status, Is.EqualTo(BlockStatus.Ok));
                    buffer.Sync(0, Longest, side == DmaSync.PreRead ? DmaSync.PostRead : DmaSync.PostWrite);
                }
            }
        }
    }

    [Test]
    public void Nothing_is_allocated_per_request()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        HeldBackCompletion held = bench.HoldRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        DmaSegment[] data = SomeData(bench, 512);
        BlockCompletion[] completions = new BlockCompletion[4];
        long allocated = 0;
        for (int i = 0; i < 100; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            block.Queue(0).TrySubmit(BlockOperation.Read, 0, data, i);
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            block.Queue(0).Notify();
            bench.Complete(held, 0);
            before = GC.GetAllocatedBytesForCurrentThread();
            block.Queue(0).Drain(completions);
            block.Queue(0).EnableInterrupts();
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.That(allocated, Is.Zero);
    }

    [Test]
    public void A_jump_of_the_used_index_when_interrupts_are_enabled_leads_to_a_look_that_finds_it()
    {
        using ModelBench<BlockDevice> bench = NewBench();
        bench.ExpectsViolations = true;
        bench.Model.OfferedFeatures = FeatureBit.Version1;
        HeldBackCompletion held = bench.HoldRequests();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        DmaSegment[] data = SomeData(bench, 512);
        block.Queue(0).TrySubmit(BlockOperation.Read, 0, data, 1);
        Assert.That(block.Queue(0).Drain(new BlockCompletion[4]), Is.Zero);

        bench.Model.Queues[0].Ring!.Forge(0, slots: 7);

        Assert.That(block.Queue(0).EnableInterrupts(), Is.True, "there is something to look at");
        Assert.That(block.Queue(0).Drain(new BlockCompletion[4]), Is.Zero);
        Assert.That(block.State, Is.EqualTo(DeviceState.NeedsReset));
        Assert.That(block.Trouble?.Of("the device"), Does.StartWith("requestq1: the device "));
        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Read, 0, data, 2), Is.EqualTo(BlockStatus.NotRunning));
    }

    private bool HasTables => (_ringFeatures & FeatureBit.IndirectDescriptors) != 0;

    private ModelBench<BlockDevice> NewBench(
        int sectors = 64, int configurationLength = BlockDevice.ConfigurationSize)
    {
        var memory = new SimulatedDmaOptions { WatchesHandOvers = !_isCoherent };
        ModelBench<BlockDevice> bench = DiskBench.Create(sectors, configurationLength, memory);
        bench.Model.OfferedFeatures |= _ringFeatures;
        return bench;
    }

    private static DmaSegment[] SomeData(ModelBench<BlockDevice> bench, uint bytes)
    {
        DmaMemory buffer = bench.Machine.Memory.Allocate(bytes, 512)!;
        buffer.Sync(0, bytes, DmaSync.PreRead);
        return new[] { buffer.Segment(0, bytes) };
    }

    private static BlockStatus Submit(
        VirtioBlock block, BlockOperation operation, ulong sector, params uint[] lengths) =>
        block.Queue(0).TrySubmit(operation, sector, lengths.Select(length => new DmaSegment(0, length)).ToArray(), 0);

    private static (int Token, BlockStatus Status) Transfer(
        VirtioBlock block, BlockOperation operation, ulong sector, DmaMemory buffer, int token)
    {
        bool isRead = operation == BlockOperation.Read;
        buffer.Sync(0, buffer.Length, isRead ? DmaSync.PreRead : DmaSync.PreWrite);
        Assert.That(
            block.Queue(0).TrySubmit(operation, sector, new[] { buffer.Segment(0, buffer.Length) }, token),
            Is.EqualTo(BlockStatus.Ok));
        (int Token, BlockStatus Status) completion = DrainOne(block);
        buffer.Sync(0, buffer.Length, isRead ? DmaSync.PostRead : DmaSync.PostWrite);
        return completion;
    }

    private static (int Token, BlockStatus Status) DrainOne(VirtioBlock block, bool notify = true)
    {
        if (notify)
        {
            block.Queue(0).Notify();
        }

        BlockCompletion[] completions = new BlockCompletion[4];
        Assert.That(block.Queue(0).Drain(completions), Is.EqualTo(1));
        return (completions[0].Token, completions[0].Status);
    }
}
