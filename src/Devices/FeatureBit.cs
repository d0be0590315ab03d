namespace VirtioGuest.Devices;

/// <summary>The features that do not belong to one type of device, as masks (virtio 1.4, 6).</summary>
public static class FeatureBit
{
    /// <summary>VIRTIO_F_INDIRECT_DESC.</summary>
    public const ulong IndirectDescriptors = 1UL << 28;

    /// <summary>VIRTIO_F_EVENT_IDX.</summary>
    public const ulong EventIndex = 1UL << 29;

    /// <summary>VIRTIO_F_VERSION_1.</summary>
    public const ulong Version1 = 1UL << 32;

    /// <summary>VIRTIO_F_ACCESS_PLATFORM.</summary>
    public const ulong AccessPlatform = 1UL << 33;

    /// <summary>VIRTIO_F_RING_PACKED.</summary>
    public const ulong RingPacked = 1UL << 34;

    /// <summary>VIRTIO_F_IN_ORDER.</summary>
    public const ulong InOrder = 1UL << 35;

    /// <summary>VIRTIO_F_ORDER_PLATFORM.</summary>
    public const ulong OrderPlatform = 1UL << 36;

    /// <summary>VIRTIO_F_NOTIFICATION_DATA.</summary>
    public const ulong NotificationData = 1UL << 38;

    /// <summary>VIRTIO_F_NOTIF_CONFIG_DATA.</summary>
    public const ulong NotificationConfigurationData = 1UL << 39;

    /// <summary>VIRTIO_F_RING_RESET.</summary>
    public const ulong RingReset = 1UL << 40;

    /// <summary>VIRTIO_F_SUSPEND.</summary>
    public const ulong Suspend = 1UL << 43;

    /// <summary>All of them that the models of this project can handle.</summary>
    public const ulong All = IndirectDescriptors | EventIndex | Version1 | AccessPlatform | RingPacked | InOrder
        | OrderPlatform | NotificationData | NotificationConfigurationData | RingReset | Suspend;

    /// <summary>What a model offers unless told otherwise.</summary>
    public const ulong Usual = IndirectDescriptors | EventIndex | Version1 | RingPacked | RingReset;
}

/// <summary>The bits of the device status (virtio 1.4, 2.1).</summary>
public static class StatusBit
{
    /// <summary>The guest has found the device.</summary>
    public const byte Acknowledge = 1;

    /// <summary>The guest has a driver for it.</summary>
    public const byte Driver = 2;

    /// <summary>The driver is ready.</summary>
    public const byte DriverOk = 4;

    /// <summary>Features are negotiated.</summary>
    public const byte FeaturesOk = 8;

    /// <summary>The device is suspended.</summary>
    public const byte Suspend = 16;

    /// <summary>The device cannot go on without a reset.</summary>
    public const byte NeedsReset = 64;

    /// <summary>The driver has given up.</summary>
    public const byte Failed = 128;
}
