using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Rings;

/// <summary>The device's side of packed rings, against bytes laid out by hand from virtio 1.4, 2.8.</summary>
internal sealed class PackedDeviceQueueTests
{
    private static readonly int[] s_sizes = [.. Enumerable.Range(1, 17)];

    [TestCase(0x0080, true)]
    [TestCase(0x8000, false)]
    [TestCase(0x8080, false)]
    [TestCase(0x0000, false)]
    public void In_the_first_round_a_descriptor_is_available_with_AVAIL_and_without_USED(int flags, bool isAvailable)
    {
        using PackedBench bench = new(4);
        bench.Put(0, PackedBench.Buffers, 8, 3, flags);

        Assert.That(bench.Queue.HasAvailable(), Is.EqualTo(isAvailable));
        Assert.That(bench.Queue.TryPop(), isAvailable ? Is.Not.Null : Is.Null);
    }

    [Test]
    public void A_chain_is_taken_whole_and_used_by_one_descriptor_in_its_first_slot()
    {
        using PackedBench bench = new(4);
        bench.Put(1, PackedBench.Buffers + 0x10, 4, 0xBAD, 0x81);
        bench.Put(2, PackedBench.Buffers + 0x20, 6, 9, 0x82);
        bench.Put(0, PackedBench.Buffers, 16, 0xBAD, 0x81);

        DeviceChain chain = bench.Queue.TryPop()!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(chain.Id, Is.EqualTo(9));
            Assert.That(chain.Slots, Is.EqualTo(3));
            Assert.That(chain.Readable.ToArray(), Is.EqualTo(new[]
            {
                new ChainElement(PackedBench.Buffers, 16, false),
                new ChainElement(PackedBench.Buffers + 0x10, 4, false),
            }));
            Assert.That(chain.Writable.ToArray(), Is.EqualTo(new[]
            {
                new ChainElement(PackedBench.Buffers + 0x20, 6, true),
            }));
            Assert.That(chain.ReadableLength, Is.EqualTo(20));
            Assert.That(chain.WritableLength, Is.EqualTo(6));
            Assert.That(bench.Queue.NextAvailable, Is.EqualTo(new RingPosition(3, true)));
        }

        bench.Queue.Push(chain, 5);
        Assert.That(bench.Get(0).Flags, Is.EqualTo(0x81), "nothing is visible before Publish");
        bench.Queue.Publish();

        Assert.That(bench.Get(0), Is.EqualTo((5u, 9, 0x8082)));
        Assert.That(bench.Get(1).Flags, Is.EqualTo(0x81));
    }

    [Test]
    public void A_buffer_that_was_not_written_is_used_without_WRITE()
    {
        using PackedBench bench = new(2);
        bench.Put(0, PackedBench.Buffers, 16, 7, 0x80);
        bench.Queue.Push(bench.Queue.TryPop()!, 0);
        bench.Queue.Publish();

        Assert.That(bench.Get(0), Is.EqualTo((0u, 7, 0x8080)));
    }

    [Test]
    public void WRITE_is_left_out_where_the_device_never_sets_it()
    {
        using PackedBench bench = new(2);
        bench.Queue.MarksWritten = false;
        bench.Offer(0, 1, 1);
        bench.Queue.Push(bench.Queue.TryPop()!, 1);
        bench.Queue.Publish();

        Assert.That(bench.Get(0), Is.EqualTo((1u, 1, 0x8080)));
    }

    [TestCaseSource(nameof(s_sizes))]
    public void Wrap_counters_turn_over_at_any_size_and_chain_length(int size)
    {
        for (int length = 1; length <= size; length++)
        {
            using PackedBench bench = new(size);
            int position = 0;
            for (int round = 0; round < (4 * size) + 3; round++)
            {
                Assert.That(bench.Queue.HasAvailable(), Is.False, $"length {length}, round {round}");
                bench.Offer(position, length, round % size);
                DeviceChain? chain = bench.Queue.TryPop();
                Assert.That(chain, Is.Not.Null, $"length {length}, round {round}");
                bench.Queue.Push(chain, (uint)length);
                bench.Queue.Publish();

                int flags = position / size % 2 == 0 ? 0x8082 : 2;
                Assert.That(bench.Get(position % size), Is.EqualTo(((uint)length, round % size, flags)));
                position += length;
                bool wrap = position / size % 2 == 0;
                Assert.That(bench.Queue.NextAvailable, Is.EqualTo(new RingPosition((ushort)(position % size), wrap)));
            }
        }
    }

    [Test]
    public void The_largest_ring_works()
    {
        using PackedBench bench = new(32768);
        for (int position = 0; position < 32768 + 5; position++)
        {
            bench.Offer(position, 1, position % 32768);
            bench.Queue.Push(bench.Queue.TryPop()!, 1);
            bench.Queue.Publish();
        }

        Assert.That(bench.Get(4), Is.EqualTo((1u, 4, 2)));
        Assert.That(bench.Get(5), Is.EqualTo((1u, 5, 0x8082)));
    }

    [Test]
    public void Buffers_used_out_of_order_take_slots_by_the_length_of_their_own_chains()
    {
        using PackedBench bench = new(7);
        bench.Offer(0, 2, 10);
        bench.Offer(2, 3, 11);
        bench.Offer(5, 1, 12);
        DeviceChain[] chains = [bench.Queue.TryPop()!, bench.Queue.TryPop()!, bench.Queue.TryPop()!];
        bench.Queue.Push(chains[1], 3);
        bench.Queue.Push(chains[2], 1);
        bench.Queue.Publish();
        bench.Queue.Push(chains[0], 2);
        bench.Queue.Publish();

        Assert.That(bench.Get(0), Is.EqualTo((3u, 11, 0x8082)));
        Assert.That(bench.Get(3), Is.EqualTo((1u, 12, 0x8082)));
        Assert.That(bench.Get(4), Is.EqualTo((2u, 10, 0x8082)));
    }

    [Test]
    public void Id_and_len_come_before_the_flags_and_the_first_slot_of_a_batch_comes_last()
    {
        using PackedBench bench = new(4);
        bench.Offer(0, 2, 1);
        bench.Offer(2, 1, 2);
        bench.Queue.Push(bench.Queue.TryPop()!, 1);
        bench.Queue.Push(bench.Queue.TryPop()!, 1);
        bench.Watched.Accesses.Clear();
        bench.Queue.Publish();

        ulong[] writes = [.. bench.Watched.Accesses.Where(bench.IsWrite).Select(access => access.Address)];
        Assert.That(writes, Is.EqualTo(new[]
        {
            PackedBench.Slot(2) + 8, PackedBench.Slot(2) + 12, PackedBench.Slot(2) + 14,
            PackedBench.Slot(0) + 8, PackedBench.Slot(0) + 12, PackedBench.Slot(0) + 14,
        }));
    }

    [Test]
    public void In_order_one_used_descriptor_stands_for_several_buffers()
    {
        using PackedBench bench = new(8, FeatureBit.InOrder);
        bench.Offer(0, 2, 3);
        bench.Offer(2, 1, 4);
        bench.Offer(3, 3, 5);
        for (int i = 0; i < 3; i++)
        {
            DeviceChain chain = bench.Queue.TryPop()!;
            bench.Queue.Push(chain, (uint)chain.WritableLength);
        }

        bench.Queue.Publish();
        bench.Offer(6, 1, 6);
        bench.Queue.Push(bench.Queue.TryPop()!, 1);
        bench.Queue.Publish();

        Assert.That(bench.Get(0), Is.EqualTo((3u, 5, 0x8082)));
        Assert.That(bench.Get(2).Flags, Is.EqualTo(0x82), "skipped");
        Assert.That(bench.Get(3).Flags, Is.EqualTo(0x83), "skipped");
        Assert.That(bench.Get(6), Is.EqualTo((1u, 6, 0x8082)));
    }

    [Test]
    public void In_order_a_buffer_that_was_not_written_completely_has_its_own_used_descriptor()
    {
        using PackedBench bench = new(8, FeatureBit.InOrder);
        bench.Offer(0, 2, 3);
        bench.Offer(2, 1, 4);
        bench.Queue.Push(bench.Queue.TryPop()!, 1);
        bench.Queue.Push(bench.Queue.TryPop()!, 1);
        bench.Queue.Publish();

        Assert.That(bench.Get(0), Is.EqualTo((1u, 3, 0x8082)));
        Assert.That(bench.Get(2), Is.EqualTo((1u, 4, 0x8082)));
    }

    [Test]
    public void In_order_the_device_cannot_use_a_later_buffer_first()
    {
        using PackedBench bench = new(4, FeatureBit.InOrder);
        bench.Offer(0, 1, 0);
        bench.Offer(1, 1, 1);
        _ = bench.Queue.TryPop();
        DeviceChain second = bench.Queue.TryPop()!;

        Assert.That(() => bench.Queue.Push(second, 1), Throws.InvalidOperationException);
    }

    [Test]
    public void An_indirect_table_is_taken_whole_and_only_its_WRITE_flags_count()
    {
        using PackedBench bench = new(3, FeatureBit.IndirectDescriptors);
        ulong table = PackedBench.Buffers + 0x1000;
        for (int i = 0; i < 3; i++)
        {
            bench.Ram.Put64(table + (16 * (ulong)i), PackedBench.Buffers + (ulong)(64 * i));
            bench.Ram.Put32(table + (16 * (ulong)i) + 8, 32);
            bench.Ram.Put16(table + (16 * (ulong)i) + 14, (i == 0 ? 0 : 2) | 5);
        }

        bench.Put(0, table, 48, 2, 0x86);
        DeviceChain chain = bench.Queue.TryPop()!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(chain.IsIndirect, Is.True);
            Assert.That(chain.Slots, Is.EqualTo(1));
            Assert.That(chain.Id, Is.EqualTo(2));
            Assert.That(chain.Elements.ToArray().Select(element => element.IsWritable),
                Is.EqualTo(new[] { false, true, true }));
            Assert.That(bench.Queue.NextAvailable, Is.EqualTo(new RingPosition(1, true)));
        }
    }

    [Test]
    public void A_buffer_can_be_put_back_and_taken_again()
    {
        using PackedBench bench = new(3);
        bench.Offer(0, 2, 0);
        bench.Offer(2, 1, 1);
        _ = bench.Queue.TryPop();
        DeviceChain second = bench.Queue.TryPop()!;
        bench.Queue.Unpop(second);

        Assert.That(bench.Queue.NextAvailable, Is.EqualTo(new RingPosition(2, true)));
        Assert.That(bench.Queue.InFlight, Is.EqualTo(1));
        Assert.That(bench.Queue.TryPop()!.Id, Is.EqualTo(1));
        Assert.That(bench.Queue.NextAvailable, Is.EqualTo(new RingPosition(0, false)));
    }

    [TestCase(1, 0, false)]
    [TestCase(0, 0, true)]
    [TestCase(0, 0x7FFF, true)]
    public void Without_EVENT_IDX_the_driver_is_notified_by_its_flags_alone(int flags, int place, bool isWanted)
    {
        using PackedBench bench = new(4);
        bench.SetDriverEvent(place, flags);
        bench.Offer(0, 1, 0);
        bench.Queue.Push(bench.Queue.TryPop()!, 1);

        Assert.That(bench.Queue.Publish(), Is.EqualTo(isWanted));
    }

    [TestCaseSource(nameof(s_sizes))]
    public void With_EVENT_IDX_the_driver_is_notified_when_its_descriptor_is_passed(int size)
    {
        using PackedBench bench = new(size, FeatureBit.EventIndex);
        int position = 0;
        for (int start = 0; start < 2 * size; start++)
        {
            for (int count = 1; count <= size; count++)
            {
                for (int place = 0; place < 2 * size; place++)
                {
                    while (position % (2 * size) != start)
                    {
                        _ = UseChain(bench, ref position, 1, 0);
                    }

                    bool isPassed = IsPassed(size, start, count, place);
                    if (UseChain(bench, ref position, count, place) != isPassed)
                    {
                        Assert.Fail($"from {start} over {count}, event at {place}: must be {isPassed}");
                    }
                }
            }
        }
    }

    [Test]
    public void An_event_offset_outside_the_ring_notifies()
    {
        using PackedBench bench = new(4, FeatureBit.EventIndex);
        bench.SetDriverEvent(0x8000 | 4, 2);
        bench.Offer(0, 1, 0);
        bench.Queue.Push(bench.Queue.TryPop()!, 1);

        Assert.That(bench.Queue.Publish(), Is.True);
    }

    [Test]
    public void Suppression_and_its_end_are_written_to_the_device_area()
    {
        using PackedBench bench = new(4);
        bench.Queue.SuppressNotifications();
        Assert.That(bench.Ram.Get16(PackedBench.DeviceEvent + 2), Is.EqualTo(1));

        Assert.That(bench.Queue.EnableNotifications(), Is.False);
        Assert.That(bench.Ram.Get16(PackedBench.DeviceEvent + 2), Is.Zero);
    }

    [Test]
    public void With_EVENT_IDX_the_next_descriptor_is_asked_for_place_before_flags()
    {
        using PackedBench bench = new(2, FeatureBit.EventIndex);
        bench.Offer(0, 2, 0);
        bench.Queue.Push(bench.Queue.TryPop()!, 2);
        bench.Queue.Publish();
        bench.Watched.Accesses.Clear();
        bench.Queue.EnableNotifications();

        Assert.That(bench.Ram.Get16(PackedBench.DeviceEvent), Is.Zero, "offset 0, wrap counter 0");
        Assert.That(bench.Ram.Get16(PackedBench.DeviceEvent + 2), Is.EqualTo(2));
        Assert.That(bench.Watched.Accesses.Take(2).Select(access => access.Address),
            Is.EqualTo(new[] { PackedBench.DeviceEvent, PackedBench.DeviceEvent + 2 }));

        bench.Offer(2, 1, 0);
        bench.Queue.Push(bench.Queue.TryPop()!, 1);
        bench.Queue.Publish();
        bench.Offer(3, 1, 0);
        bench.Queue.Push(bench.Queue.TryPop()!, 1);
        bench.Queue.Publish();
        bench.Queue.EnableNotifications();

        Assert.That(bench.Ram.Get16(PackedBench.DeviceEvent), Is.EqualTo(0x8000), "offset 0, wrap counter 1");
    }

    [Test]
    public void Asking_for_notifications_tells_of_a_buffer_that_is_there_already()
    {
        using PackedBench bench = new(2);
        bench.Offer(0, 1, 0);

        Assert.That(bench.Queue.EnableNotifications(), Is.True);
    }

    [Test]
    public void A_buffer_that_the_device_does_not_have_cannot_be_used_nor_a_length_that_does_not_fit()
    {
        using PackedBench bench = new(2);
        bench.Offer(0, 1, 0);
        DeviceChain chain = bench.Queue.TryPop()!;

        Assert.That(() => bench.Queue.Push(chain, 2), Throws.InstanceOf<ArgumentOutOfRangeException>());
        bench.Queue.Push(chain, 1);
        Assert.That(() => bench.Queue.Push(chain, 1), Throws.InvalidOperationException);
    }

    [TestCaseSource(nameof(MalformedChains))]
    public void A_malformed_chain_breaks_the_queue_by_name(
        Action<PackedBench> write, ulong features, QueueError expected)
    {
        using PackedBench bench = new(4, features);
        write(bench);

        Assert.That(bench.Queue.TryPop(), Is.Null);
        Assert.That(bench.Queue.Error, Is.EqualTo(expected));
        Assert.That(bench.Queue.TryPop(), Is.Null, "it stays broken");
    }

    [TestCaseSource(nameof(LooseChains))]
    public void Only_a_strict_device_minds_what_devices_can_live_with(
        Action<PackedBench> write, ulong features, QueueError expected, bool isStrict)
    {
        using PackedBench bench = new(4, features);
        bench.Queue.IsStrict = isStrict;
        write(bench);

        if (bench.Queue.TryPop() is DeviceChain chain)
        {
            bench.Queue.Push(chain, 0);
            bench.Queue.Publish();
        }

        Assert.That(bench.Queue.Error, Is.EqualTo(isStrict ? expected : QueueError.None));
    }

    [Test]
    public void A_forged_descriptor_names_any_buffer()
    {
        using PackedBench bench = new(4);
        Assert.That(bench.Queue.Forge(0xFFFF, 7), Is.True);
        Assert.That(bench.Get(0), Is.EqualTo((7u, 0xFFFF, 0x8082)));
    }

    [Test]
    public void An_ID_that_is_in_flight_breaks_the_queue()
    {
        using PackedBench bench = new(4);
        bench.Offer(0, 1, 2);
        bench.Offer(1, 1, 2);
        Assert.That(bench.Queue.TryPop(), Is.Not.Null);

        Assert.That(bench.Queue.TryPop(), Is.Null);
        Assert.That(bench.Queue.Error, Is.EqualTo(QueueError.BufferInFlight));
    }

    [Test]
    public void A_driver_that_overruns_its_own_ring_breaks_the_queue()
    {
        using PackedBench bench = new(2);
        bench.Offer(0, 1, 0);
        bench.Offer(1, 1, 1);
        _ = bench.Queue.TryPop();
        _ = bench.Queue.TryPop();
        bench.Offer(2, 1, 7);

        Assert.That(bench.Queue.TryPop(), Is.Null);
        Assert.That(bench.Queue.Error, Is.EqualTo(QueueError.RingOverrun));
    }

    [TestCase(0, PackedBench.Ring, PackedBench.DriverEvent, QueueError.SizeInvalid)]
    [TestCase(32769, PackedBench.Ring, PackedBench.DriverEvent, QueueError.SizeInvalid)]
    [TestCase(4, PackedBench.Ring + 8, PackedBench.DriverEvent, QueueError.AreaMisaligned)]
    [TestCase(4, PackedBench.Ring, PackedBench.DriverEvent + 2, QueueError.AreaMisaligned)]
    [TestCase(4, PackedBench.Ring + GuestRam.Length - 48, PackedBench.DriverEvent, QueueError.AreaUnreachable)]
    [TestCase(4, PackedBench.Ring, 0xFFFFFFFFFFFFFFFCUL, QueueError.AreaUnreachable)]
    public void A_ring_that_cannot_be_is_not_opened(int size, ulong ring, ulong driverEvent, QueueError expected)
    {
        using GuestRam ram = new();
        QueueAreas areas = new(ring, driverEvent, PackedBench.DeviceEvent);

        DeviceQueue? queue = DeviceQueue.TryOpen(
            ram.Regions, areas, size, FeatureBit.RingPacked, out QueueError error);

        Assert.That(queue, Is.Null);
        Assert.That(error, Is.EqualTo(expected));
    }

    private static IEnumerable<TestCaseData> MalformedChains()
    {
        ulong buffer = PackedBench.Buffers;
        ulong table = buffer + 0x1000;
        ulong indirect = FeatureBit.IndirectDescriptors;
        yield return Case("zero length", QueueError.ZeroLength, 0, bench => bench.Put(0, buffer, 0, 0, 0x80));
        yield return Case("not in memory", QueueError.BufferUnreachable, 0, bench => bench.Put(0, 64, 8, 0, 0x80));
        yield return Case("over the end of memory", QueueError.BufferUnreachable, 0,
            bench => bench.Put(0, GuestRam.Base + GuestRam.Length - 4, 8, 0, 0x80));
        yield return Case("wraps the address space", QueueError.BufferUnreachable, 0,
            bench => bench.Put(0, ulong.MaxValue - 2, 8, 0, 0x80));
        yield return Case("rest not available", QueueError.ChainIncomplete, 0,
            bench => bench.Put(0, buffer, 8, 0, 0x81));
        yield return Case("loop", QueueError.Loop, 0, bench =>
        {
            for (int slot = 0; slot < 4; slot++)
            {
                bench.Put(slot, buffer, 8, 0, 0x81);
            }
        });
        yield return Case("readable after writable", QueueError.ReadableAfterWritable, 0, bench =>
        {
            bench.Put(0, buffer, 8, 0, 0x83);
            bench.Put(1, buffer, 8, 0, 0x80);
        });
        yield return Case("indirect not negotiated", QueueError.IndirectNotNegotiated, 0,
            bench => bench.Put(0, table, 16, 0, 0x84));
        yield return Case("indirect with NEXT", QueueError.IndirectWithNext, indirect,
            bench => bench.Put(0, table, 16, 0, 0x85));
        yield return Case("indirect in a chain", QueueError.IndirectNested, indirect, bench =>
        {
            bench.Put(0, buffer, 8, 0, 0x81);
            bench.Put(1, table, 16, 0, 0x84);
        });
        yield return Case("empty table", QueueError.IndirectTableSize, indirect,
            bench => bench.Put(0, table, 0, 0, 0x84));
        yield return Case("odd table", QueueError.IndirectTableSize, indirect,
            bench => bench.Put(0, table, 24, 0, 0x84));
        yield return Case("table not in memory", QueueError.BufferUnreachable, indirect,
            bench => bench.Put(0, 64, 16, 0, 0x84));
        yield return Case("zero length in a table", QueueError.ZeroLength, indirect,
            bench => bench.Put(0, table, 16, 0, 0x84));
        yield return Case("table longer than the device allows", QueueError.ChainTooLong, indirect, bench =>
        {
            for (ulong i = 0; i < 5; i++)
            {
                bench.Ram.Put64(table + (16 * i), buffer);
                bench.Ram.Put32(table + (16 * i) + 8, 8);
            }

            bench.Put(0, table, 80, 0, 0x84);
        });
    }

    private static IEnumerable<TestCaseData> LooseChains()
    {
        ulong buffer = PackedBench.Buffers;
        foreach (bool isStrict in new[] { false, true })
        {
            yield return Loose("reserved flags", QueueError.ReservedFlags, 0,
                bench => bench.Put(0, buffer, 8, 0, 0x88));
            yield return Loose("table with WRITE", QueueError.ReservedFlags, FeatureBit.IndirectDescriptors, bench =>
            {
                bench.Ram.Put64(buffer, buffer);
                bench.Ram.Put32(buffer + 8, 8);
                bench.Put(0, buffer, 16, 0, 0x86);
            });
            yield return Loose("NEXT in a table", QueueError.ReservedFlags, FeatureBit.IndirectDescriptors, bench =>
            {
                bench.Ram.Put64(buffer, buffer);
                bench.Ram.Put32(buffer + 8, 8);
                bench.Ram.Put16(buffer + 14, 1);
                bench.Put(0, buffer, 16, 0, 0x84);
            });
            yield return Loose("a place without EVENT_IDX", QueueError.SuppressionNotNegotiated, 0, bench =>
            {
                bench.Offer(0, 1, 0);
                bench.SetDriverEvent(0x8000, 2);
            });

            TestCaseData Loose(string name, QueueError error, ulong features, Action<PackedBench> write) =>
                new TestCaseData(write, features, error, isStrict).SetArgDisplayNames(name, isStrict.ToString());
        }
    }

    private static TestCaseData Case(string name, QueueError error, ulong features, Action<PackedBench> write) =>
        new TestCaseData(write, features, error).SetArgDisplayNames(name);

    /// <summary>Goes over descriptors one by one, as the text says it.</summary>
    private static bool IsPassed(int size, int start, int count, int place)
    {
        for (int i = 0; i < count; i++)
        {
            if ((start + i) % (2 * size) == place)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Has one chain used.</summary>
    /// <returns>Whether the driver wanted to be notified.</returns>
    private static bool UseChain(PackedBench bench, ref int position, int count, int place)
    {
        bench.Offer(position, count, 0);
        bench.Queue.Push(bench.Queue.TryPop()!, 1);
        bench.SetDriverEvent((place % bench.Size) | (place < bench.Size ? 0x8000 : 0), 2);
        bench.Watched.Accesses.Clear();
        position += count;
        return bench.Queue.Publish();
    }
}
