using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Net;

/// <summary>The places of the network driver that hand memory over, and what each guards against.</summary>
public static class NetSites
{
    /// <summary>PREWRITE of a frame: else the device sends what the buffer held before.</summary>
    public const AccessSite FrameToDevice = (AccessSite)401;

    /// <summary>POSTWRITE of a frame that was sent, before the next one is written there.</summary>
    public const AccessSite FrameFromDevice = (AccessSite)402;

    /// <summary>POSTWRITE of a frame that the queue did not take.</summary>
    public const AccessSite RefusedFrameFromDevice = (AccessSite)403;

    /// <summary>POSTWRITE of a frame that a device had when it was reset.</summary>
    public const AccessSite LeftFrameFromDevice = (AccessSite)404;

    /// <summary>PREREAD of a receive buffer: else a line of the driver's hides the frame that arrives.</summary>
    public const AccessSite BufferToDevice = (AccessSite)411;

    /// <summary>POSTREAD of a receive buffer: else what it held before is taken for the frame.</summary>
    public const AccessSite BufferFromDevice = (AccessSite)412;

    /// <summary>POSTREAD of a receive buffer that a device had when it was reset.</summary>
    public const AccessSite LeftBufferFromDevice = (AccessSite)413;
}
