using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Devices.Net;

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

    /// <summary>Whether the MTU is one that the specification allows (virtio 1.4, 5.1.4.1).</summary>
    internal readonly bool HasUsableMtu => Mtu >= MinimumMtu;

    /// <summary>
    /// The features that cannot be used: those whose field is not there, and an MTU that the specification does not
    /// allow.
    /// </summary>
    internal static Features RefuseFeatures(VirtioTransport transport, Features offered)
    {
        uint length = transport.ConfigurationLength;
        Features refused = (length < MacOffset + MacLength ? NetDriver.Mac : 0)
            | (length < StatusOffset + 2 ? NetDriver.Status : 0);
        bool hasMtu = (offered & NetDriver.Mtu) == 0
            || (length >= MtuOffset + 2 && transport.ReadConfiguration16(MtuOffset) >= MinimumMtu);
        return offered & (refused | (hasMtu ? 0 : NetDriver.Mtu));
    }

    /// <summary>
    /// Reads the fields that the negotiated features say exist; a feature without its field was refused.
    /// </summary>
    internal void Read(VirtioTransport transport, Features features)
    {
        bool hasMac = (features & NetDriver.Mac) != 0;
        bool hasStatus = (features & NetDriver.Status) != 0;
        bool hasMtu = (features & NetDriver.Mtu) != 0;
        Mac = 0;
        for (uint i = 0; hasMac && i < MacLength; i++)
        {
            Mac = (Mac << 8) | transport.ReadConfiguration8(MacOffset + i);
        }

        IsLinkUp = !hasStatus || (transport.ReadConfiguration16(StatusOffset) & LinkUp) != 0;
        Mtu = hasMtu ? transport.ReadConfiguration16(MtuOffset) : DefaultMtu;
    }
}
