using VirtioGuest.Drivers.Virtio.Rings.Packed;
using VirtioGuest.Hal;
using static VirtioGuest.Drivers.Virtio.Tests.Proofs.CacheMachine;
using static VirtioGuest.Simulation.MemoryOrdering;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>What the places of <see cref="PackedSites"/> are for.</summary>
internal static class PackedKills
{
    public static readonly Kill[] All =
    {
        new(PackedSites.HeadBodyToDevice,
            new CacheTrial(FineCopyBack, Form.Packed, LockStepStory.FirstLook),
            "The head's address, length and id stay in the cache; the device uses what memory held before.")
        {
            Part = DmaSync.PreWrite,
        },
        new(PackedSites.HeadBodyToDevice,
            new CacheTrial(null, Form.Packed, LockStepStory.FirstLook),
            "The device writes an id and a length where nobody gave it memory to write.")
        {
            Part = DmaSync.PreRead,
        },
        new(PackedSites.ChainRestToDevice,
            new CacheTrial(Mc68040, Form.Packed, LockStepStory.FirstLook),
            "The descriptors behind the head stay in the cache; the device finds the chain incomplete.")
        {
            Part = DmaSync.PreWrite,
        },
        new(PackedSites.ChainRestToDevice,
            new CacheTrial(Mc68030, Form.Packed, LockStepStory.FirstLook),
            "The driver's own descriptor stays in the cache and hides the used one that the device puts there.")
        {
            Part = DmaSync.PreRead,
        },
        new(PackedSites.PublishHead,
            new OrderingTrial(ReleaseAcquire, Form.Packed, OrderingStory.Alone),
            "The device sees the head's flags before the descriptors and the data, and takes old ones."),
        new(PackedSites.HeadFlagsToDevice,
            new CacheTrial(null, Form.Packed, LockStepStory.FirstLook),
            "The flags were never given to the device to read. PREREAD alone writes them back where the line is partly "
            + "another's, and may drop them where it is not.")
        {
            Part = DmaSync.PreWrite,
        },
        new(PackedSites.HeadFlagsToDevice,
            new CacheTrial(Mc68040, Form.Packed, LockStepStory.FirstLook),
            "The head that the driver wrote stays in the cache; it never sees the descriptor used.")
        {
            Part = DmaSync.PreRead,
        },
        new(PackedSites.TableToDevice,
            new CacheTrial(Mc68040, Form.PackedTables, LockStepStory.FirstLook),
            "The table stays in the cache; the device walks what memory held before."),
        new(PackedSites.TableFromDevice,
            new CacheTrial(null, Form.PackedTables, LockStepStory.FirstLook),
            "The driver writes the next chain into a table that it has handed over."),
        new(PackedSites.NotificationBarrier,
            new OrderingTrial(ReleaseAcquire, Form.Packed, OrderingStory.Alone),
            "The driver reads the device's suppression before its flags are visible; the device, asking for a "
            + "notification in between, sees neither buffer nor kick."),
        new(PackedSites.NotificationBarrier,
            new OrderingTrial(TotalStoreOrder, Form.Packed, OrderingStory.One),
            "The same: a store delayed past a load is what x86 does."),
        new(PackedSites.DeviceEventFromDevice,
            new CacheTrial(FinePrefetching, Form.Packed, LockStepStory.FirstLook),
            "A line read ahead of time still says that no notification is wanted; the device sleeps on a buffer."),
        new(PackedSites.DeviceEventToDevice,
            new CacheTrial(Mc68030, Form.Packed, LockStepStory.FirstLook),
            "The line of the look before stays in the cache and hides every later value."),
        new(PackedSites.SlotFromDevice,
            new CacheTrial(FinePrefetching, Form.Packed, LockStepStory.FirstLook),
            "A line read ahead of time hides the used descriptor from the look that its interrupt asked for.")
        {
            Part = DmaSync.PostRead,
        },
        new(PackedSites.SlotFromDevice,
            new CacheTrial(null, Form.Packed, LockStepStory.FirstLook),
            "The driver writes its next descriptor into a slot that the device may still be reading.")
        {
            Part = DmaSync.PostWrite,
        },
        new(PackedSites.LoadUsedFlags,
            new OrderingTrial(ReleaseAcquire, Form.Packed, OrderingStory.Alone),
            "The id, the length and the data are read from before the device wrote them."),
        new(PackedSites.SlotToDevice,
            new CacheTrial(Mc68030, Form.Packed, LockStepStory.SecondLook),
            "The line of a look in vain stays in the cache: every later look sees it again (NetBSD kern/60144)."),
        new(PackedSites.SlotFromDeviceAgain,
            new CacheTrial(FinePrefetching, Form.Packed, LockStepStory.SecondLook),
            "A line read ahead between two looks hides the used descriptor from the second."),
        new(PackedSites.FreedSlotsFromDevice,
            new CacheTrial(null, Form.Packed, LockStepStory.FirstLook),
            "The driver writes descriptors into slots that it has given the device to read.")
        {
            Part = DmaSync.PostWrite,
        },
        new(PackedSites.FreedSlotsFromDevice,
            new CacheTrial(null, Form.Packed, LockStepStory.FirstLook),
            "The same for slots that it has given the device to write.")
        {
            Part = DmaSync.PostRead,
        },
        new(PackedSites.SkippedSlotsFromDevice,
            new CacheTrial(null, Form.PackedInOrder, LockStepStory.FirstLook),
            "The same for the slots of a buffer that has no used descriptor of its own: they are the device's to read.")
        {
            Part = DmaSync.PostWrite,
        },
        new(PackedSites.SkippedSlotsFromDevice,
            new CacheTrial(null, Form.PackedInOrder, LockStepStory.FirstLook),
            "They are also the device's to write.")
        {
            Part = DmaSync.PostRead,
        },
        new(PackedSites.LeftSlotsFromDevice,
            new CacheTrial(null, Form.Packed, LockStepStory.Reset),
            "The ring is given back to the machine while the device may read its slots.")
        {
            Part = DmaSync.PostWrite,
        },
        new(PackedSites.LeftSlotsFromDevice,
            new CacheTrial(null, Form.Packed, LockStepStory.Reset),
            "The same while the device may write them.")
        {
            Part = DmaSync.PostRead,
        },
        new(PackedSites.LeftLookFromDevice,
            new CacheTrial(null, Form.Packed, LockStepStory.Reset),
            "The same for the slot that was looked at last, whose first half of a hand-over was done by that look."),
        new(PackedSites.LeftTableFromDevice,
            new CacheTrial(null, Form.PackedTables, LockStepStory.Reset),
            "The same for a table of a buffer that the device never used."),
        new(PackedSites.DriverEventFromDevice,
            new CacheTrial(null, Form.Packed, LockStepStory.FirstLook),
            "The driver writes its suppression into an area that it has handed over."),
        new(PackedSites.DriverEventToDevice,
            new CacheTrial(Mc68040Erratic, Form.Packed, LockStepStory.SecondLook),
            "The value stays in the cache while an older one was evicted; the device sends no interrupt."),
        new(PackedSites.InterruptBarrier,
            new OrderingTrial(ReleaseAcquire, Form.Packed, OrderingStory.Alone),
            "The driver looks at the ring before its suppression is visible; a buffer used in between shows in "
            + "neither the look nor an interrupt."),
        new(PackedSites.InterruptBarrier,
            new OrderingTrial(TotalStoreOrder, Form.PackedEvents, OrderingStory.Alone),
            "The same on x86."),
        new(PackedSites.LeftDriverEventFromDevice,
            new CacheTrial(null, Form.Packed, LockStepStory.FirstLook),
            "The driver event area is given back to the machine while it is handed over."),
        new(PackedSites.LeftDeviceEventFromDevice,
            new CacheTrial(null, Form.Packed, LockStepStory.FirstLook),
            "The device event area is given back to the machine while it is handed over."),
        new(PackedSites.ClearedRingToDevice,
            new CacheTrial(Mc68040, Form.Packed, LockStepStory.FirstKick),
            "The zeroes stay in the cache; the device takes what memory held before for descriptors."),
        new(PackedSites.ClearedRingFromDevice,
            new CacheTrial(null, Form.Packed, LockStepStory.FirstLook),
            "The driver writes its first descriptors into slots that it has handed over."),
        new(PackedSites.ClearedDriverEventToDevice,
            new CacheTrial(Mc68040, Form.Packed, LockStepStory.FirstKick),
            "The zeroes stay in the cache; the device takes what memory held before for suppression."),
        new(PackedSites.ClearedDeviceEventToDevice,
            new CacheTrial(FineCopyBack, Form.Packed, LockStepStory.FirstKick),
            "The PREREAD behind it drops the zeroes; the driver takes what memory held before for the device's "
            + "suppression."),
        new(PackedSites.ClearedDeviceEventFromDevice,
            new CacheTrial(null, Form.Packed, LockStepStory.FirstLook),
            "An area that the driver never writes again would stay handed over for that."),
        new(PackedSites.DeviceEventToDeviceInitially,
            new CacheTrial(null, Form.Packed, LockStepStory.FirstLook),
            "The device writes what nobody gave it. A line left here holds zeroes, which ask for a notification: one "
            + "kick too many, no more."),
    };
}
