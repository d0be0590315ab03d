namespace VirtioGuest.Devices.Net;

/// <summary>The features of network devices that the model can handle, as masks (virtio 1.4, 5.1.3).</summary>
public static class NetFeature
{
    /// <summary>VIRTIO_NET_F_MTU.</summary>
    public const ulong Mtu = 1UL << 3;

    /// <summary>VIRTIO_NET_F_MAC.</summary>
    public const ulong Mac = 1UL << 5;

    /// <summary>VIRTIO_NET_F_MRG_RXBUF.</summary>
    public const ulong MergeableBuffers = 1UL << 15;

    /// <summary>VIRTIO_NET_F_STATUS.</summary>
    public const ulong Status = 1UL << 16;
}
