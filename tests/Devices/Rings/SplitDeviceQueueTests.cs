using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Rings;

/// <summary>The device's side of split rings, against bytes laid out by hand from virtio 1.4, 2.7.</summary>
internal sealed class SplitDeviceQueueTests
{
    private const ulong Table = GuestRam.Base;
    private const ulong Available = GuestRam.Base + 0x90000;
    private const ulong Used = GuestRam.Base + 0xB0000;
    private const ulong Buffers = GuestRam.Base + 0x100000;
    private const ulong Indirect = Buffers + 0x1000;

    private GuestRam _ram = null!;
    private WatchedMemory _watched = null!;

    [SetUp]
    public void Prepare()
    {
        _ram = new GuestRam();
        _watched = new WatchedMemory(_ram.Regions);
    }

    [TearDown]
    public void Free() => _ram.Dispose();

    [Test]
    public void A_chain_is_followed_by_its_next_fields_and_used_by_its_head()
    {
        DeviceQueue queue = Open(8);
        Put(Table, 5, Buffers, 16, 1, 2);
        Put(Table, 2, Buffers + 0x20, 8, 1, 7);
        Put(Table, 7, Buffers + 0x40, 4, 2, 0xFFFF);
        Offer(0, 8, 5);

        DeviceChain chain = queue.TryPop()!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(chain.Id, Is.EqualTo(5));
            Assert.That(chain.Readable.ToArray(), Is.EqualTo(new[]
            {
                new ChainElement(Buffers, 16, false), new ChainElement(Buffers + 0x20, 8, false),
            }));
            Assert.That(chain.Writable.ToArray(), Is.EqualTo(new[] { new ChainElement(Buffers + 0x40, 4, true) }));
        }

        queue.Push(chain, 3);
        Assert.That(_ram.Get16(Used + 2), Is.Zero);
        queue.Publish();

        Assert.That(_ram.Get16(Used + 2), Is.EqualTo(1));
        Assert.That((_ram.Get32(Used + 4), _ram.Get32(Used + 8)), Is.EqualTo((5u, 3u)));
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(16)]
    public void Indices_run_freely_through_16_bits(int size)
    {
        DeviceQueue queue = Open(size);
        for (int i = 0; i < 65536 + (2 * size) + 1; i++)
        {
            Put(Table, i % size, Buffers, 4, 2, 0);
            Offer(i, size, i % size);
            DeviceChain? chain = queue.TryPop();
            Assert.That(chain, Is.Not.Null, $"buffer {i}");
            queue.Push(chain, 1);
            queue.Publish();
            Assert.That(_ram.Get16(Used + 2), Is.EqualTo((i + 1) & 0xFFFF));
        }

        Assert.That(queue.NextAvailable, Is.EqualTo(new RingPosition((ushort)((2 * size) + 1), false)));
    }

    [Test]
    public void Bit_15_of_the_index_is_the_wrap_of_notification_data()
    {
        DeviceQueue queue = Open(4);
        for (int i = 0; i < 32769; i++)
        {
            Put(Table, i % 4, Buffers, 4, 2, 0);
            Offer(i, 4, i % 4);
            queue.Push(queue.TryPop()!, 1);
            queue.Publish();
        }

        Assert.That(queue.NextAvailable, Is.EqualTo(new RingPosition(1, true)));
    }

    [Test]
    public void Entries_are_written_before_the_index()
    {
        DeviceQueue queue = Open(4);
        OfferSingles(4, 2);
        queue.Push(queue.TryPop()!, 1);
        queue.Push(queue.TryPop()!, 2);
        _watched.Accesses.Clear();
        queue.Publish();

        ulong[] writes =
            [.. _watched.Accesses.Where(each => each.Access == GuestAccess.Write).Select(each => each.Address)];
        Assert.That(writes, Is.EqualTo(new[] { Used + 4, Used + 8, Used + 12, Used + 16, Used + 2 }));
    }

    [Test]
    public void In_order_one_entry_stands_for_several_buffers_and_the_index_counts_them_all()
    {
        DeviceQueue queue = Open(8, FeatureBit.InOrder);
        OfferSingles(8, 4);
        for (int i = 0; i < 3; i++)
        {
            queue.Push(queue.TryPop()!, 4);
        }

        queue.Publish();
        queue.Push(queue.TryPop()!, 4);
        queue.Publish();

        Assert.That(_ram.Get16(Used + 2), Is.EqualTo(4));
        Assert.That(_ram.Get32(Used + 4), Is.EqualTo(2), "the head of the last of three, in the first one's entry");
        Assert.That((_ram.Get32(Used + 12), _ram.Get32(Used + 20)), Is.EqualTo((0u, 0u)), "skipped");
        Assert.That(_ram.Get32(Used + 28), Is.EqualTo(3));
    }

    [Test]
    public void Direct_descriptors_may_come_before_an_indirect_table()
    {
        DeviceQueue queue = Open(4, FeatureBit.IndirectDescriptors);
        Put(Table, 0, Buffers, 8, 1, 1);
        Put(Table, 1, Indirect, 48, 4 | 2, 0);
        Put(Indirect, 0, Buffers + 0x10, 8, 1, 2);
        Put(Indirect, 2, Buffers + 0x20, 8, 2, 0);
        Offer(0, 4, 0);

        DeviceChain chain = queue.TryPop()!;
        Assert.That(chain.Elements.ToArray(), Is.EqualTo(new[]
        {
            new ChainElement(Buffers, 8, false),
            new ChainElement(Buffers + 0x10, 8, false),
            new ChainElement(Buffers + 0x20, 8, true),
        }));
        Assert.That(chain.IsIndirect, Is.True);
    }

    [TestCase(0, 0, true)]
    [TestCase(1, 0, false)]
    public void Without_EVENT_IDX_the_driver_is_notified_by_its_flag_alone(int flags, int usedEvent, bool isWanted)
    {
        DeviceQueue queue = Open(4);
        _ram.Put16(Available, flags);
        _ram.Put16(Available + 4 + 8, usedEvent);
        OfferSingles(4, 1);
        queue.Push(queue.TryPop()!, 1);

        Assert.That(queue.Publish(), Is.EqualTo(isWanted));
    }

    [TestCase(0, true)]
    [TestCase(1, true)]
    [TestCase(2, false)]
    [TestCase(0xFFFF, false)]
    public void With_EVENT_IDX_the_driver_is_notified_when_its_entry_is_written(int usedEvent, bool isWanted)
    {
        DeviceQueue queue = Open(4, FeatureBit.EventIndex);
        _ram.Put16(Available, 1);
        _ram.Put16(Available + 4 + 8, usedEvent);
        OfferSingles(4, 2);
        queue.Push(queue.TryPop()!, 1);
        queue.Push(queue.TryPop()!, 1);

        Assert.That(queue.Publish(), Is.EqualTo(isWanted));
    }

    [Test]
    public void Without_EVENT_IDX_suppression_is_a_flag()
    {
        DeviceQueue queue = Open(4);
        queue.SuppressNotifications();
        Assert.That(_ram.Get16(Used), Is.EqualTo(1));

        Assert.That(queue.EnableNotifications(), Is.False);
        Assert.That(_ram.Get16(Used), Is.Zero);
    }

    [Test]
    public void With_EVENT_IDX_suppression_is_an_index_and_the_flag_stays_0()
    {
        DeviceQueue queue = Open(4, FeatureBit.EventIndex);
        OfferSingles(4, 3);
        queue.SuppressNotifications();
        _ = queue.TryPop();
        _ = queue.TryPop();
        Assert.That(_ram.Get16(Used), Is.Zero);

        Assert.That(queue.EnableNotifications(), Is.True, "there is a third one");
        Assert.That(_ram.Get16(Used + 4 + 32), Is.EqualTo(2));
        Assert.That(_ram.Get16(Used), Is.Zero);
    }

    [TestCaseSource(nameof(MalformedChains))]
    public void A_malformed_chain_breaks_the_queue_by_name(
        Action<SplitDeviceQueueTests> write, ulong features, QueueError expected)
    {
        DeviceQueue queue = Open(4, features);
        write(this);

        Assert.That(queue.TryPop(), Is.Null);
        Assert.That(queue.Error, Is.EqualTo(expected));
        Assert.That(queue.TryPop(), Is.Null, "it stays broken");
    }

    [TestCaseSource(nameof(LooseChains))]
    public void Only_a_strict_device_minds_what_devices_can_live_with(
        Action<SplitDeviceQueueTests> write, ulong features, QueueError expected, bool isStrict)
    {
        DeviceQueue queue = Open(4, features);
        queue.IsStrict = isStrict;
        write(this);

        if (queue.TryPop() is DeviceChain chain)
        {
            queue.Push(chain, 0);
            queue.Publish();
        }

        Assert.That(queue.Error, Is.EqualTo(isStrict ? expected : QueueError.None));
    }

    [Test]
    public void A_strict_device_takes_chains_in_ring_order_over_its_end_and_after_one_was_put_back()
    {
        DeviceQueue queue = Open(4, FeatureBit.InOrder);
        queue.IsStrict = true;
        for (int i = 0; i < 8; i++)
        {
            int head = i * 3 % 4;
            Put(Table, head, Buffers, 4, 1, (head + 1) % 4);
            Put(Table, (head + 1) % 4, Buffers, 4, 1, (head + 2) % 4);
            Put(Table, (head + 2) % 4, Buffers, 4, 0, 0);
            Offer(i, 4, head);
            queue.Unpop(queue.TryPop()!);
            queue.Push(queue.TryPop()!, 0);
            queue.Publish();
        }

        Assert.That(queue.Error, Is.EqualTo(QueueError.None));
    }

    [Test]
    public void A_forged_entry_moves_the_index_and_names_any_buffer()
    {
        DeviceQueue queue = Open(4);
        Assert.That(queue.Forge(0xFFFF, 7, slots: 200), Is.True);

        Assert.That((_ram.Get32(Used + 4), _ram.Get32(Used + 8)), Is.EqualTo((0xFFFFu, 7u)));
        Assert.That(_ram.Get16(Used + 2), Is.EqualTo(200));
    }

    [Test]
    public void A_head_that_is_in_flight_breaks_the_queue()
    {
        DeviceQueue queue = Open(4);
        Put(Table, 1, Buffers, 4, 2, 0);
        Offer(0, 4, 1);
        Offer(1, 4, 1);
        Assert.That(queue.TryPop(), Is.Not.Null);

        Assert.That(queue.TryPop(), Is.Null);
        Assert.That(queue.Error, Is.EqualTo(QueueError.BufferInFlight));
    }

    [TestCase(0, Table, QueueError.SizeInvalid)]
    [TestCase(3, Table, QueueError.SizeInvalid)]
    [TestCase(65536, Table, QueueError.SizeInvalid)]
    [TestCase(4, Table + 4, QueueError.AreaMisaligned)]
    [TestCase(4, 0UL, QueueError.AreaUnreachable)]
    public void A_ring_that_cannot_be_is_not_opened(int size, ulong table, QueueError expected)
    {
        Assert.That(
            DeviceQueue.TryOpen(_ram.Regions, new QueueAreas(table, Available, Used), size, 0, out QueueError error),
            Is.Null);
        Assert.That(error, Is.EqualTo(expected));
    }

    [Test]
    public void The_event_fields_need_memory_only_where_they_exist([Values] bool hasEventIndex)
    {
        // The used ring of 4 has 36 bytes, and 2 more with EVENT_IDX: here there are just 36 left.
        ulong used = GuestRam.Base + GuestRam.Length - 36;
        ulong features = hasEventIndex ? FeatureBit.EventIndex : 0;
        DeviceQueue? queue = DeviceQueue.TryOpen(
            _ram.Regions, new QueueAreas(Table, Available, used), 4, features, out QueueError error);

        Assert.That(queue, hasEventIndex ? Is.Null : Is.Not.Null);
        Assert.That(error, Is.EqualTo(hasEventIndex ? QueueError.AreaUnreachable : QueueError.None));
    }

    private static IEnumerable<TestCaseData> MalformedChains()
    {
        ulong indirect = FeatureBit.IndirectDescriptors;
        yield return Case("index jump", QueueError.AvailableIndexJump, 0, test => test._ram.Put16(Available + 2, 5));
        yield return Case("index behind", QueueError.AvailableIndexJump, 0,
            test => test._ram.Put16(Available + 2, 0xFFFF));
        yield return Case("head out of range", QueueError.DescriptorOutOfRange, 0, test => test.Offer(0, 4, 4));
        yield return Case("next out of range", QueueError.DescriptorOutOfRange, 0, test =>
        {
            test.Put(Table, 0, Buffers, 4, 1, 4);
            test.Offer(0, 4, 0);
        });
        yield return Case("loop", QueueError.Loop, 0, test =>
        {
            test.Put(Table, 0, Buffers, 4, 1, 1);
            test.Put(Table, 1, Buffers, 4, 1, 0);
            test.Offer(0, 4, 0);
        });
        yield return Case("loop to itself", QueueError.Loop, 0, test =>
        {
            test.Put(Table, 0, Buffers, 4, 1, 0);
            test.Offer(0, 4, 0);
        });
        yield return Case("zero length", QueueError.ZeroLength, 0, test =>
        {
            test.Put(Table, 0, Buffers, 0, 0, 0);
            test.Offer(0, 4, 0);
        });
        yield return Case("readable after writable", QueueError.ReadableAfterWritable, 0, test =>
        {
            test.Put(Table, 0, Buffers, 4, 3, 1);
            test.Put(Table, 1, Buffers, 4, 0, 0);
            test.Offer(0, 4, 0);
        });
        yield return Case("indirect not negotiated", QueueError.IndirectNotNegotiated, 0, test =>
        {
            test.Put(Table, 0, Indirect, 16, 4, 0);
            test.Offer(0, 4, 0);
        });
        yield return Case("indirect with NEXT", QueueError.IndirectWithNext, indirect, test =>
        {
            test.Put(Table, 0, Indirect, 16, 5, 1);
            test.Offer(0, 4, 0);
        });
        yield return Case("indirect inside indirect", QueueError.IndirectNested, indirect, test =>
        {
            test.Put(Table, 0, Indirect, 16, 4, 0);
            test.Put(Indirect, 0, Indirect, 16, 4, 0);
            test.Offer(0, 4, 0);
        });
        yield return Case("loop in a table", QueueError.Loop, indirect, test =>
        {
            test.Put(Table, 0, Indirect, 32, 4, 0);
            test.Put(Indirect, 0, Buffers, 4, 1, 1);
            test.Put(Indirect, 1, Buffers, 4, 1, 0);
            test.Offer(0, 4, 0);
        });
        yield return Case("next out of a table", QueueError.DescriptorOutOfRange, indirect, test =>
        {
            test.Put(Table, 0, Indirect, 32, 4, 0);
            test.Put(Indirect, 0, Buffers, 4, 1, 2);
            test.Offer(0, 4, 0);
        });
        yield return Case("odd table", QueueError.IndirectTableSize, indirect, test =>
        {
            test.Put(Table, 0, Indirect, 17, 4, 0);
            test.Offer(0, 4, 0);
        });
    }

    private static IEnumerable<TestCaseData> LooseChains()
    {
        foreach (bool isStrict in new[] { false, true })
        {
            yield return Loose("reserved flags", QueueError.ReservedFlags, 0, test =>
            {
                test.Put(Table, 0, Buffers, 4, 8, 0);
                test.Offer(0, 4, 0);
            });
            yield return Loose("reserved flags in a table", QueueError.ReservedFlags, FeatureBit.IndirectDescriptors,
                test =>
                {
                    test.Put(Table, 0, Indirect, 16, 4, 0);
                    test.Put(Indirect, 0, Buffers, 4, 0x80, 0);
                    test.Offer(0, 4, 0);
                });
            yield return Loose("head out of ring order", QueueError.OutOfRingOrder, FeatureBit.InOrder, test =>
            {
                test.Put(Table, 1, Buffers, 4, 0, 0);
                test.Offer(0, 4, 1);
            });
            yield return Loose("chain out of ring order", QueueError.OutOfRingOrder, FeatureBit.InOrder, test =>
            {
                test.Put(Table, 0, Buffers, 4, 1, 2);
                test.Put(Table, 2, Buffers, 4, 0, 0);
                test.Offer(0, 4, 0);
            });
            yield return Loose(
                "table out of order", QueueError.OutOfRingOrder, FeatureBit.InOrder | FeatureBit.IndirectDescriptors,
                test =>
                {
                    test.Put(Table, 0, Indirect, 48, 4, 0);
                    test.Put(Indirect, 0, Buffers, 4, 1, 2);
                    test.Put(Indirect, 2, Buffers, 4, 1, 1);
                    test.Put(Indirect, 1, Buffers, 4, 0, 0);
                    test.Offer(0, 4, 0);
                });
            yield return Loose("rest of a table", QueueError.TableNotFilled, FeatureBit.IndirectDescriptors, test =>
            {
                test.Put(Table, 0, Indirect, 32, 4, 0);
                test.Put(Indirect, 0, Buffers, 4, 0, 0);
                test.Offer(0, 4, 0);
            });
            yield return Loose("flags beside EVENT_IDX", QueueError.SuppressionNotNegotiated, FeatureBit.EventIndex,
                test =>
                {
                    test.OfferSingles(4, 1);
                    test._ram.Put16(Available, 1);
                });

            TestCaseData Loose(string name, QueueError error, ulong features, Action<SplitDeviceQueueTests> write) =>
                new TestCaseData(write, features, error, isStrict).SetArgDisplayNames(name, isStrict.ToString());
        }
    }

    private static TestCaseData Case(
        string name, QueueError error, ulong features, Action<SplitDeviceQueueTests> write) =>
        new TestCaseData(write, features, error).SetArgDisplayNames(name);

    private DeviceQueue Open(int size, ulong features = 0)
    {
        DeviceQueue? queue = DeviceQueue.TryOpen(
            _watched, new QueueAreas(Table, Available, Used), size, features, out QueueError error);
        Assert.That(error, Is.EqualTo(QueueError.None));
        return queue!;
    }

    private void Put(ulong table, int index, ulong address, uint length, int flags, int next)
    {
        ulong at = table + (16 * (ulong)index);
        _ram.Put64(at, address);
        _ram.Put32(at + 8, length);
        _ram.Put16(at + 12, flags);
        _ram.Put16(at + 14, next);
    }

    private void Offer(int index, int size, int head)
    {
        _ram.Put16(Available + 4 + (2 * (ulong)(index % size)), head);
        _ram.Put16(Available + 2, (index + 1) & 0xFFFF);
    }

    private void OfferSingles(int size, int count)
    {
        for (int i = 0; i < count; i++)
        {
            Put(Table, i, Buffers, 4, 2, 0);
            Offer(i, size, i);
        }
    }
}
