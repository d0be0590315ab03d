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
    private const uint QueuePairsOffset = 8;
    private const uint MtuOffset = 10;
    private const uint SpeedOffset = 12;
    private const uint DuplexOffset = 16;
    private const uint KeySizeOffset = 17;
    private const uint TableLengthOffset = 18;
    private const uint HashTypesOffset = 20;
    private const uint TunnelTypesOffset = 24;
    private const int MacLength = 6;
    private const ushort LinkUp = 1;
    private const ushort Announce = 2;

    /// <summary>What RSS and hash reports need of a device at least (virtio 1.4, 5.1.4.1).</summary>
    private const byte SmallestKey = 40;

    private const ushort SmallestTable = 128;

    /// <summary>The queues that there are before the control queue where there is one pair.</summary>
    private const int QueuesOfOnePair = 2;

    /// <summary>The smallest MTU that a device may ask for (virtio 1.4, 5.1.4.1).</summary>
    private const ushort MinimumMtu = 68;

    /// <summary>The device's MAC address, first byte in bits 47 to 40; 0 where it has none.</summary>
    internal ulong Mac;

    /// <summary>Whether the link is up.</summary>
    internal bool IsLinkUp;

    /// <summary>The largest payload of a frame in bytes.</summary>
    internal ushort Mtu;

    /// <summary>Whether the device asks for announcements of the station.</summary>
    internal bool IsAnnouncementDue;

    /// <summary>How many queue pairs the device has; 1 without a feature that says so.</summary>
    internal ushort MaximumQueuePairs;

    /// <summary>In Mbit/s; <see cref="UnknownSpeed"/> where nobody knows.</summary>
    internal uint Speed;

    /// <summary>0 half, 1 full; anything else where nobody knows.</summary>
    internal byte Duplex;

    /// <summary>The longest table that spreads frames over queues.</summary>
    internal ushort TableLength;

    /// <summary>What can be hashed (virtio 1.4, 5.1.9.4.3).</summary>
    internal uint HashTypes;

    /// <summary>Inside of which tunnels.</summary>
    internal uint TunnelTypes;

    /// <summary>The speed where nobody knows.</summary>
    internal const uint UnknownSpeed = uint.MaxValue;

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
            | (length < StatusOffset + 2 ? NetDriver.Status | NetDriver.GuestAnnounce : 0)
            | (length < DuplexOffset + 1 ? NetDriver.SpeedDuplex : 0)
            | (length < TunnelTypesOffset + 4 ? NetDriver.HashTunnel : 0)
            | RefuseHashes(transport, offered, length)
            | RefuseQueues(transport, offered, length);
        refused |= (offered & ~refused & NetDriver.ControlQueue) != 0 ? 0 : NetDriver.NothingWithoutCommands;
        bool hasMtu = (offered & NetDriver.Mtu) == 0
            || (length >= MtuOffset + 2 && transport.ReadConfiguration16(MtuOffset) >= MinimumMtu);
        return offered & (refused | (hasMtu ? 0 : NetDriver.Mtu));
    }

    private static Features RefuseHashes(VirtioTransport transport, Features offered, uint length)
    {
        const Features Hashes = NetDriver.Rss | NetDriver.HashReport;
        if ((offered & Hashes) == 0)
        {
            return Features.None;
        }

        if (length < HashTypesOffset + 4 || transport.ReadConfiguration8(KeySizeOffset) < SmallestKey)
        {
            return Hashes;
        }

        // The table's field is there only with RSS (virtio 1.4, 2.5.1).
        bool isRefused = (offered & NetDriver.Rss) != 0
            && transport.ReadConfiguration16(TableLengthOffset) < SmallestTable;
        return isRefused ? NetDriver.Rss : Features.None;
    }

    /// <summary>Refuses what needs queues that are not there.</summary>
    private static Features RefuseQueues(VirtioTransport transport, Features offered, uint length)
    {
        Features refused = transport.QueueCount > QueuesOfOnePair ? Features.None : NetDriver.ControlQueue;
        if ((offered & NetDriver.ManyQueues) == 0)
        {
            return refused;
        }

        // All queues of the device are set up, because the control queue is behind them.
        ushort pairs = length < QueuePairsOffset + 2 ? (ushort)0 : transport.ReadConfiguration16(QueuePairsOffset);
        bool areThere = pairs >= 1 && pairs <= NetOptions.MaximumQueuePairs
            && transport.QueueCount > QueuesOfOnePair * pairs;
        return refused | (areThere ? Features.None : NetDriver.ManyQueues);
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

        ushort status = hasStatus ? transport.ReadConfiguration16(StatusOffset) : LinkUp;
        IsLinkUp = (status & LinkUp) != 0;
        IsAnnouncementDue = (status & Announce) != 0 && (features & NetDriver.GuestAnnounce) != 0;
        Mtu = hasMtu ? transport.ReadConfiguration16(MtuOffset) : DefaultMtu;
        bool hasSpeed = (features & NetDriver.SpeedDuplex) != 0;
        Speed = hasSpeed ? transport.ReadConfiguration32(SpeedOffset) : UnknownSpeed;
        Duplex = hasSpeed ? transport.ReadConfiguration8(DuplexOffset) : byte.MaxValue;
        bool hasPairs = (features & NetDriver.ManyQueues) != 0;
        MaximumQueuePairs = hasPairs ? transport.ReadConfiguration16(QueuePairsOffset) : (ushort)1;
        TableLength = (features & NetDriver.Rss) != 0 ? transport.ReadConfiguration16(TableLengthOffset) : (ushort)0;
        bool hasHashes = (features & (NetDriver.Rss | NetDriver.HashReport)) != 0;
        HashTypes = hasHashes ? transport.ReadConfiguration32(HashTypesOffset) : 0;
        bool hasTunnels = (features & NetDriver.HashTunnel) != 0;
        TunnelTypes = hasTunnels ? transport.ReadConfiguration32(TunnelTypesOffset) : 0;
    }
}
