namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>What a virtio capability of a PCI function locates (virtio 1.4, 4.1.4).</summary>
public enum PciStructureKind
{
    /// <summary>The common configuration.</summary>
    CommonConfiguration = 1,

    /// <summary>Where queues are notified.</summary>
    Notification = 2,

    /// <summary>The ISR status byte.</summary>
    IsrStatus = 3,

    /// <summary>The device-specific configuration.</summary>
    DeviceConfiguration = 4,

    /// <summary>A window in configuration space onto the other structures.</summary>
    ConfigurationAccess = 5,

    /// <summary>A shared memory region.</summary>
    SharedMemory = 8,

    /// <summary>The vendor's own data.</summary>
    VendorData = 9,
}
