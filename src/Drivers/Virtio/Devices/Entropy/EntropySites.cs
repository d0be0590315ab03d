using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices.Entropy;

/// <summary>The places of the entropy driver that hand memory over, and what each guards against.</summary>
public static class EntropySites
{
    /// <summary>PREREAD of the buffer: else a line of the driver's hides the bytes that the device writes.</summary>
    public const AccessSite BufferToDevice = (AccessSite)501;

    /// <summary>POSTREAD of the buffer: else what it held before is taken for the device's bytes.</summary>
    public const AccessSite BufferFromDevice = (AccessSite)502;

    /// <summary>POSTREAD of the buffer that a device had when it was reset.</summary>
    public const AccessSite LeftBufferFromDevice = (AccessSite)503;
}
