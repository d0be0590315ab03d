namespace VirtioGuest.Net;

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
        DropReason.DhcpMalformed => "malformed DHCP message",
        DropReason.DhcpIgnored => "DHCP message not expected",
        DropReason.LinkDown => "link down",
        DropReason.LinkBusy => "no room at the device",
        DropReason.ArpQueueFull => "too many packets waiting for ARP",
        DropReason.ArpUnanswered => "ARP unanswered",
        _ => "unknown reason",
    };
}
