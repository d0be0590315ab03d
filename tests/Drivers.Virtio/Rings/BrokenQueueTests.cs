using System;
using NUnit.Framework;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>What no conforming device does breaks a queue; what one may do does not.</summary>
public class BrokenQueueTests
{
    private static readonly Features[] s_formats = QueueForms.Formats;

    [Test]
    public void An_id_out_of_range_breaks_the_queue(
        [ValueSource(nameof(s_formats))] Features format, [Values(4, 5, 0xFFFF)] int id)
    {
        using QueueBench bench = new QueueBench(4, format);
        bench.Add(1, 1, 1);
        bench.Device.Forge((ushort)id);
        ExpectBroken(bench, QueueFault.BufferIdOutOfRange);
    }

    [Test]
    public void An_id_that_was_never_available_breaks_the_queue([ValueSource(nameof(s_formats))] Features format)
    {
        using QueueBench bench = new QueueBench(4, format);
        bench.Add(1, 0, 1);
        ushort other = (ushort)(bench.Take().Id == 0 ? 1 : 0);
        bench.Device.Forge(other);
        ExpectBroken(bench, QueueFault.BufferNeverAvailable);
    }

    [Test]
    public void A_buffer_used_twice_breaks_the_queue([ValueSource(nameof(s_formats))] Features format)
    {
        using QueueBench bench = new QueueBench(4, format);
        bench.Add(1, 0, 1);
        bench.Add(1, 0, 2);
        DeviceChain buffer = bench.Take();
        ushort id = buffer.Id;
        bench.Use(buffer, 0);
        bench.Device.Forge(id);
        Assert.That(bench.GetUsed(), Is.EqualTo(1));
        ExpectBroken(bench, QueueFault.BufferUsedTwice);
    }

    [Test]
    public void A_length_beyond_the_writable_bytes_is_cut_to_them_and_counted(
        [ValueSource(nameof(s_formats))] Features format,
        [Values] bool hasTables,
        [Values] bool isCoherent,
        [Values] bool isInOrder,
        [Values(4u, 4097u, uint.MaxValue)] uint length)
    {
        Features features = format | (hasTables ? Features.IndirectDesc : 0)
            | (isInOrder ? Features.InOrder : 0);
        using QueueBench bench = new QueueBench(4, features, tableLength: 3, isCoherent);
        for (int token = 0; token < 10; token++)
        {
            bench.Add(1, 2, token);
            bench.Use(bench.Take(), length);
            Assert.That(bench.GetUsed(out uint written), Is.EqualTo(token));
            Assert.That(written, Is.EqualTo(3));
            bench.Add(1, 2, token);
            bench.Use(bench.Take(), length);
            UsedBuffer[] row = new UsedBuffer[2];
            Assert.That(bench.Queue.GetUsed(row), Is.EqualTo(1));
            Assert.That((row[0].Token, row[0].WrittenBytes), Is.EqualTo((token, 3u)));
            Assert.That(bench.Queue.LengthsClamped, Is.EqualTo(2UL * ((uint)token + 1)));
        }

        Assert.That(bench.Queue.Fault, Is.EqualTo(QueueFault.None));
        Assert.That(bench.Queue.FreeDescriptors, Is.EqualTo(4));
    }

    [Test]
    public void A_used_descriptor_while_nothing_is_in_flight_does_no_harm()
    {
        using QueueBench bench = QueueBench.Packed(2);
        bench.Overwrite(0, 1, 1000, 0x8080);
        bench.ExpectNothingUsed();
        bench.Add(0, 1, 7);
        bench.ExpectNothingUsed();
        bench.Use(bench.TakeExpecting(0, 1, 7), 1);
        Assert.That(bench.GetUsed(), Is.EqualTo(7));
    }

    [Test]
    public void A_used_descriptor_where_none_is_due_is_not_looked_at()
    {
        using QueueBench bench = QueueBench.Packed(4);
        bench.Add(1, 0, 1);
        bench.Add(1, 0, 2);
        bench.Overwrite(1, 0, 0, 0x8080);
        bench.ExpectNothingUsed();
        Assert.That(bench.Queue.IsUsable, Is.True);
    }

    [Test]
    public void A_conforming_device_may_complete_a_transmission_with_any_length(
        [ValueSource(nameof(s_formats))] Features format,
        [Values(0u, 1u, 1514u, 0x7FFFFFFFu, 0xFFFFFFFFu)] uint length)
    {
        using QueueBench bench = new QueueBench(4, format);
        bench.Add(2, 0, 1);
        bench.Use(bench.Take(), length);
        Assert.That(bench.GetUsed(out uint written), Is.EqualTo(1));
        Assert.That(written, Is.Zero);
        Assert.That(bench.Queue.IsUsable, Is.True);
        Assert.That(bench.Queue.LengthsClamped, Is.Zero, "where nothing is writable the length means nothing");
    }

    [Test]
    public void A_conforming_device_may_leave_WRITE_clear_and_write_less(
        [ValueSource(nameof(s_formats))] Features format,
        [Values] bool setWrite,
        [Values(0u, 1u, 5u, 6u)] uint length)
    {
        using QueueBench bench = new QueueBench(4, format);
        bench.Add(0, 3, 1);
        DeviceChain buffer = bench.Take();
        ushort id = buffer.Id;
        bench.Use(buffer, length, setWrite);
        if (setWrite && bench.IsPacked)
        {
            // Even where nothing was written.
            bench.Overwrite(0, id, length, 0x8082);
        }

        Assert.That(bench.GetUsed(out uint written), Is.EqualTo(1));
        Assert.That(written, Is.EqualTo(length));
    }

    [Test]
    public void The_largest_writable_part_may_be_filled([ValueSource(nameof(s_formats))] Features format)
    {
        using QueueBench bench = new QueueBench(4, format);
        bench.Queue.TryAdd(default, new[] { new Hal.DmaSegment(0, uint.MaxValue) }, 1);
        bench.Use(bench.Take(), uint.MaxValue);
        Assert.That(bench.GetUsed(out uint written), Is.EqualTo(1));
        Assert.That(written, Is.EqualTo(uint.MaxValue));
    }

    [Test]
    public void A_stopped_queue_gives_back_each_buffer_once([ValueSource(nameof(s_formats))] Features format)
    {
        using QueueBench bench = new QueueBench(8, format);
        for (int token = 0; token < 5; token++)
        {
            bench.Add(1, 0, token);
        }

        bench.Use(bench.Take(), 0);
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
    public void A_released_queue_touches_its_memory_no_more(
        [ValueSource(nameof(s_formats))] Features format, [Values] bool quarantine)
    {
        using QueueBench bench = new QueueBench(4, format);
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

    [TestCase(0x10000u)]
    [TestCase(0x10001u)]
    [TestCase(uint.MaxValue)]
    public void A_split_id_of_more_than_16_bits_breaks_the_queue(uint id)
    {
        using QueueBench bench = QueueBench.Split(4);
        bench.Add(1, 0, 1);
        bench.Take();
        bench.SetUsedElement(0, id, 0);
        bench.SetUsedIndex(1);
        ExpectBroken(bench, QueueFault.BufferIdOutOfRange);
    }

    [Test]
    public void A_descriptor_that_is_no_head_breaks_a_split_queue()
    {
        using QueueBench bench = QueueBench.Split(4);
        bench.Add(3, 0, 1);
        DeviceChain buffer = bench.Take();
        bench.Device.Forge((ushort)(buffer.Id + 1));
        ExpectBroken(bench, QueueFault.BufferNeverAvailable);
    }

    [TestCase(2)]
    [TestCase(3)]
    [TestCase(0x8000)]
    [TestCase(0xFFFF)]
    public void A_used_index_beyond_what_is_in_flight_breaks_the_queue(int index)
    {
        using QueueBench bench = QueueBench.Split(4);
        bench.Add(1, 0, 1);
        bench.SetUsedElement(0, bench.Take().Id, 0);
        bench.SetUsedIndex((ushort)index);
        ExpectBroken(bench, QueueFault.IndexBeyondInFlight);
    }

    [Test]
    public void A_used_index_that_moves_while_nothing_is_in_flight_breaks_the_queue_at_the_next_look(
        [Values] bool isCoherent)
    {
        using QueueBench bench = QueueBench.Split(4, isCoherent: isCoherent);
        bench.SetUsedIndex(2);
        bench.ExpectNothingUsed();
        Assert.That(bench.Queue.IsUsable, Is.True);
        bench.Add(1, 0, 1);
        ExpectBroken(bench, QueueFault.IndexBeyondInFlight);
    }

    [Test]
    public void A_split_batch_longer_than_its_index_says_breaks_the_queue()
    {
        using QueueBench bench = QueueBench.Split(4, Features.InOrder);
        bench.Add(1, 0, 1);
        bench.Add(1, 0, 2);
        bench.Add(1, 0, 3);
        bench.Take();
        bench.Take();
        bench.SetUsedElement(0, bench.Take().Id, 0);
        bench.SetUsedIndex(2);
        ExpectBroken(bench, QueueFault.BatchBeyondIndex);
    }

    [Test]
    public void An_in_order_device_that_goes_back_breaks_the_queue(
        [ValueSource(nameof(s_formats))] Features format)
    {
        using QueueBench bench = new QueueBench(4, format | Features.InOrder);
        bench.Add(1, 0, 1);
        bench.Add(1, 0, 2);
        bench.Add(1, 0, 3);
        DeviceChain first = bench.Take();
        ushort id = first.Id;
        bench.UseBatch(new[] { first, bench.Take() }, 0);
        Assert.That(bench.GetUsed(), Is.EqualTo(1));
        Assert.That(bench.GetUsed(), Is.EqualTo(2));
        bench.Device.Forge(id);
        ExpectBroken(bench, QueueFault.BufferUsedTwice);
    }

    [Test]
    public void A_length_beyond_the_last_buffer_of_a_batch_is_cut_to_it(
        [ValueSource(nameof(s_formats))] Features format)
    {
        using QueueBench bench = new QueueBench(4, format | Features.InOrder);
        bench.Add(0, 2, 1);
        bench.Add(0, 1, 2);
        bench.UseBatch(new[] { bench.Take(), bench.Take() }, 2);
        Assert.That((bench.GetUsed(out uint first), first), Is.EqualTo((1, 3u)));
        Assert.That((bench.GetUsed(out uint last), last), Is.EqualTo((2, 1u)));
        Assert.That((bench.Queue.LengthsClamped, bench.Queue.Fault), Is.EqualTo((1UL, QueueFault.None)));
    }

    [Test]
    public void Two_contexts_in_one_queue_are_found([ValueSource(nameof(s_formats))] Features format)
    {
        using QueueBench bench = new QueueBench(4, format);
        bench.Add(1, 0, 1);
        using Intruder intruder = new Intruder(() => bench.Queue.DisableInterrupts());
        Assert.That(() => bench.Add(1, 0, 2), Throws.InvalidOperationException);
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

    private static void ExpectBroken(QueueBench bench, QueueFault fault)
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
        while (bench.Queue.TryDetach(out int _))
        {
            detached++;
        }

        Assert.That(detached, Is.EqualTo(inFlight));
    }

    /// <summary>A memory in which the first store calls somebody else.</summary>
    private sealed unsafe class Intruder : Hal.MemorySimulation, IDisposable
    {
        private readonly Action _call;

        public Intruder(Action call)
        {
            _call = call;
            Current = this;
        }

        public void Dispose() => Current = null;

        public override ulong Load(byte* address, int size, Hal.AccessSite site) => 0;

        public override void Store(byte* address, int size, ulong value, Hal.AccessSite site) => _call();

        public override ulong LoadAcquire(byte* address, int size, Hal.AccessSite site) => 0;

        public override void StoreRelease(byte* address, int size, ulong value, Hal.AccessSite site) => _call();

        public override void FullBarrier(Hal.AccessSite site) => _call();
    }
}
