using System.Collections.Generic;
using System.Globalization;

namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>
/// What the specification calls each feature bit, without the prefix <c>VIRTIO_F_</c>, <c>VIRTIO_NET_F_</c>,
/// <c>VIRTIO_BLK_F_</c> or <c>VIRTIO_CONSOLE_F_</c> (virtio 1.4, 5.1.3, 5.2.3, 5.3.3 and 6).
/// </summary>
/// <remarks>The entropy device has no bits of its own (virtio 1.4, 5.4.3).</remarks>
public static class FeatureNames
{
    /// <summary>How many bits a set of features has room for; those from there on concern offloads only.</summary>
    public const int BitCount = 64;

    private const ushort Console = 3;

    /// <summary>The name of a bit of a device type; <c>bit N</c> where the specification has none.</summary>
    public static string NameOf(ushort deviceType, int bit)
    {
        string? name = NameOfCommonBit(bit);
        if (name == null)
        {
            name = deviceType switch
            {
                DeviceTypes.Network => NameOfNetworkBit(bit),
                DeviceTypes.Block => NameOfBlockBit(bit),
                Console => NameOfConsoleBit(bit),
                _ => null,
            };
        }

        return name ?? "bit " + bit.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>The names of all bits that are set, lowest first.</summary>
    public static string[] NamesOf(ushort deviceType, ulong features)
    {
        List<string> names = new List<string>();
        for (int bit = 0; bit < BitCount; bit++)
        {
            if ((features & (1UL << bit)) != 0)
            {
                names.Add(NameOf(deviceType, bit));
            }
        }

        return names.ToArray();
    }

    private static string? NameOfCommonBit(int bit) => bit switch
    {
        24 => "NOTIFY_ON_EMPTY",
        27 => "ANY_LAYOUT",
        28 => "INDIRECT_DESC",
        29 => "EVENT_IDX",
        30 => "UNUSED",
        32 => "VERSION_1",
        33 => "ACCESS_PLATFORM",
        34 => "RING_PACKED",
        35 => "IN_ORDER",
        36 => "ORDER_PLATFORM",
        37 => "SR_IOV",
        38 => "NOTIFICATION_DATA",
        39 => "NOTIF_CONFIG_DATA",
        40 => "RING_RESET",
        41 => "ADMIN_VQ",
        43 => "SUSPEND",
        _ => null,
    };

    private static string? NameOfNetworkBit(int bit) => bit switch
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

    private static string? NameOfBlockBit(int bit) => bit switch
    {
        0 => "BARRIER",
        1 => "SIZE_MAX",
        2 => "SEG_MAX",
        4 => "GEOMETRY",
        5 => "RO",
        6 => "BLK_SIZE",
        7 => "SCSI",
        9 => "FLUSH",
        10 => "TOPOLOGY",
        11 => "CONFIG_WCE",
        12 => "MQ",
        13 => "DISCARD",
        14 => "WRITE_ZEROES",
        15 => "LIFETIME",
        16 => "SECURE_ERASE",
        17 => "ZONED",
        _ => null,
    };

    private static string? NameOfConsoleBit(int bit) => bit switch
    {
        0 => "SIZE",
        1 => "MULTIPORT",
        2 => "EMERG_WRITE",
        _ => null,
    };
}
