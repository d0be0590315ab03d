using System;

namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>The bits of the device status field (virtio 1.4, 2.1).</summary>
[Flags]
public enum DeviceStatus
{
    /// <summary>After a reset.</summary>
    None = 0,

    /// <summary>The guest has found the device.</summary>
    Acknowledge = 1,

    /// <summary>The guest knows how to drive it.</summary>
    Driver = 2,

    /// <summary>The driver is set up; the device is live.</summary>
    DriverOk = 4,

    /// <summary>Feature negotiation is complete.</summary>
    FeaturesOk = 8,

    /// <summary>The device is suspended, or about to be.</summary>
    Suspend = 16,

    /// <summary>The device has had an error that only a reset ends.</summary>
    DeviceNeedsReset = 64,

    /// <summary>The driver has given up.</summary>
    Failed = 128,
}
