namespace VirtioGuest.Net.Wire;

/// <summary>What an Ethernet frame carries.</summary>
internal enum EtherType : ushort
{
    /// <summary>An IPv4 packet (RFC 894).</summary>
    IPv4 = 0x0800,

    /// <summary>An ARP packet (RFC 826).</summary>
    Arp = 0x0806,
}
