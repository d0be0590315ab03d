using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Net;

/// <summary>The device configuration layout of a network device, as far as it is used (virtio 1.4, 5.1.4).</summary>
internal struct NetConfiguration
{
    /// <summary>The MTU where the device does not say: Ethernet's.</summary>
    internal const ushort DefaultMtu = 1500;

    private const uint MacOffset = 0;
    private const uint StatusOffset = 6;
    private const uint MtuOffset = 10;
    private const int MacLength = 6;
    private const ushort LinkUp = 1;

    /// <summary>The smallest MTU that a device may ask for (virtio 1.4, 5.1.4.1).</summary>
    private const ushort MinimumMtu = 68;

    /// <summary>The device's MAC address, first byte in bits 47 to 40; 0 where it has none.</summary>
    internal ulong Mac;

    /// <summary>Whether the link is up.</summary>
    internal bool IsLinkUp;

    /// <summary>The largest payload of a frame in bytes.</summary>
    internal ushort Mtu;

    /// <summary>
    /// Whether the device offers an MTU that the specification allows; if not, the feature is refused.
    /// </summary>
    internal static bool OffersUsableMtu(VirtioTransport transport) =>
        transport.ConfigurationLength >= MtuOffset + 2 && transport.ReadConfiguration16(MtuOffset) >= MinimumMtu;

    /// <summary>Reads the fields that the negotiated features say exist.</summary>
    /// <returns>Null, or what is wrong with them.</returns>
    internal string? Read(VirtioTransport transport, ulong features)
    {
        bool hasMac = (features & NetFeatures.Mac) != 0;
        bool hasStatus = (features & NetFeatures.Status) != 0;
        bool hasMtu = (features & NetFeatures.Mtu) != 0;
        uint needed = hasMtu ? MtuOffset + 2
            : hasStatus ? StatusOffset + 2
            : hasMac ? MacOffset + MacLength : 0;
        if (transport.ConfigurationLength < needed)
        {
            return "has a configuration that is too short";
        }

        Mac = 0;
        for (uint i = 0; hasMac && i < MacLength; i++)
        {
            Mac = (Mac << 8) | transport.ReadConfiguration8(MacOffset + i);
        }

        IsLinkUp = !hasStatus || (transport.ReadConfiguration16(StatusOffset) & LinkUp) != 0;
        Mtu = hasMtu ? transport.ReadConfiguration16(MtuOffset) : DefaultMtu;
        return hasMtu && Mtu < MinimumMtu ? "has an MTU below the smallest that is allowed" : null;
    }
}
