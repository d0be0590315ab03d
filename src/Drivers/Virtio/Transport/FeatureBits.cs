namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>The device-independent feature bits (virtio 1.4, 6), as masks.</summary>
public static class FeatureBits
{
    /// <summary>Descriptors may lead to a table of descriptors.</summary>
    public const ulong IndirectDescriptors = 1UL << 28;

    /// <summary>Each side may name the buffer from which on it wants to be notified.</summary>
    public const ulong EventIndex = 1UL << 29;

    /// <summary>The device follows the specification since version 1.0.</summary>
    public const ulong Version1 = 1UL << 32;

    /// <summary>What the platform says of the device's access to memory holds.</summary>
    public const ulong AccessPlatform = 1UL << 33;

    /// <summary>Queues may be packed.</summary>
    public const ulong RingPacked = 1UL << 34;

    /// <summary>The device uses buffers in the order in which they were made available.</summary>
    public const ulong InOrder = 1UL << 35;

    /// <summary>Memory accesses are ordered as the platform orders them for its devices.</summary>
    public const ulong OrderPlatform = 1UL << 36;

    /// <summary>The device has virtual functions; PCI only.</summary>
    public const ulong SingleRootIoVirtualization = 1UL << 37;

    /// <summary>Notifications tell how far the driver has made buffers available.</summary>
    public const ulong NotificationData = 1UL << 38;

    /// <summary>The device chooses what a notification calls a queue; PCI only.</summary>
    public const ulong NotificationConfigurationData = 1UL << 39;

    /// <summary>Queues can be reset one by one.</summary>
    public const ulong RingReset = 1UL << 40;

    /// <summary>The device has administration virtqueues; PCI only.</summary>
    public const ulong AdministrationVirtqueue = 1UL << 41;

    /// <summary>The device can be suspended.</summary>
    public const ulong Suspend = 1UL << 43;
}
