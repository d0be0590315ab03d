using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net.Wire;

/// <summary>A DHCP message: the fields and options that a client deals in (RFC 2131, 2; RFC 2132).</summary>
/// <remarks>
/// Addresses that a message does not have are <see cref="IPv4Address.Any"/>, times are null and never zero.
/// </remarks>
internal readonly partial record struct DhcpMessage
{
    /// <summary>The client's UDP port.</summary>
    public const ushort ClientPort = 68;

    /// <summary>The server's UDP port.</summary>
    public const ushort ServerPort = 67;

    /// <summary>How many bytes <see cref="Write"/> writes: the size that everyone must accept (RFC 2131, 2).</summary>
    public const int WrittenLength = 548;

    private const byte Request = 1;
    private const byte Reply = 2;
    private const byte HardwareEthernet = 1;
    private const uint MagicCookie = 0x6382_5363;
    private const ushort BroadcastFlag = 0x8000;

    private const int HardwareTypeOffset = 1;
    private const int HardwareLengthOffset = 2;
    private const int TransactionIdOffset = 4;
    private const int SecondsOffset = 8;
    private const int FlagsOffset = 10;
    private const int ClientAddressOffset = 12;
    private const int YourAddressOffset = 16;
    private const int ClientHardwareOffset = 28;
    private const int ServerNameOffset = 44;
    private const int FileOffset = 108;
    private const int CookieOffset = 236;
    private const int OptionsOffset = 240;

    /// <summary>Whether a server sent it.</summary>
    public bool IsReply { get; init; }

    /// <summary>The number that the client chose for this exchange.</summary>
    public uint TransactionId { get; init; }

    /// <summary>For how many seconds the client has been trying.</summary>
    public ushort Seconds { get; init; }

    /// <summary>Whether the client wants answers to be broadcast.</summary>
    public bool WantsBroadcast { get; init; }

    /// <summary>The address that the client uses already (ciaddr).</summary>
    public IPv4Address ClientAddress { get; init; }

    /// <summary>The address that the server offers or grants (yiaddr).</summary>
    public IPv4Address YourAddress { get; init; }

    /// <summary>The client's Ethernet address (chaddr).</summary>
    public MacAddress ClientHardware { get; init; }

    /// <summary>What the message is for; <see cref="DhcpMessageType.None"/> for one of BOOTP.</summary>
    public DhcpMessageType Type { get; init; }

    /// <summary>The subnet mask.</summary>
    public IPv4Address SubnetMask { get; init; }

    /// <summary>The routers.</summary>
    public DhcpAddresses Routers { get; init; }

    /// <summary>The name servers.</summary>
    public DhcpAddresses NameServers { get; init; }

    /// <summary>The largest packet that the network carries; 0 where the message does not say.</summary>
    public ushort InterfaceMtu { get; init; }

    /// <summary>The address that the client wants.</summary>
    public IPv4Address RequestedAddress { get; init; }

    /// <summary>The server that the message comes from or goes to.</summary>
    public IPv4Address ServerIdentifier { get; init; }

    /// <summary>For how long the address is granted.</summary>
    public uint? LeaseSeconds { get; init; }

    /// <summary>After how long the lease is renewed with its server (T1).</summary>
    public uint? RenewalSeconds { get; init; }

    /// <summary>After how long the lease is renewed with any server (T2).</summary>
    public uint? RebindingSeconds { get; init; }
}
