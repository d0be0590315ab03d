using System;
using System.Collections.Generic;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Labs.Grader.Rigs;
using VirtioGuest.Labs.Grader.Students;
using VirtioGuest.Simulation;

namespace VirtioGuest.Labs.Grader.Checks;

/// <summary>Lab 6: notifications and interrupts.</summary>
internal static class EventChecks
{
    private const ushort Size = 4;

    public static IReadOnlyList<LabCheck> All { get; } =
    [
        new LabCheck("makes buffers available, and takes them back", 10, "virtio 1.4, 2.7.6 and 2.7.8", Moves),
        new LabCheck("notifies when the device asked for it, and only then", 20, "virtio 1.4, 2.7.10.1", Notifies),
        new LabCheck("compares indices as 16 bits, past 65535 too", 15, "virtio 1.4, 2.7.10.1", Wraps),
        new LabCheck("asks for an interrupt at the next used buffer", 15, "virtio 1.4, 2.7.7.1", Asks),
        new LabCheck("looks again after it has asked", 10, "virtio 1.4, 2.7.7", LooksAgain),
        new LabCheck("loses no interrupt", 15, "virtio 1.4, 2.7.7, and the barrier of 2.7.14", LosesNoInterrupt),
        new LabCheck("loses no notification", 15, "virtio 1.4, 2.7.13.4.1", LosesNoNotification),
    ];

    private static void Moves(StudentCode code)
    {
        using SimulatedDma dma = new SimulatedDma();
        RingRig rig = RingRig.Plain(dma, Size, FeatureBit.EventIndex);
        EventQueue driver = Attach(code, rig);
        for (ushort round = 0; round < 20; round++)
        {
            ushort head = (ushort)(round % Size);
            RingRig.Do("Publish", () => driver.Publish(head));
            DeviceChain chain = rig.Take($"Publish({head})");
            Expect.That(chain.Id == head, $"Publish({head}) made descriptor {chain.Id} available", $"{head}");
            Expect.That(
                !Take(driver, out _, out _), "TryTake found a buffer that the device has not used", "false");
            rig.Device.Push(chain, 8);
            rig.Device.Publish();
            bool isThere = Take(driver, out uint id, out uint length);
            Expect.That(
                isThere && id == head && length == 8,
                isThere ? $"TryTake gave id {id} and length {length}" : "TryTake found no used buffer",
                $"id {head} and length 8, from the entry of the used ring");
        }
    }

    private static void Notifies(StudentCode code) => Compare(code, 400, quick: 0);

    private static void Wraps(StudentCode code) => Compare(code, 400, quick: 65_400);

    /// <summary>Compares the driver's decisions with the rule, where the device asks at all kinds of places.</summary>
    private static void Compare(StudentCode code, int rounds, int quick)
    {
        using SimulatedDma dma = new SimulatedDma();
        RingRig rig = RingRig.Plain(dma, Size, FeatureBit.EventIndex);
        EventQueue driver = Attach(code, rig);
        SeededRandom random = new SeededRandom(7);
        ushort index = 0;
        for (int round = 0; round < rounds + quick; round++)
        {
            ushort asked = (ushort)(random.Below(3) switch
            {
                0 => index,
                1 when index > 0 => index - 1 - random.Below(Math.Min((int)index, 40_000)),
                _ => index + 1 + random.Below(20_000),
            });
            rig.Split.Used.Store16(4 + (8 * Size), asked);
            ushort head = (ushort)(round % Size);
            bool isDue = EventTest.Split(asked, (ushort)(index + 1), index);
            bool notifies = RingRig.Do("Publish", () => driver.Publish(head));
            Expect.That(
                notifies == isDue,
                $"idx went from {index} to {(ushort)(index + 1)}, avail_event was {asked}, and Publish said "
                    + (notifies ? "that the device is to be notified" : "that it need not be notified"),
                "notify if (ushort)(new_idx - avail_event - 1) < (ushort)(new_idx - old_idx), all in 16 bits");
            index++;
            DeviceChain chain = rig.Take($"Publish({head})");
            rig.Device.Push(chain, 1);
            rig.Device.Publish();
            Expect.That(Take(driver, out _, out _), $"TryTake found no used buffer at used idx {index}", "one");
        }
    }

    private static void Asks(StudentCode code)
    {
        using SimulatedDma dma = new SimulatedDma();
        RingRig rig = RingRig.Plain(dma, Size, FeatureBit.EventIndex);
        EventQueue driver = Attach(code, rig);
        for (ushort round = 0; round < 10; round++)
        {
            ushort head = (ushort)(2 * round % Size);
            RingRig.Do("Publish", () => driver.Publish(head));
            RingRig.Do("Publish", () => driver.Publish((ushort)(head + 1)));
            bool isThere = RingRig.Do("EnableInterrupts", driver.EnableInterrupts);
            Expect.That(!isThere, "EnableInterrupts said that a buffer is used, and none is", "false");
            ushort flags = rig.Split.Available.Load16(0);
            Expect.That(
                flags == 0, $"flags of the available ring are {flags}", "0: with EVENT_IDX they stay 0 (2.7.7.1)");
            bool first = Use(rig);
            ushort asked = rig.Split.Available.Load16(4 + (2 * Size));
            Expect.That(
                first,
                $"the device used buffer {2 * round} and was not asked for an interrupt: used_event is {asked}",
                "used_event is the driver's own used index: the entry that it will look at next");
            bool second = Use(rig);
            Expect.That(
                !second,
                "the device was asked for a second interrupt, although nothing was enabled after the first",
                "one interrupt for each EnableInterrupts: used_event is not moved by TryTake");
            for (int i = 0; i < 2; i++)
            {
                Expect.That(Take(driver, out _, out _), "TryTake found no used buffer", "both of them");
            }
        }
    }

    private static void LooksAgain(StudentCode code)
    {
        using SimulatedDma dma = new SimulatedDma();
        RingRig rig = RingRig.Plain(dma, Size, FeatureBit.EventIndex);
        EventQueue driver = Attach(code, rig);
        RingRig.Do("Publish", () => driver.Publish(0));
        Use(rig);
        Expect.That(
            RingRig.Do("EnableInterrupts", driver.EnableInterrupts),
            "a buffer had been used before EnableInterrupts, no interrupt will tell of it, and it said false",
            "true: after used_event is written, idx of the used ring is read once more");
    }

    private static void LosesNoInterrupt(StudentCode code)
    {
        RingNames names = new RingNames();
        WeakRig.Explore(memory =>
        {
            RingRig rig = RingRig.Weak(memory, Size, FeatureBit.EventIndex);
            EventQueue driver = Attach(code, rig);
            DmaBlock buffer = rig.Allocate(16);
            rig.Describe(0, buffer, 0, 8);
            names.Areas = rig.Areas;

            // One buffer before, so that used_event has to change.
            driver.Publish(0);
            Use(rig);
            driver.TryTake(out _, out _);
            driver.Publish(0);
            Signal interrupt = memory.CreateSignal();
            return new Scenario()
                .AddProcessor("driver", () =>
                {
                    while (!driver.TryTake(out _, out _))
                    {
                        if (!driver.EnableInterrupts())
                        {
                            interrupt.Wait();
                        }
                    }
                })
                .AddProcessor("device", () =>
                {
                    rig.Device.Push(rig.Device.TryPop()!, 1);
                    if (rig.Device.Publish())
                    {
                        interrupt.Set();
                    }
                });
        }, names, "the driver sleeps though its buffer is used (a lost wake-up)", LostWakeUp);
    }

    private static void LosesNoNotification(StudentCode code)
    {
        RingNames names = new RingNames();
        WeakRig.Explore(memory =>
        {
            RingRig rig = RingRig.Weak(memory, Size, FeatureBit.EventIndex);
            EventQueue driver = Attach(code, rig);
            DmaBlock buffer = rig.Allocate(16);
            rig.Describe(0, buffer, 0, 8);
            rig.Describe(1, buffer, 8, 8);
            names.Areas = rig.Areas;
            Signal notification = memory.CreateSignal();
            return new Scenario()
                .AddProcessor("driver", () =>
                {
                    for (ushort head = 0; head < 2; head++)
                    {
                        if (driver.Publish(head))
                        {
                            notification.Set();
                        }
                    }
                })
                .AddProcessor("device", () =>
                {
                    for (int taken = 0; taken < 2;)
                    {
                        if (rig.Device.TryPop() is not null)
                        {
                            taken++;
                        }
                        else if (!rig.Device.EnableNotifications())
                        {
                            notification.Wait();
                        }
                    }
                });
        }, names, "the device sleeps though a buffer is available (a lost notification)", LostWakeUp);
    }

    private const string LostWakeUp =
        "a full barrier between the store that the other side looks for and the load of what the other side stores: "
        + "Barrier.Full(), because release and acquire do not keep a load behind a store";

    private static bool Use(RingRig rig)
    {
        DeviceChain chain = rig.Take("Publish");
        rig.Device.Push(chain, 1);
        return rig.Device.Publish();
    }

    private static bool Take(EventQueue driver, out uint id, out uint length)
    {
        uint found = 0;
        uint written = 0;
        bool isThere = RingRig.Do("TryTake", () => driver.TryTake(out found, out written));
        (id, length) = (found, written);
        return isThere;
    }

    private static EventQueue Attach(StudentCode code, RingRig rig)
    {
        DmaBlock buffer = rig.Allocate(64);
        for (ushort head = 0; head < Size; head++)
        {
            rig.Describe(head, buffer, 16u * head, 16);
        }

        EventQueue driver = code.Create<EventQueue>();
        RingRig.Do("Attach", () =>
        {
            driver.Attach(rig.Split);
            return true;
        });
        return driver;
    }
}
