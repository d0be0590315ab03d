namespace VirtioGuest.Devices.Block;

/// <summary>The features of block devices that the model can handle, as masks (virtio 1.4, 5.2.3).</summary>
public static class BlockFeature
{
    /// <summary>VIRTIO_BLK_F_SEG_MAX.</summary>
    public const ulong SegmentMaximum = 1UL << 2;

    /// <summary>VIRTIO_BLK_F_RO.</summary>
    public const ulong ReadOnly = 1UL << 5;

    /// <summary>VIRTIO_BLK_F_BLK_SIZE.</summary>
    public const ulong BlockSize = 1UL << 6;

    /// <summary>VIRTIO_BLK_F_FLUSH.</summary>
    public const ulong Flush = 1UL << 9;

    /// <summary>VIRTIO_BLK_F_MQ.</summary>
    public const ulong MultiQueue = 1UL << 12;
}
