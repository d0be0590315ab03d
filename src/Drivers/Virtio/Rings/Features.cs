using System;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// A set of the first 64 feature bits. The members are the device-independent ones (virtio 1.4, 6); those of a device
/// type stand beside its driver.
/// </summary>
[Flags]
public enum Features : ulong
{
    /// <summary>No bit.</summary>
    None = 0,

    /// <summary>A chain may lie in a table of its own, and takes one descriptor of the ring then.</summary>
    IndirectDesc = 1UL << 28,

    /// <summary>Each side may name the buffer from which on it wants to be notified.</summary>
    EventIdx = 1UL << 29,

    /// <summary>The device follows the specification since version 1.0.</summary>
    Version1 = 1UL << 32,

    /// <summary>What the platform says of the device's access to memory holds.</summary>
    AccessPlatform = 1UL << 33,

    /// <summary>Queues are packed, not split.</summary>
    RingPacked = 1UL << 34,

    /// <summary>The device uses buffers in the order in which they were made available.</summary>
    InOrder = 1UL << 35,

    /// <summary>The device orders its accesses to memory as devices of a bus do, not as processors do.</summary>
    OrderPlatform = 1UL << 36,

    /// <summary>The device has virtual functions; PCI only.</summary>
    SrIov = 1UL << 37,

    /// <summary>Notifications tell how far the driver has made buffers available.</summary>
    NotificationData = 1UL << 38,

    /// <summary>The device chooses what a notification calls a queue; PCI only.</summary>
    NotifConfigData = 1UL << 39,

    /// <summary>Queues can be reset one by one.</summary>
    RingReset = 1UL << 40,

    /// <summary>The device has administration virtqueues; PCI only.</summary>
    AdminVq = 1UL << 41,

    /// <summary>The device can be suspended.</summary>
    Suspend = 1UL << 43,
}

/// <summary>
/// Feature bits 64 to 127, bit 64 being the lowest (virtio 1.4, 2.2). All of them belong to device types so far, so
/// that they have no names here.
/// </summary>
[Flags]
public enum HighFeatures : ulong
{
    /// <summary>No feature.</summary>
    None = 0,
}
