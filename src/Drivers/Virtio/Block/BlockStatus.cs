namespace VirtioGuest.Drivers.Virtio.Block;

/// <summary>How a request ended.</summary>
public enum BlockStatus
{
    /// <summary>Well: <c>VIRTIO_BLK_S_OK</c>.</summary>
    Ok = 0,

    /// <summary>With an error: <c>VIRTIO_BLK_S_IOERR</c>. What was transferred is not known.</summary>
    IoError = 1,

    /// <summary>The device does not know the request: <c>VIRTIO_BLK_S_UNSUPP</c>.</summary>
    Unsupported = 2,

    /// <summary>The device gave the request back without a status of the specification.</summary>
    NoStatus = 3,

    /// <summary>
    /// The device was reset before it was done. What was transferred is not known; the data buffer is the caller's
    /// again.
    /// </summary>
    Aborted = 4,

    /// <summary>
    /// The device was cut off without confirming a reset. The data buffer must never be used again: the device may
    /// still write to it.
    /// </summary>
    Abandoned = 5,
}
