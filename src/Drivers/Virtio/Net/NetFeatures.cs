namespace VirtioGuest.Drivers.Virtio.Net;

/// <summary>The feature bits of a network device that the driver implements (virtio 1.4, 5.1.3), as masks.</summary>
internal static class NetFeatures
{
    internal const ulong Mtu = 1UL << 3;
    internal const ulong Mac = 1UL << 5;
    internal const ulong Status = 1UL << 16;

    internal const ulong Implemented = Mtu | Mac | Status;
}
