namespace VirtioGuest.Drivers.Virtio.Net;

/// <summary>What became of a frame that was to be sent.</summary>
public enum TransmitStatus
{
    /// <summary>It is on its way; the caller's memory is free.</summary>
    Ok = 0,

    /// <summary>
    /// All buffers are in flight. An interrupt of the transmit queue follows when one is free; then call
    /// <see cref="VirtioNet.ReclaimTransmitted"/>.
    /// </summary>
    Full = 1,

    /// <summary>It is shorter than an Ethernet header or longer than the MTU and the header.</summary>
    BadLength = 2,

    /// <summary>The device is not running.</summary>
    NotRunning = 3,
}
