namespace VirtioGuest.Devices;

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
