using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Block;

/// <summary>
/// The block driver against a disk over bytes, with requests as chains and in tables, where memory is handed over and
/// where it is coherent.
/// </summary>
[TestFixture(0UL, false)]
[TestFixture(0UL, true)]
[TestFixture(RingModel.IndirectDesc, false)]
[TestFixture(RingModel.IndirectDesc, true)]
[TestFixture(RingModel.IndirectDesc | SimulatedDevice.RingPacked, false)]
[TestFixture(RingModel.IndirectDesc | SimulatedDevice.RingPacked, true)]
public class VirtioBlockTests
{
    private const int SizeMaxField = 8;
    private const int SegMaxField = 12;
    private const int BlkSizeField = 20;
    private const ulong SizeMax = 1UL << 1;
    private const ulong SegMax = 1UL << 2;
    private const ulong ReadOnly = 1UL << 5;
    private const ulong BlkSize = 1UL << 6;
    private const ulong Flush = 1UL << 9;
    private const ulong Packed = SimulatedDevice.RingPacked;

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
        using DeviceBench<SimulatedDisk> bench = NewBench(16);
        VirtioBlock block = bench.StartBlock();
        DmaMemory buffer = bench.Machine.Memory.Allocate(2048, 512)!;
        Random random = new Random(1);
        random.NextBytes(buffer.Bytes(0, 2048));
        byte[] expected = buffer.Bytes(0, 2048).ToArray();

        Assert.That(Transfer(block, BlockOperation.Write, 3, buffer, 7), Is.EqualTo((7, BlockStatus.Ok)));
        Assert.That(bench.Device.Content.Slice(3 * 512, 2048).SequenceEqual(expected), Is.True);

        buffer.Bytes(0, 2048).Clear();
        Assert.That(Transfer(block, BlockOperation.Read, 3, buffer, 8), Is.EqualTo((8, BlockStatus.Ok)));
        Assert.That(buffer.Bytes(0, 2048).SequenceEqual(expected), Is.True);
        Assert.That(bench.Device.Requests, Is.EqualTo(new[] { "1@3", "0@3" }));
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 0", "queue 0" }));
        Assert.That(
            block.Describe().Counters.Select(c => $"{c.Name}={c.Value}"),
            Is.EqualTo(new[] { "reads=1", "writes=1", "flushes=0", "errors=0" }));
    }

    [Test]
    public void Data_may_be_in_segments_that_are_no_whole_sectors()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench(4);
        bench.Device.Offered |= SegMax;
        bench.Device.SetField32(SegMaxField, 3);
        VirtioBlock block = bench.StartBlock();
        DmaMemory buffer = bench.Machine.Memory.Allocate(1024, 512)!;
        new Random(2).NextBytes(bench.Device.Content);
        DmaSegment[] segments = { buffer.Segment(0, 100), buffer.Segment(100, 900), buffer.Segment(1000, 24) };

        buffer.Sync(0, 1024, DmaSync.PreRead);
        Assert.That(block.TrySubmit(BlockOperation.Read, 2, segments, 1), Is.EqualTo(SubmitStatus.Ok));
        Assert.That(DrainOne(block), Is.EqualTo((1, BlockStatus.Ok)));
        buffer.Sync(0, 1024, DmaSync.PostRead);
        Assert.That(buffer.Bytes(0, 1024).SequenceEqual(bench.Device.Content[1024..]), Is.True);
    }

    [Test]
    public void Requests_of_different_lengths_take_turns_in_the_same_slots()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench(64);
        bench.Device.Offered |= SegMax | Flush;
        bench.Device.SetField32(SegMaxField, 5);
        bench.Device.MaximumQueueSize = 8;
        VirtioBlock block = bench.StartBlock();
        new Random(3).NextBytes(bench.Device.Content);
        DmaMemory buffer = bench.Machine.Memory.Allocate(2560, 512)!;
        for (int i = 0; i < 60; i++)
        {
            if (i % 7 == 6)
            {
                SubmitStatus status = block.TrySubmit(BlockOperation.Flush, 0, Array.Empty<DmaSegment>(), i);
                Assert.That(status, Is.EqualTo(SubmitStatus.Ok));
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
            Span<byte> part = bench.Device.Content.Slice((int)sector * 512, segments * 512);
            if (!isRead)
            {
                new Random(i).NextBytes(buffer.Bytes(0, 2560));
            }

            byte[] written = buffer.Bytes(0, (uint)segments * 512).ToArray();
            buffer.Sync(0, 2560, isRead ? DmaSync.PreRead : DmaSync.PreWrite);
            BlockOperation operation = isRead ? BlockOperation.Read : BlockOperation.Write;
            Assert.That(block.TrySubmit(operation, sector, data, i), Is.EqualTo(SubmitStatus.Ok));
            Assert.That(DrainOne(block), Is.EqualTo((i, BlockStatus.Ok)));
            buffer.Sync(0, 2560, isRead ? DmaSync.PostRead : DmaSync.PostWrite);
            Assert.That(buffer.Bytes(0, (uint)segments * 512).SequenceEqual(part), Is.True);
            Assert.That(isRead || part.SequenceEqual(written), Is.True);
        }
    }

    [Test]
    public void A_flush_carries_no_data_and_sector_0()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench(4);
        bench.Device.Offered |= Flush;
        VirtioBlock block = bench.StartBlock();
        Assert.That(block.HasFlush, Is.True);
        Assert.That(block.TrySubmit(BlockOperation.Flush, 3, new DmaSegment[1], 1), Is.EqualTo(SubmitStatus.Invalid));
        Assert.That(block.TrySubmit(BlockOperation.Flush, 3, default, 1), Is.EqualTo(SubmitStatus.Ok));
        Assert.That(DrainOne(block), Is.EqualTo((1, BlockStatus.Ok)));
        Assert.That(bench.Device.Requests, Is.EqualTo(new[] { "4@0" }));
    }

    [Test]
    public void A_device_without_flush_says_so()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        VirtioBlock block = bench.StartBlock();
        Assert.That(block.TrySubmit(BlockOperation.Flush, 0, default, 1), Is.EqualTo(SubmitStatus.NotOffered));
    }

    [Test]
    public void A_read_only_disk_takes_no_writes()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.Offered |= ReadOnly;
        VirtioBlock block = bench.StartBlock();
        Assert.That(block.IsReadOnly, Is.True);
        Assert.That(Submit(block, BlockOperation.Write, 0, 512), Is.EqualTo(SubmitStatus.ReadOnly));
        Assert.That(bench.Device.Requests, Is.Empty);
    }

    [TestCase(0UL, 512u, SubmitStatus.Ok)]
    [TestCase(9UL, 512u, SubmitStatus.Ok)]
    [TestCase(0UL, 5120u, SubmitStatus.Ok)]
    [TestCase(10UL, 512u, SubmitStatus.OutOfRange)]
    [TestCase(9UL, 1024u, SubmitStatus.OutOfRange)]
    [TestCase(0UL, 5632u, SubmitStatus.OutOfRange)]
    [TestCase(ulong.MaxValue, 512u, SubmitStatus.OutOfRange)]
    [TestCase(ulong.MaxValue - 1, 2048u, SubmitStatus.OutOfRange)]
    [TestCase(1UL << 55, 512u, SubmitStatus.OutOfRange)]
    [TestCase(0UL, 0u, SubmitStatus.Invalid)]
    [TestCase(0UL, 511u, SubmitStatus.Invalid)]
    [TestCase(0UL, 513u, SubmitStatus.Invalid)]
    public void Only_whole_sectors_within_the_capacity_are_transferred(ulong sector, uint bytes, SubmitStatus expected)
    {
        using DeviceBench<SimulatedDisk> bench = NewBench(10);
        bench.Device.HoldsRequests = true;
        VirtioBlock block = bench.StartBlock();
        Assert.That(Submit(block, BlockOperation.Read, sector, bytes), Is.EqualTo(expected));
        Assert.That(Submit(block, BlockOperation.Write, sector, bytes), Is.EqualTo(expected));
        Assert.That(Submit(block, (BlockOperation)2, sector, bytes), Is.EqualTo(SubmitStatus.Invalid));
    }

    [Test]
    public void A_disk_of_0_sectors_works_and_has_nothing_to_read()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench(0);
        bench.Device.Offered |= Flush;
        VirtioBlock block = bench.StartBlock();
        Assert.That(block.Capacity, Is.Zero);
        Assert.That(Submit(block, BlockOperation.Read, 0, 512), Is.EqualTo(SubmitStatus.OutOfRange));
        Assert.That(block.TrySubmit(BlockOperation.Flush, 0, default, 5), Is.EqualTo(SubmitStatus.Ok));
        Assert.That(DrainOne(block), Is.EqualTo((5, BlockStatus.Ok)));
    }

    [Test]
    public void A_capacity_beyond_all_bytes_is_cut_to_what_can_be_counted()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.Configuration.AsSpan(0, 8).Fill(0xFF);
        Assert.That(bench.StartBlock().Capacity, Is.EqualTo(ulong.MaxValue / 512));
    }

    [TestCase(0, BlockStatus.Ok)]
    [TestCase(1, BlockStatus.IoError)]
    [TestCase(2, BlockStatus.Unsupported)]
    [TestCase(3, BlockStatus.NoStatus)]
    [TestCase(0xFF, BlockStatus.NoStatus)]
    public void The_status_byte_is_told(byte status, BlockStatus expected)
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.ForcedStatus = status;
        VirtioBlock block = bench.StartBlock();
        Assert.That(block.TrySubmit(BlockOperation.Read, 0, SomeData(bench, 512), 4), Is.EqualTo(SubmitStatus.Ok));
        Assert.That(DrainOne(block), Is.EqualTo((4, expected)));
    }

    [Test]
    public void A_status_that_was_not_written_is_not_taken_from_an_earlier_request()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.MaximumQueueSize = 3;
        VirtioBlock block = bench.StartBlock();
        DmaSegment[] data = SomeData(bench, 512);
        block.TrySubmit(BlockOperation.Read, 0, data, 1);
        Assert.That(DrainOne(block), Is.EqualTo((1, BlockStatus.Ok)));

        bench.Device.WritesNoStatus = true;
        block.TrySubmit(BlockOperation.Read, 0, data, 2);
        Assert.That(DrainOne(block), Is.EqualTo((2, BlockStatus.NoStatus)));
    }

    /// <summary>
    /// kvmtool counts a write's bytes, and 2^32 - errno where the host fails; others count nothing, or all but the
    /// status.
    /// </summary>
    [Test]
    public void What_a_request_came_to_is_told_by_its_status_and_never_by_its_length(
        [Values(0UL, Packed)] ulong format, [Values(0u, 1u, 512u, 513u, 4096u, 0xFFFFFFFBu)] uint length)
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.Offered = SimulatedDevice.Version1 | Flush | format;
        bench.Device.ForcedLength = length;
        bench.Device.Content.Slice(0, 512).Fill(0x5A);
        VirtioBlock block = bench.StartBlock();
        DmaMemory buffer = bench.Machine.Memory.Allocate(512, 512)!;
        for (int i = 0; i < 10; i++)
        {
            Assert.That(Transfer(block, BlockOperation.Read, 0, buffer, 1), Is.EqualTo((1, BlockStatus.Ok)));
            Assert.That(buffer.Bytes(0, 512).ToArray(), Is.All.EqualTo(0x5A));
            Assert.That(Transfer(block, BlockOperation.Write, 1, buffer, 2), Is.EqualTo((2, BlockStatus.Ok)));
            Assert.That(block.TrySubmit(BlockOperation.Flush, 0, default, 3), Is.EqualTo(SubmitStatus.Ok));
            Assert.That(DrainOne(block), Is.EqualTo((3, BlockStatus.Ok)));
        }

        // A read has room for its data and the status, the other two for a status each.
        Assert.That(
            block.Describe().Queues[0].LengthsClamped, Is.EqualTo(length <= 1 ? 0 : length <= 513 ? 20 : 30));
        bench.Device.ForcedStatus = 1;
        Assert.That(Transfer(block, BlockOperation.Write, 1, buffer, 4), Is.EqualTo((4, BlockStatus.IoError)));
        bench.Device.WritesNoStatus = true;
        Assert.That(Transfer(block, BlockOperation.Read, 1, buffer, 5), Is.EqualTo((5, BlockStatus.NoStatus)));
        Assert.That(block.State, Is.EqualTo(DeviceState.Running));
    }

    [Test]
    public void Requests_complete_in_any_order()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.HoldsRequests = true;
        bench.Device.MaximumQueueSize = 12;
        VirtioBlock block = bench.StartBlock();
        DmaSegment[] data = SomeData(bench, 512);
        int submitted = 0;
        SubmitStatus status;
        while ((status = block.TrySubmit(BlockOperation.Read, (ulong)submitted, data, submitted)) == SubmitStatus.Ok)
        {
            submitted++;
        }

        // A chain is of three descriptors, and a table takes one.
        int expected = HasTables ? 12 : 4;
        Assert.That(status, Is.EqualTo(SubmitStatus.Full));
        Assert.That(submitted, Is.EqualTo(expected));
        Assert.That(block.InFlight, Is.EqualTo(expected));
        block.Notify();
        Assert.That(bench.Device.Writes.Count(w => w == "notify[0]"), Is.EqualTo(1));

        List<int> tokens = new List<int>();
        BlockCompletion[] one = new BlockCompletion[1];
        foreach (int index in new[] { 2, 0, 1, 0 })
        {
            bench.Device.CompleteHeld(index);
            Assert.That(block.Drain(one), Is.EqualTo(1));
            tokens.Add(one[0].Token);
        }

        Assert.That(tokens, Is.EqualTo(new[] { 2, 0, 3, 1 }));
        Assert.That(block.Drain(one), Is.Zero);
        Assert.That(block.InFlight, Is.EqualTo(expected - 4));
    }

    [Test]
    public void All_that_is_done_is_drained_at_once([Values(63, 64, 65, 128, 200)] int room)
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.MaximumQueueSize = 1024;
        bench.Device.HoldsRequests = true;
        VirtioBlock block = bench.StartBlock();
        DmaSegment[] data = SomeData(bench, 512);
        int submitted = 0;
        while (submitted < 130 && block.TrySubmit(BlockOperation.Read, 0, data, submitted) == SubmitStatus.Ok)
        {
            submitted++;
        }

        block.Notify();
        for (int i = 0; i < submitted; i++)
        {
            bench.Device.CompleteHeld(0);
        }

        Assert.That(submitted, Is.GreaterThan(65));
        int expected = Math.Min(room, submitted);
        BlockCompletion[] completions = new BlockCompletion[room];
        Assert.That(block.Drain(completions), Is.EqualTo(expected));
        Assert.That(completions.Take(expected).Select(c => c.Token), Is.EqualTo(Enumerable.Range(0, expected)));
    }

    [Test]
    public void A_device_that_needs_a_reset_is_not_notified()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        VirtioBlock block = bench.StartBlock();
        Submit(block, BlockOperation.Read, 0, 512);
        bench.Device.SetNeedsReset();
        Assert.That(block.State, Is.EqualTo(DeviceState.NeedsReset));

        block.Notify();

        Assert.That(bench.Device.Writes, Has.None.StartsWith("notify"));
    }

    [Test]
    public void As_many_flushes_as_there_are_slots_fit()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.Offered |= Flush;
        bench.Device.HoldsRequests = true;
        bench.Device.MaximumQueueSize = 9;
        VirtioBlock block = bench.StartBlock();
        int expected = HasTables ? 9 : 4;
        Assert.That(block.MaximumRequests, Is.EqualTo(expected));
        for (int i = 0; i < expected; i++)
        {
            Assert.That(block.TrySubmit(BlockOperation.Flush, 0, default, i), Is.EqualTo(SubmitStatus.Ok));
        }

        Assert.That(block.TrySubmit(BlockOperation.Flush, 0, default, 9), Is.EqualTo(SubmitStatus.Full));
    }

    [Test]
    public void The_limits_of_the_device_are_kept()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.Offered |= SizeMax | SegMax | BlkSize;
        bench.Device.SetField32(SizeMaxField, 1024);
        bench.Device.SetField32(SegMaxField, 2);
        bench.Device.SetField32(BlkSizeField, 4096);
        bench.Device.HoldsRequests = true;
        VirtioBlock block = bench.StartBlock();
        Assert.That(block.MaximumSegments, Is.EqualTo(2));
        Assert.That(block.MaximumSegmentLength, Is.EqualTo(1024));
        Assert.That(block.BlockSize, Is.EqualTo(4096));

        Assert.That(Submit(block, BlockOperation.Read, 0, 1024, 1024), Is.EqualTo(SubmitStatus.Ok));
        Assert.That(Submit(block, BlockOperation.Read, 0, 1536), Is.EqualTo(SubmitStatus.Invalid));
        Assert.That(Submit(block, BlockOperation.Read, 0, 512, 512, 512), Is.EqualTo(SubmitStatus.Invalid));
    }

    [Test]
    public void A_number_of_segments_beyond_the_ring_is_cut_to_it()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.Offered |= SegMax;
        bench.Device.SetField32(SegMaxField, uint.MaxValue);
        bench.Device.MaximumQueueSize = 1024;
        Assert.That(bench.StartBlock().MaximumSegments, Is.EqualTo(HasTables ? 64 : 254));
    }

    [Test]
    public void A_device_that_states_no_number_of_segments_gets_one_each_time()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.MaximumQueueSize = 1024;
        VirtioBlock block = bench.StartBlock();
        Assert.That(block.MaximumSegments, Is.EqualTo(1));
        Assert.That(Submit(block, BlockOperation.Read, 0, 512, 512), Is.EqualTo(SubmitStatus.Invalid));
        Assert.That(block.MaximumSegmentLength, Is.EqualTo(uint.MaxValue));
        Assert.That(block.BlockSize, Is.EqualTo(512));
    }

    [Test]
    public void A_total_of_4_GiB_is_refused_and_leaves_the_slot_free()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.Configuration.AsSpan(0, 8).Fill(0xFF);
        bench.Device.Offered |= SegMax;
        bench.Device.SetField32(SegMaxField, 2);
        VirtioBlock block = bench.StartBlock();
        for (int i = 0; i < 100; i++)
        {
            SubmitStatus status = Submit(block, BlockOperation.Read, 0, 0x80000000, 0x80000000);
            Assert.That(status, Is.EqualTo(SubmitStatus.Invalid));
        }

        DmaMemory buffer = bench.Machine.Memory.Allocate(512, 512)!;
        Assert.That(Transfer(block, BlockOperation.Read, 0, buffer, 1).Token, Is.EqualTo(1));
    }

    [TestCase(0u)]
    [TestCase(511u)]
    [TestCase(1000u)]
    public void A_block_size_that_makes_no_sense_is_not_taken(uint size)
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.Offered |= BlkSize;
        bench.Device.SetField32(BlkSizeField, size);
        Assert.That(bench.StartBlock().BlockSize, Is.EqualTo(512));
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
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.Offered |= SizeMax | SegMax;
        bench.Device.SetField32(SizeMaxField, sizeMax);
        bench.Device.SetField32(SegMaxField, segMax);
        VirtioBlock block = bench.StartBlock();
        Assert.That((block.MaximumSegments, block.MaximumSegmentLength), Is.EqualTo((segments, length)));
        Assert.That((ulong)block.MaximumSegments * block.MaximumSegmentLength, Is.GreaterThanOrEqualTo(512));
    }

    [TestCase(7u)]
    public void A_configuration_without_a_capacity_is_refused(uint length)
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Function.Capabilities[2] = SimulatedFunction.Structure(4, 0, SimulatedFunction.DeviceOffset, length);
        Assert.That(bench.FailToStart(bench.NewBlock()), Is.EqualTo("has a configuration that is too short"));
    }

    [TestCase(11u, SizeMax)]
    [TestCase(15u, SegMax)]
    [TestCase(23u, BlkSize)]
    public void A_feature_whose_field_is_not_there_is_not_accepted(uint length, ulong feature)
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.Offered |= feature;
        bench.Device.SetField32(SizeMaxField, 512);
        bench.Device.SetField32(SegMaxField, 2);
        bench.Device.SetField32(BlkSizeField, 4096);
        bench.Function.Capabilities[2] = SimulatedFunction.Structure(4, 0, SimulatedFunction.DeviceOffset, length);
        VirtioBlock block = bench.StartBlock();
        Assert.That(bench.Device.Accepted & feature, Is.Zero);
        Assert.That(
            (block.MaximumSegments, block.MaximumSegmentLength, block.BlockSize),
            Is.EqualTo((1, uint.MaxValue, 512u)));
    }

    [TestCase(1)]
    [TestCase(2)]
    public void A_queue_too_small_for_a_transfer_is_refused(int size)
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.MaximumQueueSize = (ushort)size;
        Assert.That(bench.FailToStart(bench.NewBlock()), Does.StartWith("has a request queue too small"));
    }

    [Test]
    public void A_new_capacity_is_taken_over()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench(64);
        VirtioBlock block = bench.StartBlock();
        bench.Device.ChangeConfiguration(configuration => configuration[0] = 32);
        Assert.That(block.Capacity, Is.EqualTo(32));
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "configuration" }));
        Assert.That(Submit(block, BlockOperation.Read, 32, 512), Is.EqualTo(SubmitStatus.OutOfRange));
    }

    [Test]
    public void A_broken_queue_stops_the_device_and_its_requests_are_aborted()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.ExpectsViolations = true;
        bench.Device.HoldsRequests = true;
        VirtioBlock block = bench.StartBlock();
        DmaSegment[] data = SomeData(bench, 512);
        block.TrySubmit(BlockOperation.Read, 0, data, 1);
        block.TrySubmit(BlockOperation.Read, 1, data, 2);
        block.TrySubmit(BlockOperation.Read, 2, data, 3);
        block.Notify();
        bench.Device.Ring(0).WriteUsed(77, 0, 1);

        BlockCompletion[] completions = new BlockCompletion[8];
        Assert.That(block.Drain(completions), Is.Zero);
        Assert.That(block.State, Is.EqualTo(DeviceState.NeedsReset));
        Assert.That(block.Trouble, Is.EqualTo("requestq1: the device used a buffer ID out of range"));
        Assert.That(block.Describe().Queues[0].Fault, Is.EqualTo(QueueFault.BufferIdOutOfRange));
        Assert.That(bench.Machine.Lines.Warnings, Has.One.Contains("buffer ID out of range"));
        Assert.That(block.TrySubmit(BlockOperation.Read, 0, data, 4), Is.EqualTo(SubmitStatus.NotRunning));

        Assert.That(block.Stop(), Is.True);
        Assert.That(block.Drain(completions.AsSpan(0, 1)), Is.EqualTo(1));
        Assert.That(block.Drain(completions.AsSpan(1)), Is.EqualTo(2));
        Assert.That(completions.Take(3).Select(c => c.Token), Is.EquivalentTo(new[] { 1, 2, 3 }));
        Assert.That(completions.Take(3).Select(c => c.Status), Is.All.EqualTo(BlockStatus.Aborted));
        Assert.That(block.Drain(completions), Is.Zero);
    }

    [Test]
    public void Requests_of_a_device_that_does_not_confirm_its_reset_are_abandoned()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.HoldsRequests = true;
        VirtioBlock block = bench.StartBlock();
        block.TrySubmit(BlockOperation.Read, 0, SomeData(bench, 512), 1);
        bench.Device.LooksPerReset = -1;
        Assert.That(block.Stop(), Is.False);
        Assert.That(DrainOne(block, notify: false), Is.EqualTo((1, BlockStatus.Abandoned)));
    }

    [Test]
    public void Interrupts_can_be_turned_off_and_on_with_another_look()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        VirtioBlock block = bench.StartBlock();
        block.DisableInterrupts();
        block.TrySubmit(BlockOperation.Read, 0, SomeData(bench, 512), 1);
        block.Notify();
        Assert.That(bench.Sink.Events, Is.Empty);
        Assert.That(block.EnableInterrupts(), Is.True);
        Assert.That(DrainOne(block), Is.EqualTo((1, BlockStatus.Ok)));
        Assert.That(block.EnableInterrupts(), Is.False);
    }

    [Test]
    public void A_driver_that_was_not_started_does_nothing()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        VirtioBlock block = bench.NewBlock();
        Assert.That(block.TrySubmit(BlockOperation.Read, 0, default, 1), Is.EqualTo(SubmitStatus.NotRunning));
        Assert.That(block.Drain(new BlockCompletion[1]), Is.Zero);
        Assert.That(block.EnableInterrupts(), Is.False);
        block.DisableInterrupts();
        block.Notify();
        Assert.That(block.InFlight + block.MaximumRequests, Is.Zero);
        Assert.That(block.Describe().RingFormat, Is.EqualTo("none"));
        Assert.That(block.Describe().Transport, Is.EqualTo("virtio-pci at 00:04.0"));
        Assert.That(block.Stop(), Is.True);
        Assert.That(bench.Device.Writes, Is.Empty);
    }

    [Test]
    public void Nothing_is_allocated_per_request()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.Device.HoldsRequests = true;
        VirtioBlock block = bench.StartBlock();
        DmaSegment[] data = SomeData(bench, 512);
        BlockCompletion[] completions = new BlockCompletion[4];
        long allocated = 0;
        for (int i = 0; i < 100; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            block.TrySubmit(BlockOperation.Read, 0, data, i);
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            block.Notify();
            bench.Device.CompleteHeld(0);
            before = GC.GetAllocatedBytesForCurrentThread();
            block.Drain(completions);
            block.EnableInterrupts();
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.That(allocated, Is.Zero);
    }

    [Test]
    public void A_jump_of_the_used_index_when_interrupts_are_enabled_leads_to_a_look_that_finds_it()
    {
        using DeviceBench<SimulatedDisk> bench = NewBench();
        bench.ExpectsViolations = true;
        bench.Device.Offered = SimulatedDevice.Version1;
        bench.Device.HoldsRequests = true;
        VirtioBlock block = bench.StartBlock();
        DmaSegment[] data = SomeData(bench, 512);
        block.TrySubmit(BlockOperation.Read, 0, data, 1);
        Assert.That(block.Drain(new BlockCompletion[4]), Is.Zero);

        ((SplitRingModel)bench.Device.Ring(0)).SetUsedIndex(7);

        Assert.That(block.EnableInterrupts(), Is.True, "there is something to look at");
        Assert.That(block.Drain(new BlockCompletion[4]), Is.Zero);
        Assert.That(block.State, Is.EqualTo(DeviceState.NeedsReset));
        Assert.That(block.Trouble, Does.StartWith("requestq1: the device "));
        Assert.That(block.TrySubmit(BlockOperation.Read, 0, data, 2), Is.EqualTo(SubmitStatus.NotRunning));
    }

    private bool HasTables => (_ringFeatures & RingModel.IndirectDesc) != 0;

    private DeviceBench<SimulatedDisk> NewBench(int sectors = 64)
    {
        var options = new SimulatedDmaOptions { WatchesHandOvers = !_isCoherent };
        var machine = new Simulation.SimulatedMachine { Memory = new SimulatedDma(options) };
        DeviceBench<SimulatedDisk> bench = Bench.Disk(sectors, machine);
        bench.Device.Offered |= _ringFeatures;
        return bench;
    }

    private static DmaSegment[] SomeData(DeviceBench<SimulatedDisk> bench, uint bytes)
    {
        DmaMemory buffer = bench.Machine.Memory.Allocate(bytes, 512)!;
        buffer.Sync(0, bytes, DmaSync.PreRead);
        return new[] { buffer.Segment(0, bytes) };
    }

    private static SubmitStatus Submit(
        VirtioBlock block, BlockOperation operation, ulong sector, params uint[] lengths) =>
        block.TrySubmit(operation, sector, lengths.Select(length => new DmaSegment(0, length)).ToArray(), 0);

    private static (int Token, BlockStatus Status) Transfer(
        VirtioBlock block, BlockOperation operation, ulong sector, DmaMemory buffer, int token)
    {
        bool isRead = operation == BlockOperation.Read;
        buffer.Sync(0, buffer.Length, isRead ? DmaSync.PreRead : DmaSync.PreWrite);
        Assert.That(
            block.TrySubmit(operation, sector, new[] { buffer.Segment(0, buffer.Length) }, token),
            Is.EqualTo(SubmitStatus.Ok));
        (int Token, BlockStatus Status) completion = DrainOne(block);
        buffer.Sync(0, buffer.Length, isRead ? DmaSync.PostRead : DmaSync.PostWrite);
        return completion;
    }

    private static (int Token, BlockStatus Status) DrainOne(VirtioBlock block, bool notify = true)
    {
        if (notify)
        {
            block.Notify();
        }

        BlockCompletion[] completions = new BlockCompletion[4];
        Assert.That(block.Drain(completions), Is.EqualTo(1));
        return (completions[0].Token, completions[0].Status);
    }
}
