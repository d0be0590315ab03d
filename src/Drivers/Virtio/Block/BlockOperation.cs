namespace VirtioGuest.Drivers.Virtio.Block;

/// <summary>What a request does, by the specification's numbers (virtio 1.4, 5.2.6).</summary>
public enum BlockOperation
{
    /// <summary>Reads sectors: <c>VIRTIO_BLK_T_IN</c>.</summary>
    Read = 0,

    /// <summary>Writes sectors: <c>VIRTIO_BLK_T_OUT</c>.</summary>
    Write = 1,

    /// <summary>Makes completed writes durable: <c>VIRTIO_BLK_T_FLUSH</c>.</summary>
    Flush = 4,
}
