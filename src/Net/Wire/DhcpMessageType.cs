namespace VirtioGuest.Net.Wire;

/// <summary>What a DHCP message is for (RFC 2132, 9.6).</summary>
internal enum DhcpMessageType : byte
{
    /// <summary>A message of BOOTP, which knows no types (RFC 951; RFC 1534).</summary>
    None = 0,

    /// <summary>A client looks for servers.</summary>
    Discover = 1,

    /// <summary>A server offers an address.</summary>
    Offer = 2,

    /// <summary>A client asks for an offered address, or to keep the one that it has.</summary>
    Request = 3,

    /// <summary>A server grants it.</summary>
    Acknowledge = 5,

    /// <summary>A server refuses it.</summary>
    Refuse = 6,
}
