namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>
/// Which feature bits need which others. A driver must not accept a bit whose need it does not accept, whatever the
/// device offers (virtio 1.4, 2.2.1 and 5.1.3.1).
/// </summary>
internal static class FeatureDependencies
{
    private const ulong Checksum = 1UL << 0;
    private const ulong GuestChecksum = 1UL << 1;
    private const ulong GuestTso = (1UL << 7) | (1UL << 8);
    private const ulong GuestEcn = 1UL << 9;
    private const ulong GuestSegments = GuestTso | (1UL << 10) | (1UL << 54) | (1UL << 55);
    private const ulong HostTso = (1UL << 11) | (1UL << 12);
    private const ulong HostEcn = 1UL << 13;
    private const ulong HostSegments = HostTso | (1UL << 14) | (1UL << 56);
    private const ulong ControlQueue = 1UL << 17;
    private const ulong HashTunnel = 1UL << 51;
    private const ulong HashReport = 1UL << 57;
    private const ulong Rss = 1UL << 60;
    private const ulong RscExtended = 1UL << 61;

    /// <summary>CTRL_RX, CTRL_VLAN, GUEST_ANNOUNCE, MQ, CTRL_MAC_ADDR, HASH_TUNNEL, both NOTF_COAL, RSS.</summary>
    private const ulong OverControlQueue = (1UL << 18) | (1UL << 19) | (1UL << 21) | (1UL << 22) | (1UL << 23)
        | HashTunnel | (1UL << 52) | (1UL << 53) | Rss;

    /// <summary>The bits of a set without those that need a bit that is not in it.</summary>
    public static ulong Reduce(ushort deviceType, ulong features)
    {
        if (deviceType != DeviceTypes.Network)
        {
            return features;
        }

        // In the order of the needs, so that what falls takes along what needs it.
        ulong left = Without(features, GuestChecksum, GuestSegments);
        left = Without(left, GuestTso, GuestEcn);
        left = Without(left, Checksum, HostSegments);
        left = Without(left, HostTso, HostEcn | RscExtended);
        left = Without(left, ControlQueue, OverControlQueue);
        return Without(left, Rss | HashReport, HashTunnel);
    }

    /// <summary>Takes bits out where none of those that they need is there.</summary>
    private static ulong Without(ulong features, ulong anyOf, ulong dependent) =>
        (features & anyOf) != 0 ? features : features & ~dependent;
}
