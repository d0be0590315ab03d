using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Model;

/// <summary>How a device works on its queues: completion, notifications, reset and new sizes.</summary>
[TestFixture(false)]
[TestFixture(true)]
internal sealed class QueueTests(bool isPacked)
{
    private const ulong Buffer = GuestRam.Base + 0x100000;

    private MmioBench<EchoDevice> _bench = null!;

    private ModelQueue Queue => _bench.Device.Queues[0];

    private ulong Format => isPacked ? FeatureBit.RingPacked : 0;

    [SetUp]
    public void Prepare() => _bench = new MmioBench<EchoDevice>(ram => new EchoDevice(ram.Regions));

    [TearDown]
    public void Free() => _bench.Dispose();

    [Test]
    public void Data_goes_from_the_readable_to_the_writable_part_however_both_are_cut()
    {
        HandRing ring = _bench.Start(Format)[0];
        "wrap counter"u8.CopyTo(_bench.Ram.At(Buffer, 12));
        int id = ring.Add(
            new Piece(Buffer, 5),
            new Piece(Buffer + 5, 7),
            new Piece(Buffer + 64, 1, true),
            new Piece(Buffer + 80, 20, true));
        _bench.Notify(0);
        _bench.Device.Run();

        Assert.That(ring.TakeUsed(), Is.EqualTo(new UsedBuffer(id, 12)));
        Assert.That(_bench.Ram.At(Buffer + 64, 1).ToArray(), Is.EqualTo("w"u8.ToArray()));
        Assert.That(_bench.Ram.At(Buffer + 80, 12).ToArray(), Is.EqualTo("rap counter\0"u8.ToArray()));
    }

    [Test]
    public void Nothing_runs_before_a_step_nor_without_a_notification()
    {
        HandRing ring = _bench.Start(Format)[0];
        ring.Add(Writable());
        Assert.That(_bench.Device.Step(), Is.False, "the driver has not notified");

        _bench.Notify(0);
        Assert.That(ring.TakeUsed(), Is.Null);
        Assert.That(_bench.Device.Step(), Is.True);
    }

    [Test]
    public void A_polling_device_needs_no_notification_and_asks_for_none()
    {
        Queue.Notifications = NotificationMode.Never;
        HandRing ring = _bench.Start(Format)[0];
        ring.Add(Writable());
        _bench.Device.Run();

        Assert.That(ring.TakeUsed(), Is.Not.Null);
        Assert.That(ring.DeviceWantsNotifications, Is.False);
    }

    [Test]
    public void A_device_asks_to_be_left_alone_only_while_it_is_busy()
    {
        HandRing ring = _bench.Start(Format)[0];
        ring.Add(Writable());
        ring.Add(Writable());
        _bench.Notify(0);
        _bench.Device.Step();
        Assert.That(ring.DeviceWantsNotifications, Is.False);

        _bench.Device.Run();
        Assert.That(ring.DeviceWantsNotifications, Is.True);
    }

    [Test]
    public void A_buffer_that_comes_while_the_device_asks_for_notifications_is_not_lost()
    {
        WatchedMemory? memory = null;
        using MmioBench<EchoDevice> bench = new(ram => new EchoDevice(memory = new WatchedMemory(ram.Regions)));
        HandRing ring = bench.Start(Format)[0];
        ring.Add(Writable());
        bench.Notify(0);
        bench.Device.Step();

        // The driver publishes just before the device's event suppression is written, and so sees no reason to notify.
        memory!.BeforeWrite = address =>
        {
            if (address >= ring.Areas.Device && address < ring.Areas.Device + 4 && !ring.DeviceWantsNotifications)
            {
                memory.BeforeWrite = null;
                ring.Add(Writable());
            }
        };
        bench.Device.Run();

        Assert.That(memory.BeforeWrite, Is.Null, "it asked");
        Assert.That(bench.Device.Queues[0].Ring!.Used, Is.EqualTo(2));
    }

    [Test]
    public void A_device_that_always_wants_to_hear_never_suppresses()
    {
        Queue.Notifications = NotificationMode.Always;
        HandRing ring = _bench.Start(Format)[0];
        ring.Add(Writable());
        ring.Add(Writable());
        _bench.Notify(0);
        _bench.Device.Step();

        Assert.That(ring.DeviceWantsNotifications, Is.True);
        _bench.Device.Run();
        Assert.That(ring.TakeAllUsed(), Has.Length.EqualTo(2));
    }

    [Test]
    public void Reversed_completion_uses_the_newest_first()
    {
        Queue.Policy = new ReversedCompletion();

        Assert.That(RunFour(), Is.EqualTo(new[] { 3, 2, 1, 0 }));
        Assert.That(Queue.NotificationsSent, Is.EqualTo(1), "all are published together");
    }

    [Test]
    public void In_order_completion_publishes_in_batches()
    {
        Queue.Policy = new InOrderCompletion(3);

        Assert.That(RunFour(), Is.EqualTo(new[] { 0, 1, 2, 3 }));
        Assert.That(Queue.NotificationsSent, Is.EqualTo(2));
    }

    [Test]
    public void Random_completion_repeats_itself_with_its_seed_and_differs_with_another()
    {
        int[][] orders = [.. Enumerable.Range(0, 20).Select(seed => RunFour(new RandomCompletion((ulong)seed)))];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(orders, Is.All.EquivalentTo(new[] { 0, 1, 2, 3 }));
            Assert.That(orders.Select(order => string.Join(' ', order)).Distinct().Count(), Is.GreaterThan(3));
            Assert.That(RunFour(new RandomCompletion(7)), Is.EqualTo(orders[7]));
        }
    }

    [Test]
    public void Held_back_buffers_go_when_they_are_released()
    {
        HeldBackCompletion policy = new(new ReversedCompletion());
        Queue.Policy = policy;
        Assert.That(RunFour(), Is.Empty);
        Assert.That(Queue.Finished, Is.EqualTo(4));

        HandRing ring = _rings[0];
        policy.Release(1);
        _bench.Device.Run();
        policy.Release(2);
        _bench.Device.Run();

        Assert.That(ring.TakeAllUsed().Select(used => used.Id), Is.EqualTo(new[] { 3, 2, 1 }));
        Assert.That(Queue.Finished, Is.EqualTo(1));
    }

    [Test]
    public void Lengths_can_be_told_short_but_never_long()
    {
        HashSet<uint> lengths = [];
        for (ulong seed = 0; seed < 40; seed++)
        {
            Queue.Policy = new RandomCompletion(seed, 4, shortens: true);
            HandRing ring = _bench.Start(Format)[0];
            ring.Add(new Piece(Buffer, 16), new Piece(Buffer + 64, 16, true));
            _bench.Notify(0);
            _bench.Device.Run();
            lengths.Add(ring.TakeUsed()!.Value.Length);
        }

        Assert.That(lengths, Is.All.LessThanOrEqualTo(16u));
        Assert.That(lengths, Has.Member(16u).And.Some.LessThan(16u));
    }

    [Test]
    public void In_order_the_policy_cannot_change_the_order()
    {
        _bench.Device.OfferedFeatures |= FeatureBit.InOrder;
        Queue.Policy = new ReversedCompletion { Merges = false };

        Assert.That(RunFour(extra: FeatureBit.InOrder), Is.EqualTo(new[] { 0, 1, 2, 3 }));
    }

    [Test]
    public void The_driver_is_not_notified_where_it_asks_not_to_be()
    {
        HandRing ring = _bench.Start(Format)[0];
        ring.SetInterrupts(false);
        ring.Add(Writable());
        _bench.Notify(0);
        _bench.Device.Run();

        Assert.That(ring.TakeUsed(), Is.Not.Null);
        Assert.That(_bench.Output.LineChanges, Is.Empty);
    }

    [Test]
    public void A_queue_is_reset_alone_and_comes_back_with_another_size()
    {
        HandRing[] rings = _bench.Start(Format | FeatureBit.RingReset);
        Queue.Policy = new HeldBackCompletion();
        rings[0].Add(Writable());
        rings[1].Add(Writable());
        _bench.Notify(0);
        _bench.Notify(1);
        _bench.Device.Run();

        _bench.Device.QueueResetDelay = 2;
        _bench.Registers.Write32(0x30, 0);
        _bench.Registers.Write32(0xC0, 1);
        uint[] looks = [_bench.Registers.Read32(0xC0), _bench.Registers.Read32(0xC0), _bench.Registers.Read32(0xC0)];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(looks, Is.EqualTo(new[] { 1u, 1u, 0u }));
            Assert.That(_bench.Registers.Read32(0x44), Is.Zero, "QueueReady");
            Assert.That(rings[0].TakeUsed(), Is.Null);
            Assert.That(rings[1].TakeUsed(), Is.Not.Null);
        }

        Queue.Policy = new InOrderCompletion();
        HandRing again = _bench.SetUpQueue(0, 4);
        int id = again.Add(Writable());
        _bench.Notify(0);
        _bench.Device.Run();

        Assert.That(again.TakeUsed(), Is.EqualTo(new UsedBuffer(id, 0)));
        Assert.That(Queue.Size, Is.EqualTo(4));
        Assert.That(_bench.Device.Findings, Is.Empty);
    }

    [Test]
    public void A_queue_is_not_reset_without_RING_RESET()
    {
        _bench.Start(Format);
        _bench.Registers.Write32(0x30, 0);
        _bench.Registers.Write32(0xC0, 1);

        Assert.That(Queue.IsEnabled, Is.True);
        Assert.That(Rules, Is.EqualTo(new[] { DriverRule.QueueReset }));
    }

    [Test]
    public void A_queue_reset_that_is_ignored_leaves_the_queue_as_it_is()
    {
        _bench.Start(Format | FeatureBit.RingReset);
        _bench.Device.IgnoresQueueReset = true;
        _bench.Registers.Write32(0x30, 0);
        _bench.Registers.Write32(0xC0, 1);

        Assert.That(_bench.Registers.Read32(0xC0), Is.Zero);
        Assert.That(_bench.Registers.Read32(0x44), Is.EqualTo(1));
        Assert.That(_bench.Device.Findings, Is.Empty);
    }

    [Test]
    public void A_queue_of_one_size_keeps_it()
    {
        Queue.HasOneSize = true;
        ushort size = Queue.MaximumSize;
        _bench.Negotiate(Format | FeatureBit.Version1);
        _bench.Registers.Write32(0x30, 0);
        _bench.Registers.Write32(0x38, 4);

        Assert.That(Queue.Size, Is.EqualTo(size));
        Assert.That(_bench.Device.Findings, Is.Empty);
    }

    [Test]
    public void A_queue_that_is_enabled_after_DRIVER_OK_is_found_unless_queues_can_be_reset([Values] bool canReset)
    {
        _bench.Negotiate(Format | FeatureBit.Version1 | (canReset ? FeatureBit.RingReset : 0));
        _bench.WriteStatus(0xF);
        _bench.SetUpQueue(0, 4);

        Assert.That(Rules, Is.EqualTo(canReset ? [] : new[] { DriverRule.InitialisationOrder }));
    }

    [Test]
    public void An_enabled_queue_cannot_be_changed()
    {
        _bench.Start(Format);
        _bench.Registers.Write32(0x30, 0);
        _bench.Registers.Write32(0x38, 4);
        _bench.Registers.Write32(0x80, 0);
        _bench.Registers.Write32(0x44, 1);

        Assert.That(Queue.Size, Is.EqualTo(8));
        Assert.That(Rules, Is.EqualTo(Enumerable.Repeat(DriverRule.QueueEnabled, 3)));
    }

    [Test]
    public void Sizes_are_those_that_the_format_allows()
    {
        Queue.MaximumSize = 100;
        _bench.Negotiate(Format | FeatureBit.Version1);
        _bench.Registers.Write32(0x30, 0);

        Assert.That(_bench.Registers.Read32(0x34), Is.EqualTo(isPacked ? 100 : 64));
        _bench.Registers.Write32(0x38, 48);
        Assert.That(Queue.Size, Is.EqualTo(isPacked ? 48 : 100));
        _bench.Registers.Write32(0x38, 128);
        _bench.Registers.Write32(0x38, 0);
        Assert.That(Rules, Is.EqualTo(Enumerable.Repeat(DriverRule.QueueSize, isPacked ? 2 : 3)));
    }

    [Test]
    public void A_queue_whose_parts_are_nowhere_is_found_and_the_device_needs_a_reset()
    {
        _bench.Negotiate(Format | FeatureBit.Version1);
        _bench.Registers.Write32(0x30, 0);
        _bench.Registers.Write32(0x44, 1);

        Assert.That(Rules, Is.EqualTo(new[] { DriverRule.QueueAreas }));
        Assert.That(_bench.Status, Is.EqualTo(0x4B));
    }

    [Test]
    public void A_notification_before_DRIVER_OK_is_found()
    {
        _bench.Negotiate(Format | FeatureBit.Version1);
        HandRing ring = _bench.SetUpQueue(0, 8);
        ring.Add(Writable());
        _bench.Notify(0);
        _bench.Device.Run();

        Assert.That(Rules, Is.EqualTo(new[] { DriverRule.NotificationTime }));
        Assert.That(ring.TakeUsed(), Is.Null);
    }

    [Test]
    public void Notification_data_tells_where_the_driver_is()
    {
        _bench.Device.OfferedFeatures |= FeatureBit.NotificationData;
        HandRing[] rings = _bench.Start(Format | FeatureBit.NotificationData, 2);
        uint[] places = isPacked ? [0x8001, 0x0000, 0x0001] : [1, 2, 3];
        foreach (uint place in places)
        {
            rings[1].Add(Writable());
            _bench.Registers.Write32(0x50, 1u | (place << 16));
            _bench.Device.Run();
            ModelQueue queue = _bench.Device.Queues[1];
            Assert.That(queue.LastNotification!.Value.Position, Is.EqualTo(queue.Ring!.NextAvailable), $"{place:x}");
            Assert.That(rings[1].TakeAllUsed(), Has.Length.EqualTo(1));
        }
    }

    [Test]
    public void Every_buffer_comes_back_once_with_its_own_bytes_whatever_the_policy([Range(0, 59)] int seed)
    {
        Random random = new(seed);
        Queue.Policy = new RandomCompletion((ulong)seed, 1 + random.Next(6));
        Queue.Notifications = (NotificationMode)(seed % 3);
        int size = isPacked ? 3 + random.Next(30) : 4 << random.Next(4);
        HandRing ring = _bench.Start(Format, size)[0];
        Dictionary<int, ulong> waiting = [];
        int free = size;
        for (int step = 0; step < 400; step++)
        {
            int pieces = 2 + random.Next(2);
            int id = -1;
            if (random.Next(3) != 0 && free >= pieces)
            {
                ulong place = Buffer + (256 * (ulong)step);
                _bench.Ram.Put32(place, (uint)step);
                id = ring.Add([.. Enumerable.Range(0, pieces).Select(i => i == pieces - 1
                    ? new Piece(place + 128, 4, true)
                    : new Piece(place + (4 * (ulong)i / (ulong)(pieces - 1)), 4 / ((uint)pieces - 1)))]);
                Assert.That(waiting.TryAdd(id, place), Is.True, $"ID {id} is in use");
                free -= pieces;
                _bench.Notify(0);
            }

            // All of it now and then, so that IDs and descriptors are only used again once they are free.
            if (id < 0 || free < 3)
            {
                _bench.Device.Run();
                foreach (UsedBuffer used in ring.TakeAllUsed())
                {
                    Assert.That(waiting.Remove(used.Id, out ulong place), Is.True, $"step {step}: {used}");
                    Assert.That(used.Length, Is.EqualTo(4));
                    Assert.That(_bench.Ram.Get32(place + 128), Is.EqualTo(_bench.Ram.Get32(place)));
                }

                Assert.That(waiting, Is.Empty);
                free = size;
            }
            else
            {
                _bench.Device.Step();
            }
        }

        Assert.That(_bench.Device.Findings, Is.Empty);
    }

    [Test]
    public void A_device_cannot_offer_what_it_or_its_bus_cannot_handle()
    {
        Assert.That(() => _bench.Device.OfferedFeatures = 1UL << 50, Throws.ArgumentException);
        Assert.That(() => _bench.Device.OfferedFeatures = FeatureBit.NotificationConfigurationData,
            Throws.ArgumentException);
    }

    private HandRing[] _rings = [];

    private DriverRule[] Rules => [.. _bench.Device.Findings.Select(finding => finding.Rule)];

    private static Piece Writable() => new(Buffer, 8, true);

    private int[] RunFour(CompletionPolicy? policy = null, ulong extra = 0)
    {
        Queue.Policy = policy ?? Queue.Policy;
        _rings = _bench.Start(Format | extra);
        for (int i = 0; i < 4; i++)
        {
            _rings[0].Add(Writable());
        }

        _bench.Notify(0);
        _bench.Device.Run();
        return [.. _rings[0].TakeAllUsed().Select(used => used.Id)];
    }
}
