namespace VirtioGuest.Devices.Mmio;

/// <summary>Offsets of the virtio-mmio register block (virtio 1.4, 4.2.2).</summary>
internal static class MmioRegister
{
    public const uint MagicValue = 0x000;
    public const uint Version = 0x004;
    public const uint DeviceId = 0x008;
    public const uint VendorId = 0x00C;
    public const uint DeviceFeatures = 0x010;
    public const uint DeviceFeaturesSelect = 0x014;
    public const uint DriverFeatures = 0x020;
    public const uint DriverFeaturesSelect = 0x024;
    public const uint QueueSelect = 0x030;
    public const uint QueueSizeMaximum = 0x034;
    public const uint QueueSize = 0x038;
    public const uint QueueReady = 0x044;
    public const uint QueueNotify = 0x050;
    public const uint InterruptStatus = 0x060;
    public const uint InterruptAcknowledge = 0x064;
    public const uint Status = 0x070;
    public const uint QueueDescriptorLow = 0x080;
    public const uint QueueDescriptorHigh = 0x084;
    public const uint QueueDriverLow = 0x090;
    public const uint QueueDriverHigh = 0x094;
    public const uint QueueDeviceLow = 0x0A0;
    public const uint QueueDeviceHigh = 0x0A4;
    public const uint SharedMemorySelect = 0x0AC;
    public const uint SharedMemoryLengthLow = 0x0B0;
    public const uint SharedMemoryLengthHigh = 0x0B4;
    public const uint SharedMemoryBaseLow = 0x0B8;
    public const uint SharedMemoryBaseHigh = 0x0BC;
    public const uint QueueReset = 0x0C0;
    public const uint ConfigurationGeneration = 0x0FC;
    public const uint Configuration = 0x100;
}
