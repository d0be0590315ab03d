namespace VirtioGuest.Net.Wire;

/// <summary>What an IPv4 packet carries.</summary>
internal enum IPv4Protocol : byte
{
    /// <summary>An ICMP message (RFC 792).</summary>
    Icmp = 1,

    /// <summary>A UDP datagram (RFC 768).</summary>
    Udp = 17,
}
