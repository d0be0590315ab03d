using System;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Devices.Net;

/// <summary>What the owner of a network device has a use for. Whatever it leaves out is never negotiated.</summary>
public sealed class NetOptions
{
    /// <summary>The most queue pairs that the driver can be told to use.</summary>
    public const int MaximumQueuePairs = 16;

    /// <summary>Frames as they are, one queue pair, no commands: for owners that know of nothing else.</summary>
    public static readonly NetOptions Plain = new NetOptions(NetUses.None);

    /// <summary>Describes an owner.</summary>
    /// <param name="uses">What it can do with a device.</param>
    /// <param name="queuePairs">
    /// How many queue pairs it has a use for, 1 to <see cref="MaximumQueuePairs"/>; the device may have fewer.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">There can be no such number of queue pairs.</exception>
    public NetOptions(NetUses uses, int queuePairs = 1)
    {
        if (queuePairs < 1 || queuePairs > MaximumQueuePairs)
        {
            throw new ArgumentOutOfRangeException(nameof(queuePairs));
        }

        Uses = uses;
        QueuePairs = queuePairs;
    }

    /// <summary>What it can do with a device.</summary>
    public NetUses Uses { get; }

    /// <summary>How many queue pairs it has a use for.</summary>
    public int QueuePairs { get; }

    /// <summary>The features that go with it.</summary>
    internal Features Wanted
    {
        get
        {
            Features wanted = NetDriver.Plain;
            wanted |= If(NetUses.SendPartialChecksums, NetDriver.Checksum);
            wanted |= If(
                NetUses.SendTcpSegments, NetDriver.HostTso4 | NetDriver.HostTso6 | NetDriver.HostEcn
                | NetDriver.GuestHeaderLength);
            wanted |= If(NetUses.SendUdpSegments, NetDriver.HostUso | NetDriver.GuestHeaderLength);
            wanted |= If(NetUses.ReceivePartialChecksums, NetDriver.GuestChecksum);
            wanted |= If(
                NetUses.ReceiveTcpSegments, NetDriver.GuestTso4 | NetDriver.GuestTso6 | NetDriver.GuestEcn);
            wanted |= If(NetUses.ReceiveUdpSegments, NetDriver.GuestUso4 | NetDriver.GuestUso6);
            wanted |= If(NetUses.MergeableBuffers, NetDriver.MergeableBuffers);
            wanted |= If(
                NetUses.Filters, NetDriver.ControlQueue | NetDriver.ControlReceive | NetDriver.ControlReceiveExtra
                | NetDriver.ControlVlan | NetDriver.ControlMacAddress);
            wanted |= If(NetUses.Announcements, NetDriver.ControlQueue | NetDriver.GuestAnnounce);
            wanted |= If(NetUses.GuestOffloadChanges, NetDriver.ControlQueue | NetDriver.ControlGuestOffloads);
            wanted |= If(
                NetUses.Coalescing, NetDriver.ControlQueue | NetDriver.Coalescing | NetDriver.QueueCoalescing);
            wanted |= If(
                NetUses.HashReports, NetDriver.ControlQueue | NetDriver.HashReport | NetDriver.HashTunnel);
            return QueuePairs == 1
                ? wanted
                : wanted | NetDriver.ControlQueue | NetDriver.MultipleQueues
                    | If(NetUses.ReceiveSideScaling, NetDriver.Rss | NetDriver.HashTunnel);
        }
    }

    /// <summary>The features from bit 64 on that go with it.</summary>
    internal HighFeatures WantedHigh
    {
        get
        {
            HighFeatures wanted = HighFeatures.None;
            wanted |= (Uses & NetUses.SendTunnelSegments) != 0
                ? NetDriver.HostUdpTunnel | NetDriver.HostUdpTunnelChecksum
                : HighFeatures.None;
            wanted |= (Uses & NetUses.ReceiveTunnelSegments) != 0
                ? NetDriver.GuestUdpTunnel | NetDriver.GuestUdpTunnelChecksum
                : HighFeatures.None;
            return wanted
                | ((Uses & NetUses.OuterNetworkHeaders) != 0 ? NetDriver.OuterNetworkHeader : HighFeatures.None);
        }
    }

    private Features If(NetUses use, Features features) => (Uses & use) != 0 ? features : Features.None;
}

/// <summary>What the owner of a network device can do with it (virtio 1.4, 5.1.3).</summary>
[Flags]
public enum NetUses
{
    /// <summary>Send and receive frames as they are on the wire.</summary>
    None = 0,

    /// <summary>Send frames whose checksum the device completes (CSUM).</summary>
    SendPartialChecksums = 1 << 0,

    /// <summary>Send large TCP segments that the device cuts (HOST_TSO4, HOST_TSO6, HOST_ECN); needs CSUM.</summary>
    SendTcpSegments = 1 << 1,

    /// <summary>Send large UDP datagrams that the device cuts (HOST_USO); needs CSUM.</summary>
    SendUdpSegments = 1 << 2,

    /// <summary>Receive frames whose checksum was checked, or never completed (GUEST_CSUM).</summary>
    ReceivePartialChecksums = 1 << 3,

    /// <summary>Receive TCP segments of up to 64 KiB (GUEST_TSO4, GUEST_TSO6, GUEST_ECN); needs GUEST_CSUM.</summary>
    ReceiveTcpSegments = 1 << 4,

    /// <summary>Receive several UDP datagrams in one frame (GUEST_USO4, GUEST_USO6); needs GUEST_CSUM.</summary>
    ReceiveUdpSegments = 1 << 5,

    /// <summary>Receive frames that are put together from several buffers (MRG_RXBUF).</summary>
    MergeableBuffers = 1 << 6,

    /// <summary>
    /// Say which frames are wanted (CTRL_RX, CTRL_RX_EXTRA, CTRL_VLAN, CTRL_MAC_ADDR). Whoever wants that has to say
    /// it: a device that filters drops what it was not told of.
    /// </summary>
    Filters = 1 << 7,

    /// <summary>Announce the station again where the device asks for it (GUEST_ANNOUNCE).</summary>
    Announcements = 1 << 8,

    /// <summary>Change what the device may do on the way in (CTRL_GUEST_OFFLOADS).</summary>
    GuestOffloadChanges = 1 << 9,

    /// <summary>Say how notifications are put together (NOTF_COAL, VQ_NOTF_COAL).</summary>
    Coalescing = 1 << 10,

    /// <summary>Hear the hash of each received frame (HASH_REPORT).</summary>
    HashReports = 1 << 11,

    /// <summary>Have frames spread over the queues by their hash (RSS), where there are several.</summary>
    ReceiveSideScaling = 1 << 12,

    /// <summary>
    /// Send large segments through a UDP tunnel, which the device cuts (HOST_UDP_TUNNEL_GSO and its checksum); needs
    /// <see cref="SendTcpSegments"/> and <see cref="SendUdpSegments"/>.
    /// </summary>
    SendTunnelSegments = 1 << 13,

    /// <summary>
    /// Receive large segments that came through a UDP tunnel (GUEST_UDP_TUNNEL_GSO and its checksum); needs
    /// <see cref="ReceiveTcpSegments"/> and <see cref="ReceiveUdpSegments"/>.
    /// </summary>
    ReceiveTunnelSegments = 1 << 14,

    /// <summary>Say, and be told, where the network header begins (OUT_NET_HEADER).</summary>
    OuterNetworkHeaders = 1 << 15,

    /// <summary>All of it.</summary>
    All = (1 << 16) - 1,
}
