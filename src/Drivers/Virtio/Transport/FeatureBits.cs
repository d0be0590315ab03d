namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>
/// The device-independent feature bits that this stack speaks (virtio 1.4, 6), as masks.
/// </summary>
public static class FeatureBits
{
    /// <summary>The device follows the specification since version 1.0.</summary>
    public const ulong Version1 = 1UL << 32;

    /// <summary>Queues may be packed.</summary>
    public const ulong RingPacked = 1UL << 34;
}
