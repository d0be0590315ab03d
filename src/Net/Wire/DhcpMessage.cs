using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net.Wire;

/// <summary>A DHCP message: the fields and options that a client uses (RFC 2131, 2; RFC 2132).</summary>
/// <remarks>
/// Addresses that a message does not have are <see cref="IPv4Address.Any"/>; times that it does not have are null, and
/// never zero.
/// </remarks>
internal readonly record struct DhcpMessage
{
    public const ushort ClientPort = 68;

    public const ushort ServerPort = 67;

    /// <summary>How many bytes <see cref="Write"/> writes: the size that every host accepts (RFC 2131, 2).</summary>
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

    /// <summary>How many seconds the client has been trying.</summary>
    public ushort Seconds { get; init; }

    /// <summary>Whether the client wants answers to be broadcast.</summary>
    public bool WantsBroadcast { get; init; }

    /// <summary>The address that the client already uses (ciaddr).</summary>
    public IPv4Address ClientAddress { get; init; }

    /// <summary>The address that the server offers or grants (yiaddr).</summary>
    public IPv4Address YourAddress { get; init; }

    /// <summary>The client's Ethernet address (chaddr).</summary>
    public MacAddress ClientHardware { get; init; }

    public DhcpMessageType Type { get; init; }

    public IPv4Address SubnetMask { get; init; }

    public DhcpAddresses Routers { get; init; }

    public DhcpAddresses NameServers { get; init; }

    /// <summary>The largest packet that the network carries, in bytes; 0 where the message does not say.</summary>
    public ushort InterfaceMtu { get; init; }

    /// <summary>The address that the client wants.</summary>
    public IPv4Address RequestedAddress { get; init; }

    /// <summary>The server that the message comes from or goes to.</summary>
    public IPv4Address ServerIdentifier { get; init; }

    public uint? LeaseSeconds { get; init; }

    /// <summary>T1: when the client asks its server to extend the lease.</summary>
    public uint? RenewalSeconds { get; init; }

    /// <summary>T2: when it asks any server.</summary>
    public uint? RebindingSeconds { get; init; }

    /// <summary>Reads a message.</summary>
    /// <returns>Whether it is a message of DHCP, or of BOOTP, which came before it (RFC 951).</returns>
    /// <remarks>
    /// Servers are taken as they are. An unusable option counts as absent, and so does a time of zero. Hardware type
    /// and address length are ignored: the transaction and the hardware address say whom the message is for.
    /// </remarks>
    public static bool TryParse(ReadOnlySpan<byte> data, out DhcpMessage message)
    {
        message = default;
        if (data.Length < OptionsOffset || data[0] is not (Request or Reply))
        {
            return false;
        }

        // A plain BOOTP server may leave the cookie's field empty.
        uint cookie = BinaryPrimitives.ReadUInt32BigEndian(data[CookieOffset..]);
        if (cookie is not (MagicCookie or 0))
        {
            return false;
        }

        DhcpOptions options = cookie == 0 ? default : new DhcpOptions(
            data[OptionsOffset..], data[FileOffset..CookieOffset], data[ServerNameOffset..FileOffset]);
        var candidate = new DhcpMessage
        {
            IsReply = data[0] == Reply,
            TransactionId = BinaryPrimitives.ReadUInt32BigEndian(data[TransactionIdOffset..]),
            Seconds = BinaryPrimitives.ReadUInt16BigEndian(data[SecondsOffset..]),
            WantsBroadcast = (BinaryPrimitives.ReadUInt16BigEndian(data[FlagsOffset..]) & BroadcastFlag) != 0,
            ClientAddress = new IPv4Address(data[ClientAddressOffset..]),
            YourAddress = new IPv4Address(data[YourAddressOffset..]),
            ClientHardware = new MacAddress(data[ClientHardwareOffset..]),
            Type = ReadType(options),
            SubnetMask = ReadAddress(options, DhcpOption.SubnetMask),
            Routers = ReadAddresses(options, DhcpOption.Router),
            NameServers = ReadAddresses(options, DhcpOption.NameServer),
            InterfaceMtu = ReadInterfaceMtu(options),
            RequestedAddress = ReadAddress(options, DhcpOption.RequestedAddress),
            ServerIdentifier = ReadAddress(options, DhcpOption.ServerIdentifier),
            LeaseSeconds = ReadSeconds(options, DhcpOption.LeaseTime),
            RenewalSeconds = ReadSeconds(options, DhcpOption.RenewalTime),
            RebindingSeconds = ReadSeconds(options, DhcpOption.RebindingTime),
        };

        // Without a type it is BOOTP, unless another option belongs to DHCP or the type may be in a part that is lost.
        bool isBootp = (cookie == 0 || options.IsWhole)
            && candidate.LeaseSeconds is null
            && candidate.ServerIdentifier.IsAny;
        if (candidate.Type == DhcpMessageType.None && !isBootp)
        {
            return false;
        }

        message = candidate;
        return true;
    }

    private static DhcpMessageType ReadType(in DhcpOptions options)
    {
        Span<byte> value = stackalloc byte[1];
        return options.Read(DhcpOption.MessageType, value) == 1 ? (DhcpMessageType)value[0] : DhcpMessageType.None;
    }

    private static IPv4Address ReadAddress(in DhcpOptions options, DhcpOption option)
    {
        return new IPv4Address(ReadNumber(options, option));
    }

    private static uint? ReadSeconds(in DhcpOptions options, DhcpOption option)
    {
        uint seconds = ReadNumber(options, option);
        return seconds == 0 ? null : seconds;
    }

    private static uint ReadNumber(in DhcpOptions options, DhcpOption option)
    {
        Span<byte> value = stackalloc byte[sizeof(uint)];
        return options.Read(option, value) == sizeof(uint) ? BinaryPrimitives.ReadUInt32BigEndian(value) : 0;
    }

    private static ushort ReadInterfaceMtu(in DhcpOptions options)
    {
        Span<byte> value = stackalloc byte[sizeof(ushort)];
        return options.Read(DhcpOption.InterfaceMtu, value) == sizeof(ushort)
            ? BinaryPrimitives.ReadUInt16BigEndian(value)
            : (ushort)0;
    }

    private static DhcpAddresses ReadAddresses(in DhcpOptions options, DhcpOption option)
    {
        Span<byte> value = stackalloc byte[DhcpAddresses.Capacity * IPv4Address.Length];
        return DhcpAddresses.Read(value[..options.Read(option, value)]);
    }

    private static ReadOnlySpan<byte> WantedOptions =>
    [
        (byte)DhcpOption.SubnetMask,
        (byte)DhcpOption.Router,
        (byte)DhcpOption.NameServer,
        (byte)DhcpOption.InterfaceMtu,
        (byte)DhcpOption.LeaseTime,
        (byte)DhcpOption.ServerIdentifier,
        (byte)DhcpOption.RenewalTime,
        (byte)DhcpOption.RebindingTime,
    ];

    /// <summary>Writes the message, padded to <see cref="WrittenLength"/> bytes.</summary>
    public void Write(Span<byte> destination)
    {
        Span<byte> message = destination[..WrittenLength];
        message.Clear();
        message[0] = IsReply ? Reply : Request;
        message[HardwareTypeOffset] = HardwareEthernet;
        message[HardwareLengthOffset] = MacAddress.Length;
        BinaryPrimitives.WriteUInt32BigEndian(message[TransactionIdOffset..], TransactionId);
        BinaryPrimitives.WriteUInt16BigEndian(message[SecondsOffset..], Seconds);
        BinaryPrimitives.WriteUInt16BigEndian(message[FlagsOffset..], WantsBroadcast ? BroadcastFlag : (ushort)0);
        ClientAddress.CopyTo(message[ClientAddressOffset..]);
        YourAddress.CopyTo(message[YourAddressOffset..]);
        ClientHardware.CopyTo(message[ClientHardwareOffset..]);
        BinaryPrimitives.WriteUInt32BigEndian(message[CookieOffset..], MagicCookie);
        WriteOptions(message[OptionsOffset..]);
    }

    private void WriteOptions(Span<byte> options)
    {
        if (Type != DhcpMessageType.None)
        {
            options = Put(options, DhcpOption.MessageType, [(byte)Type]);
        }

        options = PutAddress(options, DhcpOption.RequestedAddress, RequestedAddress);
        options = PutAddress(options, DhcpOption.ServerIdentifier, ServerIdentifier);
        options = PutAddress(options, DhcpOption.SubnetMask, SubnetMask);
        options = PutAddresses(options, DhcpOption.Router, Routers);
        options = PutAddresses(options, DhcpOption.NameServer, NameServers);
        if (InterfaceMtu != 0)
        {
            options = Put(options, DhcpOption.InterfaceMtu, [(byte)(InterfaceMtu >> 8), (byte)InterfaceMtu]);
        }

        options = PutSeconds(options, DhcpOption.LeaseTime, LeaseSeconds);
        options = PutSeconds(options, DhcpOption.RenewalTime, RenewalSeconds);
        options = PutSeconds(options, DhcpOption.RebindingTime, RebindingSeconds);
        if (!IsReply)
        {
            options = Put(options, DhcpOption.ParameterRequestList, WantedOptions);
        }

        options[0] = (byte)DhcpOption.End;
    }

    private static Span<byte> PutAddress(Span<byte> options, DhcpOption option, IPv4Address address) =>
        address.IsAny ? options : PutNumber(options, option, address.Value);

    private static Span<byte> PutAddresses(Span<byte> options, DhcpOption option, DhcpAddresses addresses)
    {
        Span<byte> bytes = stackalloc byte[DhcpAddresses.Capacity * IPv4Address.Length];
        int length = 0;
        while (length < bytes.Length && !addresses[length / IPv4Address.Length].IsAny)
        {
            addresses[length / IPv4Address.Length].CopyTo(bytes[length..]);
            length += IPv4Address.Length;
        }

        return length == 0 ? options : Put(options, option, bytes[..length]);
    }

    private static Span<byte> PutSeconds(Span<byte> options, DhcpOption option, uint? seconds) =>
        seconds is null ? options : PutNumber(options, option, seconds.Value);

    private static Span<byte> PutNumber(Span<byte> options, DhcpOption option, uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return Put(options, option, bytes);
    }

    private static Span<byte> Put(Span<byte> options, DhcpOption option, scoped ReadOnlySpan<byte> value)
    {
        options[0] = (byte)option;
        options[1] = (byte)value.Length;
        value.CopyTo(options[2..]);
        return options[(2 + value.Length)..];
    }
}

/// <summary>What a DHCP message is for (RFC 2132, 9.6).</summary>
internal enum DhcpMessageType : byte
{
    /// <summary>A BOOTP message, which has no type (RFC 951; RFC 1534).</summary>
    None = 0,

    /// <summary>A client looks for servers (DHCPDISCOVER).</summary>
    Discover = 1,

    /// <summary>A server offers an address (DHCPOFFER).</summary>
    Offer = 2,

    /// <summary>A client asks for an offered address, or to keep the one that it has (DHCPREQUEST).</summary>
    Request = 3,

    /// <summary>A server grants it (DHCPACK).</summary>
    Ack = 5,

    /// <summary>A server refuses it (DHCPNAK).</summary>
    Nak = 6,
}

/// <summary>The first addresses of a list in a DHCP message, in the server's order of preference.</summary>
internal readonly record struct DhcpAddresses(
    IPv4Address First, IPv4Address Second = default, IPv4Address Third = default)
{
    /// <summary>How many addresses of a longer list are kept.</summary>
    public const int Capacity = 3;

    /// <summary>Whether there are none; missing addresses are <see cref="IPv4Address.Any"/>.</summary>
    public bool IsEmpty => this == default;

    /// <param name="index">0 to <see cref="Capacity"/> - 1.</param>
    public IPv4Address this[int index] => index switch
    {
        0 => First,
        1 => Second,
        2 => Third,
        _ => throw new ArgumentOutOfRangeException(nameof(index)),
    };

    /// <summary>Reads a list; an incomplete address at its end is left out.</summary>
    public static DhcpAddresses Read(ReadOnlySpan<byte> bytes)
    {
        return new DhcpAddresses(At(bytes, 0), At(bytes, 1), At(bytes, 2));
    }

    private static IPv4Address At(ReadOnlySpan<byte> bytes, int index)
    {
        int offset = index * IPv4Address.Length;
        return bytes.Length - offset >= IPv4Address.Length ? new IPv4Address(bytes[offset..]) : default;
    }
}
