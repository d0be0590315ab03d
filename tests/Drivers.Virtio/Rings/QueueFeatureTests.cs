using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>What the negotiated features change, in both formats.</summary>
public class QueueFeatureTests
{
    private static readonly Features[] s_formats = QueueForms.Formats;

    [Test]
    public void A_chain_in_a_table_takes_one_descriptor(
        [ValueSource(nameof(s_formats))] Features format, [Values] bool isInOrder)
    {
        Features order = isInOrder ? Features.InOrder : Features.None;
        using QueueBench bench = new QueueBench(8, format | Features.IndirectDesc | order, 4);
        Assert.That(bench.Queue.IndirectTableLength, Is.EqualTo(4));
        int[] segments = { 1, 2, 4, 5 };
        int[] descriptors = { 1, 1, 1, 5 };
        int free = 8;
        for (int i = 0; i < segments.Length; i++)
        {
            Assert.That(bench.Queue.HasRoom(segments[i]), Is.True);
            Assert.That(bench.Add(1, segments[i] - 1, i), Is.EqualTo(AddStatus.Ok));
            free -= descriptors[i];
            Assert.That(bench.Queue.FreeDescriptors, Is.EqualTo(free));
        }

        Assert.That(bench.Queue.HasRoom(1), Is.False);
        Assert.That(bench.Add(1, 1, 9), Is.EqualTo(AddStatus.Full));
        for (int i = 0; i < segments.Length; i++)
        {
            DeviceChain buffer = bench.TakeExpecting(1, segments[i] - 1, i);
            Assert.That(QueueBench.DescriptorsOf(buffer), Is.EqualTo(descriptors[i]));
            bench.Use(buffer, 0);
            Assert.That(bench.GetUsed(), Is.EqualTo(i));
        }

        Assert.That(bench.Queue.FreeDescriptors, Is.EqualTo(8));
    }

    [Test]
    public void A_whole_ring_of_tables_can_be_in_flight([ValueSource(nameof(s_formats))] Features format)
    {
        using QueueBench bench = new QueueBench(8, format | Features.IndirectDesc, 8);
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < 8; i++)
            {
                Assert.That(bench.Add(i % 3, 8 - (i % 3), i), Is.EqualTo(AddStatus.Ok));
            }

            DeviceChain[] taken = new DeviceChain[8];
            for (int i = 0; i < 8; i++)
            {
                taken[i] = bench.TakeExpecting(i % 3, 8 - (i % 3), i);
            }

            for (int i = 7; i >= 0; i--)
            {
                bench.Use(taken[i], 0);
                Assert.That(bench.GetUsed(), Is.EqualTo(i));
            }
        }
    }

    [Test]
    public void Without_tables_chains_are_direct(
        [ValueSource(nameof(s_formats))] Features format,
        [Values(0, 1)] int tableLength,
        [Values] bool negotiated)
    {
        Features indirect = negotiated ? Features.IndirectDesc : Features.None;
        using QueueBench bench = new QueueBench(8, format | indirect, negotiated ? tableLength : 4);
        Assert.That(bench.Queue.IndirectTableLength, Is.Zero);
        bench.Add(2, 2, 1);
        Assert.That(QueueBench.DescriptorsOf(bench.TakeExpecting(2, 2, 1)), Is.EqualTo(4));
    }

    [Test]
    public void Where_memory_for_tables_runs_out_chains_are_direct([ValueSource(nameof(s_formats))] Features format)
    {
        using SimulatedDma memory = new SimulatedDma { AllocationsLeft = 1 };
        Virtqueue? queue = Virtqueue.TryCreate(memory, 0, 8, format | Features.IndirectDesc, new ChainShape(4));
        Assert.That(queue!.IndirectTableLength, Is.Zero);
        Assert.That(
            queue.TryAdd(QueueBench.Segments(2, 1), QueueBench.Segments(2, 2), 1), Is.EqualTo(AddStatus.Ok));
        Assert.That(queue.FreeDescriptors, Is.EqualTo(4));
    }

    [Test]
    public void Tables_of_a_large_queue_are_bounded([ValueSource(nameof(s_formats))] Features format)
    {
        using QueueBench large = new QueueBench(4096, format | Features.IndirectDesc, 1000);
        Assert.That(large.Queue.IndirectTableLength, Is.EqualTo(16));
        using QueueBench small = new QueueBench(16, format | Features.IndirectDesc, 1000);
        Assert.That(small.Queue.IndirectTableLength, Is.EqualTo(16), "no chain is longer than the queue");
    }

    [Test]
    public void Tables_are_given_up_with_their_queue(
        [ValueSource(nameof(s_formats))] Features format, [Values] bool quarantine)
    {
        using QueueBench bench = new QueueBench(4, format | Features.IndirectDesc, 4);
        bench.Add(1, 1, 3);
        bench.Queue.Release(quarantine);
        Assert.That(bench.Memory.Freed, Is.EqualTo(quarantine ? 0 : 2));
        Assert.That(bench.Memory.Quarantined, Is.EqualTo(quarantine ? 2 : 0));
        Assert.That(bench.Queue.TryDetach(out int token), Is.True);
        Assert.That(token, Is.EqualTo(3));
    }

    [Test]
    public void One_used_element_gives_back_all_buffers_before_it(
        [ValueSource(nameof(s_formats))] Features format, [Values] bool hasTables)
    {
        Features indirect = hasTables ? Features.IndirectDesc : Features.None;
        using QueueBench bench = new QueueBench(16, format | Features.InOrder | indirect, 3);
        for (int round = 0; round < 40; round++)
        {
            List<DeviceChain> taken = new List<DeviceChain>();
            for (int i = 0; i < 5; i++)
            {
                bench.Add(1, i % 3, i);
                taken.Add(bench.TakeExpecting(1, i % 3, i));
            }

            bench.UseBatch(taken.Take(3).ToArray(), 2);
            Assert.That(bench.Queue.EnableInterrupts(), Is.True);
            uint[] written = { 0, 1, 2 };
            for (int i = 0; i < 3; i++)
            {
                Assert.That(bench.GetUsed(out uint length), Is.EqualTo(i));
                Assert.That(length, Is.EqualTo(written[i]), "skipped buffers were written whole");
                Assert.That(bench.Queue.EnableInterrupts(), Is.EqualTo(i < 2));
            }

            bench.ExpectNothingUsed();
            bench.UseBatch(taken.Skip(3).ToArray(), 1);
            UsedBuffer[] used = new UsedBuffer[4];
            Assert.That(bench.Queue.GetUsed(used), Is.EqualTo(2));
            Assert.That(used.Select(u => u.Token).Take(2), Is.EqualTo(new[] { 3, 4 }));
            Assert.That(bench.Queue.FreeDescriptors, Is.EqualTo(16));
        }
    }

    [Test]
    public void The_place_of_the_next_buffer_is_told()
    {
        using QueueBench packed = new QueueBench(3, Features.RingPacked);
        Assert.That(packed.Queue.NextAvailable, Is.EqualTo(0x8000));
        packed.Pass(2, 0, 1);
        Assert.That(packed.Queue.NextAvailable, Is.EqualTo(0x8002));
        packed.Pass(2, 0, 1);
        Assert.That(packed.Queue.NextAvailable, Is.EqualTo(0x0001));
        packed.Pass(2, 0, 1);
        Assert.That(packed.Queue.NextAvailable, Is.EqualTo(0x8000));

        using QueueBench split = new QueueBench(4, Features.None);
        for (int i = 0; i < 70; i++)
        {
            Assert.That(split.Queue.NextAvailable, Is.EqualTo(i));
            split.Pass(2, 0, i);
        }
    }

    [Test]
    public void An_interrupt_comes_after_the_part_that_was_asked_for(
        [ValueSource(nameof(s_formats))] Features format,
        [Values(0, 1, 25, 50, 75, 99, 100)] int percent)
    {
        using QueueBench bench = new QueueBench(8, format | Features.EventIdx);
        for (int start = 0; start < 20; start++)
        {
            for (int i = 0; i < 8; i++)
            {
                bench.Add(1, 0, i);
            }

            Assert.That(bench.Queue.EnableInterruptsDelayed(percent), Is.False);
            int after = Math.Min((8 * percent / 100) + 1, 8);
            for (int i = 1; i <= 8; i++)
            {
                bench.Use(bench.Take(), 0);
                Assert.That(bench.IsInterruptDue(), Is.EqualTo(i == after), $"{i} used");
            }

            Assert.That(bench.Queue.GetUsed(new UsedBuffer[9]), Is.EqualTo(8));
            bench.Pass(1, 0, 9);
            bench.Queue.DisableInterrupts();
            bench.IsInterruptDue();
        }
    }

    [Test]
    public void Without_EVENT_IDX_the_next_used_buffer_brings_an_interrupt(
        [ValueSource(nameof(s_formats))] Features format)
    {
        using QueueBench bench = new QueueBench(8, format);
        bench.Queue.DisableInterrupts();
        bench.Add(1, 0, 1);
        bench.Add(1, 0, 2);
        Assert.That(bench.Queue.EnableInterruptsDelayed(100), Is.False);
        bench.Use(bench.Take(), 0);
        Assert.That(bench.IsInterruptDue(), Is.True);
        Assert.That(bench.Queue.EnableInterruptsDelayed(100), Is.True);
    }

    [Test]
    public void Interrupts_that_are_held_back_do_not_come_until_they_are_asked_for_again(
        [ValueSource(nameof(s_formats))] Features format, [Values] bool hasEventIndex)
    {
        Features features = hasEventIndex ? format | Features.EventIdx : format;
        using QueueBench bench = new QueueBench(8, features);
        for (int i = 0; i < 3; i++)
        {
            bench.Add(1, 0, i);
        }

        Assert.That(bench.Queue.EnableInterrupts(), Is.False);
        bench.Use(bench.Take(), 0);
        Assert.That(bench.IsInterruptDue(), Is.True);

        bench.Queue.HoldInterrupts();
        bench.Use(bench.Take(), 0);
        Assert.That(bench.IsInterruptDue(), Is.False);
        Assert.That(bench.Queue.GetUsed(new UsedBuffer[4]), Is.EqualTo(2));

        Assert.That(bench.Queue.EnableInterrupts(), Is.False);
        bench.Use(bench.Take(), 0);
        Assert.That(bench.IsInterruptDue(), Is.True);
    }

    [TestCase(-1)]
    [TestCase(101)]
    public void There_is_no_part_beyond_the_whole(int percent)
    {
        using QueueBench bench = new QueueBench(8, Features.EventIdx);
        Assert.That(
            () => bench.Queue.EnableInterruptsDelayed(percent), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void A_packed_device_that_names_no_descriptor_of_the_ring_is_notified()
    {
        using QueueBench bench = QueueBench.Packed(4, Features.EventIdx);
        bench.SetNotification(0x8007, 2);
        bench.Add(1, 0, 1);
        Assert.That(bench.Queue.NeedsNotification(), Is.True);
    }

    [Test]
    public void A_queue_that_was_never_announced_for_rounds_is_announced_in_the_end(
        [ValueSource(nameof(s_formats))] Features format)
    {
        using QueueBench bench = new QueueBench(4, format | Features.EventIdx);
        bench.AskForNotificationAt(1);
        for (int i = 0; i < 70_000; i++)
        {
            bench.Queue.TryAdd(QueueBench.Segments(1, 1), default, i);
            bench.Use(bench.Take(), 0);
            bench.Queue.TryGetUsed(out _, out _);
        }

        Assert.That(bench.Queue.NeedsNotification(), Is.True);
    }

    [Test]
    public void Nothing_is_allocated_per_buffer(
        [ValueSource(typeof(QueueForms), nameof(QueueForms.All))] Features form)
    {
        using QueueBench bench = new QueueBench(16, form, 4);
        DmaSegment[] readable = QueueBench.Segments(2, 1);
        DmaSegment[] writable = QueueBench.Segments(1, 2);
        UsedBuffer[] used = new UsedBuffer[4];
        long allocated = 0;
        for (int i = 0; i < 200; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            bench.Queue.TryAdd(readable, writable, i);
            bench.Queue.NeedsNotification();
            bench.Queue.EnableInterruptsDelayed(50);
            bench.Queue.DisableInterrupts();
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;

            bench.Use(bench.Take(), 1);
            before = GC.GetAllocatedBytesForCurrentThread();
            bench.Queue.GetUsed(used);
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.That(allocated, Is.Zero);
        Assert.That(bench.Queue.Used, Is.EqualTo(200));
    }

    [Test]
    public void A_packed_ring_asks_for_coherent_memory_where_lines_are_longer_than_slots()
    {
        using GranularMemory memory = new GranularMemory(64);
        Virtqueue.TryCreate(memory, 0, 4, Features.RingPacked);
        Assert.That(memory.Asked, Is.EqualTo(new[] { true }));

        using GranularMemory small = new GranularMemory(16);
        Virtqueue.TryCreate(small, 0, 4, Features.RingPacked);
        Assert.That(small.Asked, Is.EqualTo(new[] { false }));
    }

    [Test]
    public void A_split_ring_keeps_lines_of_any_length_apart()
    {
        using GranularMemory memory = new GranularMemory(256);
        Virtqueue queue = Virtqueue.TryCreate(memory, 0, 4, Features.None)!;
        Assert.That(memory.Asked, Is.EqualTo(new[] { false }));
        Assert.That(queue.DriverArea % 256, Is.Zero);
        Assert.That(queue.DeviceArea % 256, Is.Zero);
    }

    private sealed class GranularMemory : DmaTag, IDisposable
    {
        private readonly SimulatedDma _memory = new SimulatedDma(new SimulatedDmaOptions { WatchesHandOvers = true });

        public GranularMemory(uint granularity)
        {
            HandOverGranularity = granularity;
        }

        public List<bool> Asked { get; } = new List<bool>();

        public override uint HandOverGranularity { get; }

        public override DmaMemory? Allocate(uint length, DmaConstraints constraints)
        {
            Asked.Add(constraints.MustBeCoherent);
            return _memory.Allocate(length, constraints);
        }

        public override DmaMap CreateMap(DmaMapLimits limits, BouncePool? bounce) => _memory.CreateMap(limits, bounce);

        public void Dispose() => _memory.Dispose();
    }
}
