using System;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>What no conforming device does breaks a queue; what one may do does not.</summary>
public class BrokenQueueTests
{
    [TestCase(4)]
    [TestCase(5)]
    [TestCase(0xFFFF)]
    public void An_id_out_of_range_breaks_the_queue(int id)
    {
        using RingBench bench = new RingBench(4);
        bench.Add(1, 1, 1);
        bench.Device.WriteUsed((ushort)id, 0, 1);
        ExpectBroken(bench, QueueFault.BufferIdOutOfRange);
    }

    [Test]
    public void An_id_that_was_never_available_breaks_the_queue()
    {
        using RingBench bench = new RingBench(4);
        bench.Add(1, 0, 1);
        ushort other = (ushort)(bench.Take().Id == 0 ? 1 : 0);
        bench.Device.WriteUsed(other, 0, 1);
        ExpectBroken(bench, QueueFault.BufferNeverAvailable);
    }

    [Test]
    public void A_buffer_used_twice_breaks_the_queue()
    {
        using RingBench bench = new RingBench(4);
        bench.Add(1, 0, 1);
        bench.Add(1, 0, 2);
        TakenBuffer buffer = bench.Take();
        bench.Device.Use(buffer, 0);
        bench.Device.Use(buffer, 0);
        Assert.That(bench.GetUsed(), Is.EqualTo(1));
        ExpectBroken(bench, QueueFault.BufferUsedTwice);
    }

    [Test]
    public void A_length_beyond_the_writable_bytes_breaks_the_queue()
    {
        using RingBench bench = new RingBench(4);
        bench.Add(1, 2, 1);
        bench.Device.Use(bench.Take(), 4);
        ExpectBroken(bench, QueueFault.LengthBeyondBuffer);
    }

    [Test]
    public void A_used_descriptor_while_nothing_is_in_flight_does_no_harm()
    {
        using RingBench bench = new RingBench(2);
        bench.Device.Forge(0, 1, 1000, 0x8080);
        bench.ExpectNothingUsed();
        bench.Add(0, 1, 7);
        bench.ExpectNothingUsed();
        bench.Device.Use(bench.TakeExpecting(0, 1, 7), 1);
        Assert.That(bench.GetUsed(), Is.EqualTo(7));
    }

    [Test]
    public void A_used_descriptor_where_none_is_due_is_not_looked_at()
    {
        using RingBench bench = new RingBench(4);
        bench.Add(1, 0, 1);
        bench.Add(1, 0, 2);
        bench.Device.Forge(1, 0, 0, 0x8080);
        bench.ExpectNothingUsed();
        Assert.That(bench.Queue.IsUsable, Is.True);
    }

    [Test]
    public void A_conforming_device_may_complete_a_transmission_with_any_length(
        [Values(0u, 1u, 1514u, 0x7FFFFFFFu, 0xFFFFFFFFu)] uint length)
    {
        using RingBench bench = new RingBench(4);
        bench.Add(2, 0, 1);
        bench.Device.Use(bench.Take(), length);
        Assert.That(bench.GetUsed(out uint written), Is.EqualTo(1));
        Assert.That(written, Is.Zero);
        Assert.That(bench.Queue.IsUsable, Is.True);
    }

    [Test]
    public void A_conforming_device_may_leave_WRITE_clear_and_write_less(
        [Values] bool setWrite, [Values(0u, 1u, 5u, 6u)] uint length)
    {
        using RingBench bench = new RingBench(4);
        bench.Add(0, 3, 1);
        bench.Device.Use(bench.Take(), length, setWrite);
        Assert.That(bench.GetUsed(out uint written), Is.EqualTo(1));
        Assert.That(written, Is.EqualTo(length));
    }

    [Test]
    public void The_largest_writable_part_may_be_filled()
    {
        using RingBench bench = new RingBench(4);
        bench.Queue.TryAdd(default, new[] { new Hal.DmaSegment(0, uint.MaxValue) }, 1);
        bench.Device.Use(bench.Take(), uint.MaxValue);
        Assert.That(bench.GetUsed(out uint written), Is.EqualTo(1));
        Assert.That(written, Is.EqualTo(uint.MaxValue));
    }

    [Test]
    public void A_stopped_queue_gives_back_each_buffer_once()
    {
        using RingBench bench = new RingBench(8);
        for (int token = 0; token < 5; token++)
        {
            bench.Add(1, 0, token);
        }

        bench.Device.Use(bench.Take(), 0);
        Assert.That(bench.GetUsed(), Is.Zero);

        bool[] seen = new bool[5];
        while (bench.Queue.TryDetach(out int token))
        {
            Assert.That(seen[token], Is.False);
            seen[token] = true;
        }

        Assert.That(seen, Is.EqualTo(new[] { false, true, true, true, true }));
        Assert.That(bench.Queue.FreeDescriptors, Is.EqualTo(8));
        Assert.That(bench.Queue.InFlight, Is.Zero);
        Assert.That(bench.Add(1, 0, 9), Is.EqualTo(AddStatus.Unusable));
        Assert.That(bench.Queue.IsUsable, Is.False);
    }

    [Test]
    public void A_released_queue_touches_its_memory_no_more([Values] bool quarantine)
    {
        using RingBench bench = new RingBench(4);
        bench.Add(1, 0, 1);
        bench.Queue.Release(quarantine);

        bench.ExpectNothingUsed();
        bench.Queue.DisableInterrupts();
        Assert.That(bench.Queue.EnableInterrupts(), Is.False);
        Assert.That(bench.Queue.NeedsNotification(), Is.False);
        Assert.That(bench.Add(1, 0, 2), Is.EqualTo(AddStatus.Unusable));
        Assert.That(bench.Queue.TryDetach(out int token), Is.True);
        Assert.That(token, Is.EqualTo(1));
        Assert.That(bench.Memory.Freed, Is.EqualTo(quarantine ? 0 : 1));
        Assert.That(bench.Memory.Quarantined, Is.EqualTo(quarantine ? 1 : 0));
    }

    [Test]
    public void Every_fault_has_words()
    {
        foreach (QueueFault fault in Enum.GetValues<QueueFault>())
        {
            Assert.That(QueueFaults.Describe(fault), Is.Not.EqualTo("unknown fault"));
        }

        Assert.That(QueueFaults.Describe((QueueFault)99), Is.EqualTo("unknown fault"));
    }

    private static void ExpectBroken(RingBench bench, QueueFault fault)
    {
        bench.ExpectNothingUsed();
        Assert.That(bench.Queue.Fault, Is.EqualTo(fault));
        Assert.That(bench.Queue.IsUsable, Is.False);
        bench.ExpectNothingUsed();
        Assert.That(bench.Add(1, 0, 50), Is.EqualTo(AddStatus.Unusable));
        Assert.That(bench.Queue.NeedsNotification(), Is.False);
        Assert.That(bench.Queue.EnableInterrupts(), Is.False);

        int inFlight = bench.Queue.InFlight;
        int detached = 0;
        while (bench.Queue.TryDetach(out _))
        {
            detached++;
        }

        Assert.That(detached, Is.EqualTo(inFlight));
    }
}
