using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>A packed queue against a device that keeps the rules.</summary>
public class PackedRingTests
{
    [Test]
    public void Every_chain_works_at_every_position_and_wrap([Range(1, 17)] int size)
    {
        for (int chain = 1; chain <= size; chain++)
        {
            for (int start = 0; start < 2 * size; start++)
            {
                using QueueBench bench = QueueBench.Packed(size);
                for (int i = 0; i < start; i++)
                {
                    bench.Pass(1, 0, i);
                }

                bench.Pass(chain, 0, 1000);
                bench.Pass(chain / 2, chain - (chain / 2), 1001);
                bench.Pass(0, chain, 1002);
                bench.Pass(0, 1, 1003);
            }
        }
    }

    [Test]
    public void A_descriptor_is_used_only_where_both_bits_are_as_the_wrap_counter([Values] bool isSecondLap)
    {
        const ushort Available = 1 << 7;
        const ushort Used = 1 << 15;
        using QueueBench bench = QueueBench.Packed(1);
        if (isSecondLap)
        {
            bench.Pass(1, 0, 4);
        }

        Assert.That(bench.Add(1, 0, 5), Is.EqualTo(AddStatus.Ok));
        bench.Take();
        ushort both = isSecondLap ? (ushort)0 : (ushort)(Available | Used);
        foreach (ushort flags in new[] { Available, Used, (ushort)(both ^ (Available | Used)) })
        {
            bench.SetDescriptorFlags(0, flags);
            bench.ExpectNothingUsed();
        }

        bench.SetDescriptorFlags(0, both);
        Assert.That(bench.GetUsed(), Is.EqualTo(5));
    }

    [Test]
    public void The_ring_can_be_full_of_single_descriptors_over_and_over([Values(1, 2, 3, 7, 16, 17)] int size)
    {
        using QueueBench bench = QueueBench.Packed(size);
        for (int round = 0; round < 5; round++)
        {
            for (int i = 0; i < size; i++)
            {
                Assert.That(bench.Add(1, 0, i), Is.EqualTo(AddStatus.Ok));
            }

            Assert.That(bench.Queue.FreeDescriptors, Is.Zero);
            Assert.That(bench.Add(1, 0, 99), Is.EqualTo(AddStatus.Full));
            for (int i = 0; i < size; i++)
            {
                bench.Use(bench.TakeExpecting(1, 0, i), 0);
            }

            Assert.That(bench.Device.TryPop(), Is.Null);
            for (int i = 0; i < size; i++)
            {
                Assert.That(bench.GetUsed(), Is.EqualTo(i));
            }

            bench.ExpectNothingUsed();
        }
    }

    [Test]
    public void Buffers_completed_out_of_order_come_back_by_their_id([Range(4, 17)] int size)
    {
        using QueueBench bench = QueueBench.Packed(size);
        Random random = new Random(size);
        for (int round = 0; round < 40; round++)
        {
            List<(DeviceChain Buffer, int Token)> taken = new List<(DeviceChain, int)>();
            int token = round * 100;
            for (int chain = 1; chain <= bench.Queue.FreeDescriptors; chain = (chain % 3) + 1)
            {
                Assert.That(bench.Add(1, chain - 1, token), Is.EqualTo(AddStatus.Ok));
                taken.Add((bench.TakeExpecting(1, chain - 1, token), token));
                token++;
            }

            while (taken.Count != 0)
            {
                int pick = random.Next(taken.Count);
                bench.Use(taken[pick].Buffer, 0);
                Assert.That(bench.GetUsed(), Is.EqualTo(taken[pick].Token));
                taken.RemoveAt(pick);
            }

            bench.ExpectNothingUsed();
            Assert.That(bench.Queue.FreeDescriptors, Is.EqualTo(size));
        }
    }

    [Test]
    public void The_buffer_is_found_by_id_and_not_by_the_slot_of_its_completion()
    {
        using QueueBench bench = QueueBench.Packed(4);
        bench.Add(2, 0, 10);
        bench.Add(1, 0, 11);
        DeviceChain first = bench.Take();
        DeviceChain second = bench.Take();

        bench.Use(second, 0);
        Assert.That(bench.GetUsed(), Is.EqualTo(11), "its used descriptor lies in the first slot of the other");
        Assert.That(bench.Queue.FreeDescriptors, Is.EqualTo(2));
        bench.Use(first, 0);
        Assert.That(bench.GetUsed(), Is.EqualTo(10));
        Assert.That(bench.Queue.FreeDescriptors, Is.EqualTo(4));
    }

    [Test]
    public void A_batch_of_completions_is_taken_in_their_order()
    {
        using QueueBench bench = QueueBench.Packed(8);
        for (int token = 0; token < 8; token++)
        {
            bench.Add(0, 1, token);
        }

        DeviceChain[] taken = new DeviceChain[8];
        for (int i = 0; i < 8; i++)
        {
            taken[i] = bench.Take();
        }

        bench.ExpectNothingUsed();
        foreach (int i in new[] { 5, 0, 7, 2 })
        {
            bench.Use(taken[i], 1);
        }

        foreach (int i in new[] { 5, 0, 7, 2 })
        {
            Assert.That(bench.GetUsed(), Is.EqualTo(i));
        }

        bench.ExpectNothingUsed();
        Assert.That(bench.Queue.InFlight, Is.EqualTo(4));
    }

    [Test]
    public void Nothing_is_written_where_a_chain_does_not_fit()
    {
        using QueueBench bench = QueueBench.Packed(3);
        bench.Add(2, 0, 1);
        Assert.That(bench.Add(2, 0, 2), Is.EqualTo(AddStatus.Full));
        bench.TakeExpecting(2, 0, 1);
        Assert.That(bench.Device.TryPop(), Is.Null);
        Assert.That(bench.Queue.FreeDescriptors, Is.EqualTo(1));
    }

    [Test]
    public void Chains_that_can_never_be_added_are_refused_and_leave_no_trace()
    {
        using QueueBench bench = QueueBench.Packed(4);
        DmaSegment[] withEmpty = QueueBench.Segments(3, 7);
        withEmpty[2].Length = 0;
        DmaSegment[] half = { new DmaSegment(0, 0x80000000) };

        Assert.That(bench.Add(0, 0, 1), Is.EqualTo(AddStatus.Invalid));
        Assert.That(bench.Add(3, 2, 1), Is.EqualTo(AddStatus.Invalid));
        Assert.That(bench.Queue.TryAdd(withEmpty, default, 1), Is.EqualTo(AddStatus.Invalid));
        Assert.That(bench.Queue.TryAdd(default, withEmpty, 1), Is.EqualTo(AddStatus.Invalid));
        Assert.That(bench.Queue.TryAdd(half, half, 1), Is.EqualTo(AddStatus.Invalid));

        // A slot behind the refused head must not have become available by itself.
        bench.Add(1, 0, 2);
        bench.TakeExpecting(1, 0, 2);
        Assert.That(bench.Device.TryPop(), Is.Null);
    }

    [Test]
    public void Id_and_length_without_flags_are_no_completion()
    {
        using QueueBench bench = QueueBench.Packed(4);
        bench.Add(0, 2, 5);
        DeviceChain buffer = bench.Take();

        bench.SetIdAndLength(0, buffer.Id, 3);
        bench.ExpectNothingUsed();
        bench.Use(buffer, 3, setWrite: true);
        Assert.That(bench.GetUsed(out uint written), Is.EqualTo(5));
        Assert.That(written, Is.EqualTo(3));
    }

    [Test]
    public void Polling_hands_the_slot_back_before_each_look()
    {
        // NetBSD kern/60144: a look that found nothing must be followed by a PREREAD before the next POSTREAD. The
        // simulated memory reports every hand-over that is not paired.
        using QueueBench bench = QueueBench.Packed(2);
        bench.Add(0, 1, 1);
        for (int i = 0; i < 10; i++)
        {
            bench.ExpectNothingUsed();
            Assert.That(bench.Queue.EnableInterrupts(), Is.False);
        }

        bench.Use(bench.Take(), 1);
        Assert.That(bench.Queue.EnableInterrupts(), Is.True);
        Assert.That(bench.Queue.EnableInterrupts(), Is.True);
        Assert.That(bench.GetUsed(), Is.EqualTo(1));
    }

    [Test]
    public void Enabling_interrupts_tells_of_buffers_that_are_waiting()
    {
        using QueueBench bench = QueueBench.Packed(4);
        Assert.That(bench.DriverWantsInterrupts, Is.True);
        bench.Queue.DisableInterrupts();
        Assert.That(bench.DriverWantsInterrupts, Is.False);

        bench.Add(1, 0, 1);
        Assert.That(bench.Queue.EnableInterrupts(), Is.False);
        Assert.That(bench.DriverWantsInterrupts, Is.True);

        bench.Queue.DisableInterrupts();
        bench.Use(bench.Take(), 0);
        Assert.That(bench.Queue.EnableInterrupts(), Is.True);
        Assert.That(bench.GetUsed(), Is.EqualTo(1));
        Assert.That(bench.Queue.EnableInterrupts(), Is.False);
    }

    [Test]
    public void The_device_decides_whether_it_is_notified([Values(0, 1, 2, 3)] int flags)
    {
        using QueueBench bench = QueueBench.Packed(4);
        bench.SetNotification(0, (ushort)flags);
        Assert.That(bench.Queue.NeedsNotification(), Is.False, "nothing was added");

        bench.Add(1, 0, 1);
        bench.Add(1, 0, 2);
        Assert.That(bench.Queue.NeedsNotification(), Is.EqualTo(flags != 1));
        Assert.That(bench.Queue.NeedsNotification(), Is.False, "nothing was added since");
        Assert.That(bench.Queue.Notifications, Is.EqualTo(flags != 1 ? 1UL : 0UL));

        bench.SetNotification(0, 0);
        bench.Add(1, 0, 3);
        Assert.That(bench.Queue.NeedsNotification(), Is.True);
    }

    [Test]
    public void Reserved_bits_of_the_device_area_are_not_looked_at()
    {
        using QueueBench bench = QueueBench.Packed(4);
        bench.SetNotification(0, 0xFFFD);
        bench.Add(1, 0, 1);
        Assert.That(bench.Queue.NeedsNotification(), Is.False);
    }

    [Test]
    public void The_largest_ring_works()
    {
        using QueueBench bench = QueueBench.Packed(Virtqueue.MaximumSize);
        for (int round = 0; round < 3; round++)
        {
            bench.Pass(20000, 0, round);
        }

        bench.Pass(Virtqueue.MaximumSize - 1, 1, 9);
    }

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(Virtqueue.MaximumSize + 1)]
    public void A_size_out_of_range_is_refused(int size)
    {
        using SimulatedDma memory = new SimulatedDma(new SimulatedDmaOptions { WatchesHandOvers = true });
        Assert.That(
            () => Virtqueue.TryCreate(memory, 0, size, Features.RingPacked),
            Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Without_memory_there_is_no_queue()
    {
        using SimulatedDma memory = new SimulatedDma { AllocationsLeft = 0 };
        Assert.That(Virtqueue.TryCreate(memory, 0, 4, Features.RingPacked), Is.Null);
    }

    [Test]
    public void The_parts_are_aligned_and_do_not_overlap([Values(1, 3, 4, 5, 17, 1000)] int size)
    {
        using QueueBench bench = QueueBench.Packed(size);
        Virtqueue queue = bench.Queue;
        Assert.That(queue.DescriptorArea % 16, Is.Zero);
        Assert.That(queue.DriverArea % 4, Is.Zero);
        Assert.That(queue.DeviceArea % 4, Is.Zero);
        Assert.That(queue.DriverArea, Is.GreaterThanOrEqualTo(queue.DescriptorArea + (ulong)(16 * size)));
        Assert.That(queue.DeviceArea, Is.GreaterThanOrEqualTo(queue.DriverArea + 4));
    }

    [Test]
    public void Nothing_is_allocated_per_buffer()
    {
        using QueueBench bench = QueueBench.Packed(16);
        DmaSegment[] readable = QueueBench.Segments(2, 1);
        DmaSegment[] writable = QueueBench.Segments(1, 2);
        long allocated = 0;
        for (int i = 0; i < 1000; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            bench.Queue.TryAdd(readable, writable, i);
            bench.Queue.NeedsNotification();
            bench.Queue.EnableInterrupts();
            bench.Queue.DisableInterrupts();
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;

            bench.Use(bench.Take(), 1);
            before = GC.GetAllocatedBytesForCurrentThread();
            bench.Queue.TryGetUsed(out _, out _);
            bench.Queue.TryGetUsed(out _, out _);
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.That(allocated, Is.Zero);
    }
}
