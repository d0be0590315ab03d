using VirtioGuest.Devices.Rings;
using static VirtioGuest.Simulation.MemoryOrdering;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>What the places of <see cref="DeviceSites"/> are for.</summary>
internal static class DeviceKills
{
    public static readonly Kill[] All =
    {
        new(DeviceSites.PackedLoadAvailableFlags,
            new OrderingTrial(ReleaseAcquire, Form.Packed, OrderingStory.Alone),
            "The descriptors are read from before the driver wrote them."),
        new(DeviceSites.PackedStoreUsedFlags,
            new OrderingTrial(ReleaseAcquire, Form.Packed, OrderingStory.Alone),
            "The driver sees the descriptor used before its id and length (kvm-host pull request 50)."),
        new(DeviceSites.PackedBeforeDriverEvent,
            new OrderingTrial(ReleaseAcquire, Form.Packed, OrderingStory.Alone),
            "The device reads the driver's suppression before its used descriptor is visible; the driver, asking "
            + "for an interrupt in between, sees neither."),
        new(DeviceSites.PackedBeforeDriverEvent,
            new OrderingTrial(TotalStoreOrder, Form.PackedEvents, OrderingStory.Around),
            "The same on x86."),
        new(DeviceSites.PackedAfterEnable,
            new OrderingTrial(ReleaseAcquire, Form.Packed, OrderingStory.Alone),
            "The device looks at the ring before its suppression is visible; a buffer added in between brings no "
            + "kick."),
        new(DeviceSites.PackedAfterEnable,
            new OrderingTrial(TotalStoreOrder, Form.Packed, OrderingStory.Alone),
            "The same on x86."),
        new(DeviceSites.SplitLoadAvailableIndex,
            new OrderingTrial(ReleaseAcquire, Form.Split, OrderingStory.Alone),
            "The entry and the descriptors are read from before the driver wrote them."),
        new(DeviceSites.SplitStoreUsedIndex,
            new OrderingTrial(ReleaseAcquire, Form.Split, OrderingStory.Alone),
            "The driver sees the index before the element that it counts."),
        new(DeviceSites.SplitBeforeUsedEvent,
            new OrderingTrial(ReleaseAcquire, Form.Split, OrderingStory.Alone),
            "The device reads the driver's suppression before its index is visible; the driver, asking for an "
            + "interrupt in between, sees neither."),
        new(DeviceSites.SplitBeforeUsedEvent,
            new OrderingTrial(TotalStoreOrder, Form.SplitEvents, OrderingStory.Around),
            "The same on x86."),
        new(DeviceSites.SplitAfterEnable,
            new OrderingTrial(ReleaseAcquire, Form.Split, OrderingStory.Alone),
            "The device looks at the ring before its suppression is visible; a buffer added in between brings no "
            + "kick."),
        new(DeviceSites.SplitAfterEnable,
            new OrderingTrial(TotalStoreOrder, Form.Split, OrderingStory.Alone),
            "The same on x86."),
    };
}
