namespace VirtioGuest.Devices.Block;

/// <summary>How a request ended (virtio 1.4, 5.2.6).</summary>
public enum BlockStatus
{
    /// <summary>VIRTIO_BLK_S_OK.</summary>
    Ok = 0,

    /// <summary>VIRTIO_BLK_S_IOERR.</summary>
    IoError = 1,

    /// <summary>VIRTIO_BLK_S_UNSUPP.</summary>
    Unsupported = 2,
}
