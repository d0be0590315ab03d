using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>A split queue against a device that keeps the rules, where packed ones are different.</summary>
public class SplitRingTests
{
    [Test]
    public void Every_chain_works_at_every_position([Values(1, 2, 4, 8, 16)] int size)
    {
        for (int chain = 1; chain <= size; chain++)
        {
            for (int start = 0; start < 2 * size; start++)
            {
                using QueueBench bench = QueueBench.Split(size);
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
    public void The_index_goes_around_65536([Values] bool isInOrder)
    {
        using QueueBench bench = QueueBench.Split(
            4, Features.EventIdx | (isInOrder ? Features.InOrder : Features.None));
        for (int i = 0; i < 65600; i++)
        {
            if (bench.Queue.TryAdd(QueueBench.Segments(1, 2), default, i) != AddStatus.Ok)
            {
                Assert.Fail($"buffer {i} was not added");
            }

            bench.Use(bench.Take(), 0);
            if (!bench.Queue.TryGetUsed(out int token, out _) || token != i)
            {
                Assert.Fail($"buffer {i} did not come back");
            }
        }

        Assert.That(bench.Peek16(bench.Queue.DriverArea + 2), Is.EqualTo(64));
        Assert.That(bench.Queue.Used, Is.EqualTo(65600));
    }

    [Test]
    public void The_largest_ring_works()
    {
        using QueueBench bench = QueueBench.Split(Virtqueue.MaximumSize);
        bench.Pass(20000, 0, 0);
        bench.Pass(Virtqueue.MaximumSize - 1, 1, 1);
        bench.Pass(1, Virtqueue.MaximumSize - 1, 2);
    }

    [TestCase(0)]
    [TestCase(-4)]
    [TestCase(3)]
    [TestCase(12)]
    [TestCase(Virtqueue.MaximumSize * 2)]
    public void A_size_that_is_no_power_of_two_is_refused(int size)
    {
        using SimulatedDma memory = new SimulatedDma(new SimulatedDmaOptions { WatchesHandOvers = true });
        Assert.That(
            () => Virtqueue.TryCreate(memory, 0, size, Features.None),
            Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [TestCase(1, 1, 1)]
    [TestCase(3, 2, 3)]
    [TestCase(255, 128, 255)]
    [TestCase(256, 256, 256)]
    [TestCase(32768, 32768, 32768)]
    [TestCase(65535, 32768, 32768)]
    public void The_largest_size_of_a_format_is_found(int maximum, int split, int packed)
    {
        Assert.That(Virtqueue.LargestSize(Features.None, maximum), Is.EqualTo(split));
        Assert.That(Virtqueue.LargestSize(Features.RingPacked, maximum), Is.EqualTo(packed));
    }

    [Test]
    public void The_parts_are_aligned_and_do_not_overlap([Values(1, 2, 8, 1024)] int size)
    {
        using QueueBench bench = QueueBench.Split(size);
        Virtqueue queue = bench.Queue;
        Assert.That(queue.Format, Is.EqualTo("split"));
        Assert.That(queue.DescriptorArea % 16, Is.Zero);
        Assert.That(queue.DriverArea % 64, Is.Zero);
        Assert.That(queue.DeviceArea % 64, Is.Zero);
        Assert.That(queue.DriverArea, Is.GreaterThanOrEqualTo(queue.DescriptorArea + (ulong)(16 * size)));
        Assert.That(queue.DeviceArea, Is.GreaterThanOrEqualTo(queue.DriverArea + (ulong)(6 + (2 * size))));
    }

    [Test]
    public void Without_memory_there_is_no_queue()
    {
        using SimulatedDma memory = new SimulatedDma { AllocationsLeft = 0 };
        Assert.That(Virtqueue.TryCreate(memory, 0, 4, Features.None), Is.Null);
    }

    [Test]
    public void An_element_that_the_index_does_not_count_is_no_completion()
    {
        using QueueBench bench = QueueBench.Split(4);
        bench.Add(0, 2, 5);
        DeviceChain buffer = bench.Take();
        bench.SetUsedElement(0, buffer.Id, 3);
        bench.ExpectNothingUsed();
        bench.Use(buffer, 3);
        Assert.That(bench.GetUsed(out uint written), Is.EqualTo(5));
        Assert.That(written, Is.EqualTo(3));
    }

    [Test]
    public void The_flags_of_the_device_decide_whether_it_is_notified([Values(0, 1, 2, 3)] int flags)
    {
        using QueueBench bench = QueueBench.Split(4);
        bench.SetUsedFlags((ushort)flags);
        bench.SetAvailableEvent(3);
        Assert.That(bench.Queue.NeedsNotification(), Is.False, "nothing was added");
        bench.Add(1, 0, 1);
        bench.Add(1, 0, 2);
        Assert.That(bench.Queue.NeedsNotification(), Is.EqualTo((flags & 1) == 0));
        Assert.That(bench.Queue.NeedsNotification(), Is.False, "nothing was added since");
        Assert.That(bench.Queue.Notifications, Is.EqualTo((flags & 1) == 0 ? 1UL : 0UL));
    }

    [Test]
    public void With_EVENT_IDX_the_flags_of_the_device_are_not_looked_at()
    {
        using QueueBench bench = QueueBench.Split(4, Features.EventIdx);
        bench.SetUsedFlags(1);
        bench.SetAvailableEvent(1);
        bench.Add(1, 0, 1);
        Assert.That(bench.Queue.NeedsNotification(), Is.False);
        bench.Add(1, 0, 2);
        Assert.That(bench.Queue.NeedsNotification(), Is.True);
        bench.Add(1, 0, 3);
        Assert.That(bench.Queue.NeedsNotification(), Is.False);
    }

    [Test]
    public void Chains_come_back_out_of_order_and_their_descriptors_are_used_again()
    {
        using QueueBench bench = QueueBench.Split(8);
        Random random = new Random(3);
        for (int round = 0; round < 300; round++)
        {
            List<(DeviceChain Buffer, int Token)> taken = new List<(DeviceChain, int)>();
            for (int token = 0; bench.Add(1, random.Next(3), token) == AddStatus.Ok; token++)
            {
                taken.Add((bench.Take(), token));
            }

            while (taken.Count != 0)
            {
                int pick = random.Next(taken.Count);
                bench.Use(taken[pick].Buffer, 0);
                Assert.That(bench.GetUsed(), Is.EqualTo(taken[pick].Token));
                taken.RemoveAt(pick);
            }

            Assert.That(bench.Queue.FreeDescriptors, Is.EqualTo(8));
        }
    }
}
