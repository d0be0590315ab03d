namespace VirtioGuest.Net.Wire;

/// <summary>What an Ethernet frame carries.</summary>
internal enum EtherType : ushort
{
    /// <summary>The smallest type; what is smaller is a length (IEEE 802.3, 3.2.6).</summary>
    Smallest = 0x0600,

    /// <summary>An IPv4 packet (RFC 894).</summary>
    IPv4 = 0x0800,

    /// <summary>An ARP packet (RFC 826).</summary>
    Arp = 0x0806,

    /// <summary>A tag, then another type (IEEE 802.1Q).</summary>
    Vlan = 0x8100,
}
