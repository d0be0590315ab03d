namespace VirtioGuest.Net;

/// <summary>Why a frame or packet went no further.</summary>
public enum DropReason
{
    /// <summary>Received: too short, or from an address that no station can have.</summary>
    EthernetMalformed,

    /// <summary>Received: addressed to another station or a group, or sent by ourselves.</summary>
    EthernetNotForUs,

    /// <summary>Received: neither ARP nor IPv4.</summary>
    EthernetUnknownType,

    /// <summary>Received: a length in place of a type, as in spanning tree and the like (IEEE 802.3).</summary>
    EthernetLengthField,

    /// <summary>Received: a frame of a VLAN; only a tag that names none is accepted.</summary>
    EthernetVlan,

    /// <summary>Received: an ARP packet that is too short, or not about IPv4 over Ethernet.</summary>
    ArpMalformed,

    /// <summary>Received: an ARP packet that neither asks for us nor answers us.</summary>
    ArpNotForUs,

    /// <summary>Received: an IPv4 header with an invalid version or length.</summary>
    IPv4Malformed,

    /// <summary>Received: an IPv4 header with a wrong checksum.</summary>
    IPv4Checksum,

    /// <summary>Received: a fragment that is invalid, or contradicts others of its datagram.</summary>
    IPv4Fragment,

    /// <summary>Received: a fragment that had already arrived.</summary>
    IPv4FragmentRepeated,

    /// <summary>Received: a datagram in fragments, not all of which came in time.</summary>
    IPv4FragmentsMissing,

    /// <summary>Received: a datagram in fragments that had to make room for newer ones.</summary>
    IPv4FragmentsTooMany,

    /// <summary>Received: an IPv4 source address that no other host can have.</summary>
    IPv4BadSource,

    /// <summary>Received: an IPv4 destination that is not ours.</summary>
    IPv4NotForUs,

    /// <summary>Received: neither ICMP nor TCP nor UDP.</summary>
    IPv4UnknownProtocol,

    /// <summary>Received: an ICMP message that is too short.</summary>
    IcmpMalformed,

    /// <summary>Received: an ICMP message with a wrong checksum.</summary>
    IcmpChecksum,

    /// <summary>Received: an ICMP message of a type that is not acted on, or one that was broadcast.</summary>
    IcmpIgnored,

    /// <summary>Received: an echo reply or an error that answers nothing we are waiting for.</summary>
    IcmpUnmatched,

    /// <summary>Received: a UDP header with an invalid length.</summary>
    UdpMalformed,

    /// <summary>Received: a UDP datagram with a wrong checksum.</summary>
    UdpChecksum,

    /// <summary>Received: a UDP datagram for a port that nobody has open.</summary>
    UdpNoSocket,

    /// <summary>Received: a UDP datagram for a socket whose queue is full.</summary>
    UdpSocketFull,

    /// <summary>Received: a TCP segment with an impossible header or option.</summary>
    TcpMalformed,

    /// <summary>Received: a TCP segment with a wrong checksum.</summary>
    TcpChecksum,

    /// <summary>Received: a TCP segment that belongs to no connection.</summary>
    TcpNoConnection,

    /// <summary>Received: a request for a TCP connection for which there is no room.</summary>
    TcpBacklogFull,

    /// <summary>Received: not a DHCP message: too short, or without a type.</summary>
    DhcpMalformed,

    /// <summary>Received: a DHCP message that is not for us, or not what we are waiting for.</summary>
    DhcpIgnored,

    /// <summary>To send: the link was down.</summary>
    LinkDown,

    /// <summary>To send: the device had no room.</summary>
    LinkBusy,

    /// <summary>To send: too many packets were waiting for an address to be resolved.</summary>
    ArpQueueFull,

    /// <summary>To send: the next hop did not answer ARP.</summary>
    ArpUnanswered,
}

/// <summary>The reasons of <see cref="DropReason"/> in words.</summary>
public static class DropReasonText
{
    /// <summary>How many reasons there are.</summary>
    internal const int Count = (int)DropReason.ArpUnanswered + 1;

    /// <summary>The reason as a phrase for people.</summary>
    public static string Describe(this DropReason reason) => reason switch
    {
        DropReason.EthernetMalformed => "malformed Ethernet frame",
        DropReason.EthernetNotForUs => "frame for another station",
        DropReason.EthernetUnknownType => "unknown EtherType",
        DropReason.EthernetLengthField => "IEEE 802.3 frame",
        DropReason.EthernetVlan => "frame of a VLAN",
        DropReason.ArpMalformed => "malformed ARP packet",
        DropReason.ArpNotForUs => "ARP packet for others",
        DropReason.IPv4Malformed => "malformed IPv4 header",
        DropReason.IPv4Checksum => "wrong IPv4 header checksum",
        DropReason.IPv4Fragment => "impossible IPv4 fragment",
        DropReason.IPv4FragmentRepeated => "repeated IPv4 fragment",
        DropReason.IPv4FragmentsMissing => "IPv4 datagram with missing fragments",
        DropReason.IPv4FragmentsTooMany => "too many IPv4 datagrams in fragments",
        DropReason.IPv4BadSource => "impossible IPv4 source",
        DropReason.IPv4NotForUs => "IPv4 packet for another host",
        DropReason.IPv4UnknownProtocol => "unknown IPv4 protocol",
        DropReason.IcmpMalformed => "malformed ICMP message",
        DropReason.IcmpChecksum => "wrong ICMP checksum",
        DropReason.IcmpIgnored => "ICMP message not acted on",
        DropReason.IcmpUnmatched => "ICMP answer to nothing asked",
        DropReason.UdpMalformed => "malformed UDP header",
        DropReason.UdpChecksum => "wrong UDP checksum",
        DropReason.UdpNoSocket => "no such UDP port",
        DropReason.UdpSocketFull => "UDP socket full",
        DropReason.TcpMalformed => "malformed TCP segment",
        DropReason.TcpChecksum => "wrong TCP checksum",
        DropReason.TcpNoConnection => "no such TCP connection",
        DropReason.TcpBacklogFull => "no room for a TCP connection",
        DropReason.DhcpMalformed => "malformed DHCP message",
        DropReason.DhcpIgnored => "DHCP message not expected",
        DropReason.LinkDown => "link down",
        DropReason.LinkBusy => "no room at the device",
        DropReason.ArpQueueFull => "too many packets waiting for ARP",
        DropReason.ArpUnanswered => "ARP unanswered",
        _ => "unknown reason",
    };
}
