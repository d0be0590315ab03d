using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Devices.Net;

/// <summary>
/// The driver of network devices, with their feature bits (virtio 1.4, 5.1.3): what they are called, which need which
/// others (5.1.3.1), and which are implemented.
/// </summary>
internal sealed class NetDriver : VirtioDriver
{
    internal const Features Checksum = (Features)(1UL << 0);
    internal const Features GuestChecksum = (Features)(1UL << 1);
    internal const Features ControlGuestOffloads = (Features)(1UL << 2);
    internal const Features Mtu = (Features)(1UL << 3);
    internal const Features Mac = (Features)(1UL << 5);
    internal const Features GuestTso4 = (Features)(1UL << 7);
    internal const Features GuestTso6 = (Features)(1UL << 8);
    internal const Features GuestEcn = (Features)(1UL << 9);
    internal const Features HostTso4 = (Features)(1UL << 11);
    internal const Features HostTso6 = (Features)(1UL << 12);
    internal const Features HostEcn = (Features)(1UL << 13);
    internal const Features MergeableBuffers = (Features)(1UL << 15);
    internal const Features Status = (Features)(1UL << 16);
    internal const Features ControlQueue = (Features)(1UL << 17);
    internal const Features ControlReceive = (Features)(1UL << 18);
    internal const Features ControlVlan = (Features)(1UL << 19);
    internal const Features ControlReceiveExtra = (Features)(1UL << 20);
    internal const Features GuestAnnounce = (Features)(1UL << 21);
    internal const Features MultipleQueues = (Features)(1UL << 22);
    internal const Features ControlMacAddress = (Features)(1UL << 23);
    internal const Features HashTunnel = (Features)(1UL << 51);
    internal const Features QueueCoalescing = (Features)(1UL << 52);
    internal const Features Coalescing = (Features)(1UL << 53);
    internal const Features GuestUso4 = (Features)(1UL << 54);
    internal const Features GuestUso6 = (Features)(1UL << 55);
    internal const Features HostUso = (Features)(1UL << 56);
    internal const Features HashReport = (Features)(1UL << 57);
    internal const Features GuestHeaderLength = (Features)(1UL << 59);
    internal const Features Rss = (Features)(1UL << 60);
    internal const Features SpeedDuplex = (Features)(1UL << 63);

    internal const HighFeatures GuestUdpTunnel = (HighFeatures)(1UL << (65 - FirstHighFeature));
    internal const HighFeatures GuestUdpTunnelChecksum = (HighFeatures)(1UL << (66 - FirstHighFeature));
    internal const HighFeatures HostUdpTunnel = (HighFeatures)(1UL << (67 - FirstHighFeature));
    internal const HighFeatures HostUdpTunnelChecksum = (HighFeatures)(1UL << (68 - FirstHighFeature));
    internal const HighFeatures OuterNetworkHeader = (HighFeatures)(1UL << (69 - FirstHighFeature));

    /// <summary>What makes the header hold the places of a tunnel's headers.</summary>
    internal const HighFeatures UdpTunnels = GuestUdpTunnel | HostUdpTunnel;

    /// <summary>Everything from bit 64 on that there is code for.</summary>
    internal const HighFeatures ImplementedHigh =
        UdpTunnels | GuestUdpTunnelChecksum | HostUdpTunnelChecksum | OuterNetworkHeader;

    /// <summary>What every owner of a device has a use for.</summary>
    internal const Features Plain = Mtu | Mac | Status | SpeedDuplex;

    /// <summary>What makes the device send frames that are larger than the MTU allows.</summary>
    internal const Features GuestSegments = GuestTso4 | GuestTso6 | GuestUso4 | GuestUso6;

    /// <summary>What makes the device take such frames.</summary>
    internal const Features HostSegments = HostTso4 | HostTso6 | HostUso;

    /// <summary>What needs several queue pairs, or makes them.</summary>
    internal const Features ManyQueues = MultipleQueues | Rss;

    /// <summary>Everything that there is code for.</summary>
    internal const Features Implemented = Plain | Checksum | GuestChecksum | ControlGuestOffloads | GuestSegments
        | GuestEcn | HostSegments | HostEcn | MergeableBuffers | OverControlQueue | ControlQueue | ControlReceiveExtra
        | HashReport | GuestHeaderLength;

    /// <summary>
    /// What makes no sense without commands, although the specification has no such need: extra receive modes and
    /// offloads are commands (virtio 1.4, 5.1.9.5.1 and 5.1.9.5.9), and a hash needs parameters (5.1.9.4.3).
    /// </summary>
    internal const Features NothingWithoutCommands = ControlReceiveExtra | ControlGuestOffloads | HashReport;

    /// <summary>What is done by commands.</summary>
    private const Features OverControlQueue = ControlReceive | ControlVlan | GuestAnnounce | MultipleQueues
        | ControlMacAddress | HashTunnel | QueueCoalescing | Coalescing | Rss;

    private const Features GuestTso = GuestTso4 | GuestTso6;
    private const Features HostTso = HostTso4 | HostTso6;
    private const Features GuestUfo = (Features)(1UL << 10);
    private const Features HostUfo = (Features)(1UL << 14);
    private const Features RscExtended = (Features)(1UL << 61);

    internal NetDriver()
        : base(DeviceTypes.Network, "net")
    {
    }

    /// <inheritdoc/>
    public override VirtioDevice Create(VirtioTransport transport, string name, DeviceEventSink owner) =>
        new VirtioNet(this, transport, name, owner, NetOptions.Plain);

    /// <inheritdoc/>
    public override Features WithoutUnmetNeeds(Features features)
    {
        // In the order of the needs, so that what falls takes along what needs it.
        Features left = Without(features, GuestChecksum, GuestSegments | GuestUfo);
        left = Without(left, GuestTso, GuestEcn);
        left = Without(left, Checksum, HostSegments | HostUfo);
        left = Without(left, HostTso, HostEcn | RscExtended);

        left = Without(left, ControlQueue, OverControlQueue);
        return Without(left, Rss | HashReport, HashTunnel);
    }

    /// <inheritdoc/>
    public override HighFeatures WithoutUnmetNeeds(HighFeatures high, Features features)
    {
        const Features HostNeeds = HostTso4 | HostTso6 | HostUso;
        const Features GuestNeeds = GuestTso4 | GuestTso6 | GuestUso4 | GuestUso6;
        HighFeatures left = high;
        left &= (features & GuestNeeds) == GuestNeeds ? left : ~GuestUdpTunnel;
        left &= (features & HostNeeds) == HostNeeds ? left : ~HostUdpTunnel;
        left &= (left & GuestUdpTunnel) != 0 ? left : ~GuestUdpTunnelChecksum;
        return left & ((left & HostUdpTunnel) != 0 ? left : ~HostUdpTunnelChecksum);
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
