namespace VirtioGuest.Net;

/// <summary>Why a frame or packet went no further.</summary>
public enum DropReason
{
    /// <summary>Received: too short or too long, or from an address that no station can have.</summary>
    EthernetMalformed,

    /// <summary>Received: addressed to another station or a group, or our own frame come back.</summary>
    EthernetNotForUs,

    /// <summary>Received: neither ARP nor IPv4.</summary>
    EthernetUnknownType,

    /// <summary>Received: a length in place of a type, as spanning tree and the like have it (IEEE 802.3).</summary>
    EthernetLengthField,

    /// <summary>Received: a frame of a VLAN; only a tag without one, for a priority, is taken off.</summary>
    EthernetVlan,

    /// <summary>Received: an ARP packet that is too short, or not about IPv4 over Ethernet.</summary>
    ArpMalformed,

    /// <summary>Received: an ARP packet about hosts that we have no business with.</summary>
    ArpNotForUs,

    /// <summary>Received: an IPv4 header whose version or lengths cannot be.</summary>
    IPv4Malformed,

    /// <summary>Received: an IPv4 header with a wrong checksum.</summary>
    IPv4Checksum,

    /// <summary>Received: a fragment that cannot be, or contradicts others of its datagram.</summary>
    IPv4Fragment,

    /// <summary>Received: a fragment that was there already.</summary>
    IPv4FragmentRepeated,

    /// <summary>Received: a datagram in fragments, some of which did not come in time.</summary>
    IPv4FragmentsMissing,

    /// <summary>Received: a datagram in fragments that had to make room for newer ones.</summary>
    IPv4FragmentsTooMany,

    /// <summary>Received: an IPv4 source address that no single other host can have.</summary>
    IPv4BadSource,

    /// <summary>Received: an IPv4 destination that is not ours.</summary>
    IPv4NotForUs,

    /// <summary>Received: neither ICMP nor UDP.</summary>
    IPv4UnknownProtocol,

    /// <summary>Received: an ICMP message that is too short.</summary>
    IcmpMalformed,

    /// <summary>Received: an ICMP message with a wrong checksum.</summary>
    IcmpChecksum,

    /// <summary>Received: an ICMP message of a kind that is not acted on, or an echo request to everyone.</summary>
    IcmpIgnored,

    /// <summary>Received: an echo reply or an error that answers nothing we are waiting for.</summary>
    IcmpUnmatched,

    /// <summary>Received: a UDP header whose length cannot be.</summary>
    UdpMalformed,

    /// <summary>Received: a UDP datagram with a wrong checksum.</summary>
    UdpChecksum,

    /// <summary>Received: a UDP datagram for a port that nobody has open.</summary>
    UdpNoSocket,

    /// <summary>Received: a UDP datagram for a socket whose queue is full.</summary>
    UdpSocketFull,

    /// <summary>Received: what is no DHCP message: too short, or without a type.</summary>
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
