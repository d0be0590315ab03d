using System;
using System.Collections.Generic;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Conformance.Tests.Drivers;

/// <summary>Drivers that go wrong about rings (virtio 1.4, 2.7 and 2.8).</summary>
internal static class WrongRings
{
    public static IEnumerable<WrongDriver> Split()
    {
        TinySetup plain = Setups.Disk();
        TinySetup tables = Setups.Disk(Setups.Tables);
        TinySetup inOrder = Setups.Disk(FeatureBit.InOrder | Setups.Tables);
        yield return new("drv.split.1", "puts descriptors off their alignment", plain, driver =>
            MoveParts(driver, 8, 0, 0));
        yield return new("drv.split.1", "puts the available ring at an odd place", plain, driver =>
            MoveParts(driver, 0, 1, 0));
        yield return new("drv.split.2", "puts what is read behind what is written", plain, driver =>
            Work(driver, ring => ring.Add(Written(driver), Read(driver))));
        yield return new("drv.split.4", "makes a loop", plain, driver =>
            Work(driver, ring =>
            {
                ring.Alter = (_, each) => each with { Flags = each.Flags | TinyRing.Next };
                ring.Add(Read(driver), Read(driver));
            }));
        yield return new("drv.split.5", "takes descriptors out of turn with IN_ORDER", inOrder, driver =>
            Work(driver, ring =>
            {
                ((TinySplitRing)ring).AlterHead = _ => 2;
                ring.Add(Read(driver));
            }));
        yield return new("drv.split.6", "uses a table that was not negotiated", plain, driver =>
            Work(driver, ring => ring.AddTable(Read(driver), Written(driver))));
        yield return new("drv.split.7", "puts a table into a table", tables, driver =>
            Work(driver, ring =>
            {
                ring.AlterTable = (_, each) => each with { Flags = each.Flags | TinyRing.Indirect };
                ring.AddTable(Read(driver), Written(driver));
            }));
        yield return new("drv.split.8", "makes a chain longer than the queue", tables, driver =>
            Work(driver, ring => ring.AddTable(Repeat(Read(driver), 9))));
        yield return new("drv.split.9", "sets INDIRECT and NEXT", tables, driver =>
            Work(driver, ring =>
            {
                ring.Alter = (_, each) => each with { Flags = each.Flags | TinyRing.Next, Last = 1 };
                ring.AddTable(Read(driver), Written(driver));
            }));
        yield return new("drv.split.10", "mixes up a table with IN_ORDER", inOrder, driver =>
            Work(driver, ring =>
            {
                ring.AlterTable = (index, each) => index switch
                {
                    0 => each with { Last = 2 },
                    1 => each with { Flags = each.Flags & ~TinyRing.Next },
                    _ => each with { Flags = each.Flags | TinyRing.Next, Last = 1 },
                };
                ring.AddTable(Read(driver), Read(driver), Read(driver));
            }));
        yield return new("drv.split.11", "takes a buffer back", plain, driver =>
            driver.After("work", () =>
            {
                ((TinySplitRing)driver.Ring).AlterIndex = index => index - 2;
                driver.Ring.Add(Read(driver), Written(driver));
                driver.Notify(driver.Ring);
            }));
        yield return new("drv.split.12", "sets flags that mean nothing", plain, driver =>
            driver.After("work", () => driver.Machine.Put16(driver.Ring.DriverArea, 2)));
        yield return new("drv.split.14", "sets the flag with EVENT_IDX", Setups.Disk(Setups.Events), driver =>
            driver.After("work", () => driver.Machine.Put16(driver.Ring.DriverArea, 1)));
        yield return new("drv.split.19", "leaves the used ring as it was", plain, driver =>
            driver.BeforeEnable = ring => driver.Machine.Put16(ring.DeviceArea, 1));
        yield return new("drv.split.21", "notifies whatever the flag says", Setups.Polling(), driver =>
            driver.Decide = _ => true);
        yield return new("drv.split.22", "does not notify", plain, NeverNotify);
        yield return new("drv.split.24", "does not notify of the event", Setups.Disk(Setups.Events), NeverNotify);
        yield return new("drv.split.25", "notifies whatever the event", Setups.Polling(Setups.Events), driver =>
            driver.Decide = _ => true);
        yield return new("drv.split.28", "names a descriptor that is not there", plain, driver =>
            Work(driver, ring =>
            {
                ((TinySplitRing)ring).AlterHead = _ => 200;
                ring.Add(Read(driver));
            }));
        yield return new("drv.split.29", "has an empty element", plain, driver =>
            Work(driver, ring => ring.Add(Read(driver) with { Length = 0 }, Written(driver))));
        yield return new("drv.split.29", "has an element nowhere", plain, driver =>
            Work(driver, ring => ring.Add(Read(driver) with { Address = 1UL << 60 }, Written(driver))));
        yield return new("drv.split.30", "sets a flag that means nothing", plain, driver =>
            Work(driver, ring =>
            {
                ring.Alter = (_, each) => each with { Flags = each.Flags | 0x10 };
                ring.Add(Read(driver), Written(driver));
            }));
        yield return new("drv.split.31", "has a table of one and a half", tables, driver =>
            Work(driver, ring =>
            {
                ring.TableLength = 24;
                ring.AddTable(Read(driver), Written(driver));
            }));
        yield return new("drv.split.32", "uses a head twice", plain, driver =>
        {
            driver.Model.Queues[0].Policy = new HeldBackCompletion();
            Work(driver, ring =>
            {
                ((TinySplitRing)ring).AlterHead = _ => 0;
                ring.Add(Request(driver), Status(driver));
                driver.NotifyIfDue(ring);
                ring.Add(Request(driver), Status(driver));
            });
        });
        yield return new("drv.split.33", "puts the used ring nowhere", plain, driver =>
            MoveParts(driver, 0, 0, 1UL << 60));
    }

    public static IEnumerable<WrongDriver> Packed()
    {
        TinySetup plain = Setups.Disk(Setups.Packed);
        TinySetup tables = Setups.Disk(Setups.Packed | Setups.Tables);
        TinySetup entropy = Setups.Entropy(Setups.Packed);
        yield return new("drv.packed.1", "puts the driver area off its alignment", plain, driver =>
            MoveParts(driver, 0, 2, 0));
        yield return new("drv.packed.2", "goes over descriptors that the device has", entropy, driver =>
            Overrun(driver, 9, driver => driver.Ring.Add(Written(driver))));
        yield return new("drv.packed.3", "changes a descriptor that the device has", plain, driver =>
        {
            HeldBackCompletion held = new();
            driver.Model.Queues[0].Policy = held;
            driver.Replace("work", () =>
            {
                driver.Request(0, 0, [], 512);
                driver.Machine.Put32(driver.Ring.Descriptors + 16 + 8, 1024);
                held.Release(1);
                driver.Model.Run();
            });
        });
        yield return new(
            "drv.packed.4",
            "tells of another descriptor",
            Setups.Disk(Setups.Packed | FeatureBit.NotificationData),
            driver => driver.Replace("work", () =>
            {
                driver.Ring.Add(Request(driver), Status(driver));
                driver.Notify(driver.Ring, driver.NotificationOf(driver.Ring) ^ 0x1_0000);
            }));
        yield return new("drv.packed.7", "makes a list longer than the ring", plain, driver =>
            Work(driver, ring =>
            {
                ring.Alter = (_, each) => each with { Flags = each.Flags | TinyRing.Next };
                ring.Add(Repeat(Read(driver), 8));
            }));
        yield return new("drv.packed.8", "puts what is read behind what is written", plain, driver =>
            Work(driver, ring => ring.Add(Written(driver), Read(driver))));
        yield return new("drv.packed.10", "begins a list that does not fit", entropy, driver =>
            Overrun(driver, 5, driver => driver.Ring.Add(Written(driver), Written(driver))));
        yield return new("drv.packed.11", "makes the first descriptor available first", plain, driver =>
            Work(driver, ring =>
            {
                ring.Alter = (index, each) => index == 1 ? each with { Flags = each.Flags & ~0x8080 } : each;
                ring.Add(Read(driver), Written(driver));
            }));
        yield return new("drv.packed.12", "uses a table that was not negotiated", plain, driver =>
            Work(driver, ring => ring.AddTable(Read(driver), Written(driver))));
        yield return new("drv.packed.13", "sets NEXT in a table", tables, driver =>
            Work(driver, ring =>
            {
                ring.AlterTable = (_, each) => each with { Flags = each.Flags | TinyRing.Next };
                ring.AddTable(Read(driver), Written(driver));
            }));
        yield return new("drv.packed.15", "puts a table into a list", tables, driver =>
            Work(driver, ring =>
            {
                ring.Alter = (_, each) => each with { Flags = each.Flags | TinyRing.Next };
                ring.AddTable(Read(driver), Written(driver));
            }));
        yield return new("drv.packed.18", "has an empty element", plain, driver =>
            Work(driver, ring => ring.Add(Read(driver) with { Length = 0 }, Written(driver))));
        yield return new("drv.packed.19", "sets a flag that means nothing", plain, driver =>
            Work(driver, ring =>
            {
                ring.Alter = (_, each) => each with { Flags = each.Flags | 0x10 };
                ring.Add(Read(driver), Written(driver));
            }));
        yield return new("drv.packed.20", "has a table of one and a half", tables, driver =>
            Work(driver, ring =>
            {
                ring.TableLength = 24;
                ring.AddTable(Read(driver), Written(driver));
            }));
        yield return new("drv.packed.21", "gives an ID to two buffers", plain, driver =>
        {
            driver.Model.Queues[0].Policy = new HeldBackCompletion();
            Work(driver, ring =>
            {
                ((TinyPackedRing)ring).AlterId = _ => 0;
                ring.Add(Request(driver), Status(driver));
                driver.NotifyIfDue(ring);
                ring.Add(Request(driver), Status(driver));
            });
        });
        yield return new("drv.packed.22", "asks for a descriptor without EVENT_IDX", plain, driver =>
            driver.After("work", () => driver.Machine.Put16(driver.Ring.DriverArea + 2, 2)));
        yield return new("drv.packed.23", "does not notify", plain, NeverNotify);
        yield return new("drv.packed.23", "does not notify of the event", Setups.Disk(Setups.Packed | Setups.Events),
            NeverNotify);
        yield return new("drv.packed.24", "notifies whatever is asked for", Setups.Polling(Setups.Packed), driver =>
            driver.Decide = _ => true);
        yield return new("drv.packed.25", "puts the device area nowhere", plain, driver =>
            MoveParts(driver, 0, 0, 1UL << 60));
    }

    private static Piece Read(TinyDriver driver) => new(driver.Put(0), 16, false);

    private static Piece Written(TinyDriver driver) => new(driver.Put(2), 16, true);

    /// <summary>The header of a read of nothing.</summary>
    private static Piece Request(TinyDriver driver) => new(driver.Put(0, new byte[16]), 16, false);

    private static Piece Status(TinyDriver driver) => new(driver.Put(2), 1, true);

    private static Piece[] Repeat(Piece piece, int count)
    {
        Piece[] pieces = new Piece[count];
        Array.Fill(pieces, piece);
        return pieces;
    }

    private static void Work(TinyDriver driver, Action<TinyRing> work) => driver.Replace("work", () =>
    {
        work(driver.Ring);
        driver.NotifyIfDue(driver.Ring);
    });

    private static void NeverNotify(TinyDriver driver)
    {
        driver.Decide = _ => false;
        driver.Replace("work", () => driver.Request(0, 0, [], 512));
    }

    private static void MoveParts(TinyDriver driver, ulong descriptors, ulong driverArea, ulong deviceArea)
    {
        driver.BeforeEnable = ring => driver.WriteAddresses(
            ring.Descriptors + descriptors, ring.DriverArea + driverArea, ring.DeviceArea + deviceArea);
        driver.Omit("work");
    }

    /// <summary>Makes buffers available that the device does not give back.</summary>
    private static void Overrun(TinyDriver driver, int count, Action<TinyDriver> add)
    {
        driver.Model.Queues[0].Policy = new HeldBackCompletion();
        driver.Replace("work", () =>
        {
            for (int i = 0; i < count; i++)
            {
                add(driver);
                driver.NotifyIfDue(driver.Ring);
            }
        });
    }
}
