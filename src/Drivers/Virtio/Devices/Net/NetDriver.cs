using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Devices.Net;

/// <summary>
/// The driver of network devices, with their feature bits (virtio 1.4, 5.1.3): what they are called, which need which
/// others (5.1.3.1), and which are implemented.
/// </summary>
internal sealed class NetDriver : VirtioDriver
{
    internal const Features Mtu = (Features)(1UL << 3);
    internal const Features Mac = (Features)(1UL << 5);
    internal const Features Status = (Features)(1UL << 16);

    internal const Features Implemented = Mtu | Mac | Status;

    private const Features Checksum = (Features)(1UL << 0);
    private const Features GuestChecksum = (Features)(1UL << 1);
    private const Features GuestTso = (Features)((1UL << 7) | (1UL << 8));
    private const Features GuestEcn = (Features)(1UL << 9);
    private const Features GuestSegments = GuestTso | (Features)((1UL << 10) | (1UL << 54) | (1UL << 55));
    private const Features HostTso = (Features)((1UL << 11) | (1UL << 12));
    private const Features HostEcn = (Features)(1UL << 13);
    private const Features HostSegments = HostTso | (Features)((1UL << 14) | (1UL << 56));
    private const Features ControlQueue = (Features)(1UL << 17);
    private const Features HashTunnel = (Features)(1UL << 51);
    private const Features HashReport = (Features)(1UL << 57);
    private const Features Rss = (Features)(1UL << 60);
    private const Features RscExtended = (Features)(1UL << 61);

    /// <summary>CTRL_RX, CTRL_VLAN, GUEST_ANNOUNCE, MQ, CTRL_MAC_ADDR, HASH_TUNNEL, both NOTF_COAL, RSS.</summary>
    private const Features OverControlQueue = HashTunnel | Rss | (Features)((1UL << 18) | (1UL << 19) | (1UL << 21)
        | (1UL << 22) | (1UL << 23) | (1UL << 52) | (1UL << 53));

    internal NetDriver()
        : base(DeviceTypes.Network, "net")
    {
    }

    /// <inheritdoc/>
    public override VirtioDevice Create(VirtioTransport transport, string name, DeviceEventSink owner) =>
        new VirtioNet(this, transport, name, owner);

    /// <inheritdoc/>
    public override Features WithoutUnmetNeeds(Features features)
    {
        // In the order of the needs, so that what falls takes along what needs it.
        Features left = Without(features, GuestChecksum, GuestSegments);
        left = Without(left, GuestTso, GuestEcn);
        left = Without(left, Checksum, HostSegments);
        left = Without(left, HostTso, HostEcn | RscExtended);
        left = Without(left, ControlQueue, OverControlQueue);
        return Without(left, Rss | HashReport, HashTunnel);
    }

    /// <inheritdoc/>
    protected override string? NameOfFeature(int bit) => bit switch
    {
        0 => "CSUM",
        1 => "GUEST_CSUM",
        2 => "CTRL_GUEST_OFFLOADS",
        3 => "MTU",
        5 => "MAC",
        6 => "GSO",
        7 => "GUEST_TSO4",
        8 => "GUEST_TSO6",
        9 => "GUEST_ECN",
        10 => "GUEST_UFO",
        11 => "HOST_TSO4",
        12 => "HOST_TSO6",
        13 => "HOST_ECN",
        14 => "HOST_UFO",
        15 => "MRG_RXBUF",
        16 => "STATUS",
        17 => "CTRL_VQ",
        18 => "CTRL_RX",
        19 => "CTRL_VLAN",
        20 => "CTRL_RX_EXTRA",
        21 => "GUEST_ANNOUNCE",
        22 => "MQ",
        23 => "CTRL_MAC_ADDR",
        42 => "GUEST_RSC6",
        50 => "DEVICE_STATS",
        51 => "HASH_TUNNEL",
        52 => "VQ_NOTF_COAL",
        53 => "NOTF_COAL",
        54 => "GUEST_USO4",
        55 => "GUEST_USO6",
        56 => "HOST_USO",
        57 => "HASH_REPORT",
        59 => "GUEST_HDRLEN",
        60 => "RSS",
        61 => "RSC_EXT",
        62 => "STANDBY",
        63 => "SPEED_DUPLEX",
        64 => "RSS_CONTEXT",
        65 => "GUEST_UDP_TUNNEL_GSO",
        66 => "GUEST_UDP_TUNNEL_GSO_CSUM",
        67 => "HOST_UDP_TUNNEL_GSO",
        68 => "HOST_UDP_TUNNEL_GSO_CSUM",
        69 => "OUT_NET_HEADER",
        70 => "IPSEC",
        _ => null,
    };

    /// <summary>Takes bits out where none of those that they need is there.</summary>
    private static Features Without(Features features, Features anyOf, Features dependent) =>
        (features & anyOf) != 0 ? features : features & ~dependent;
}
