using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net.Wire;

internal readonly partial record struct DhcpMessage
{
    /// <summary>Reads a message.</summary>
    /// <returns>Whether it is a DHCP message, or one of the BOOTP that came before it (RFC 951).</returns>
    /// <remarks>
    /// Servers are taken as they are. An option that cannot be used is as good as none, and so is a time of zero. The
    /// hardware type and address length are not looked at: whose message it is, its transaction and the address tell.
    /// </remarks>
    public static bool TryParse(ReadOnlySpan<byte> data, out DhcpMessage message)
    {
        message = default;
        if (data.Length < OptionsOffset || data[0] is not (Request or Reply))
        {
            return false;
        }

        // A plain BOOTP server may leave the field of the cookie empty.
        uint cookie = BinaryPrimitives.ReadUInt32BigEndian(data[CookieOffset..]);
        if (cookie is not (MagicCookie or 0))
        {
            return false;
        }

        DhcpOptions options = cookie == 0 ? default : new DhcpOptions(
            data[OptionsOffset..], data[FileOffset..CookieOffset], data[ServerNameOffset..FileOffset]);
        DhcpMessage candidate = new()
        {
            IsReply = data[0] == Reply,
            TransactionId = BinaryPrimitives.ReadUInt32BigEndian(data[TransactionIdOffset..]),
            Seconds = BinaryPrimitives.ReadUInt16BigEndian(data[SecondsOffset..]),
            WantsBroadcast = (BinaryPrimitives.ReadUInt16BigEndian(data[FlagsOffset..]) & BroadcastFlag) != 0,
            ClientAddress = ByteOrder.ReadIPv4Address(data, ClientAddressOffset),
            YourAddress = ByteOrder.ReadIPv4Address(data, YourAddressOffset),
            ClientHardware = ByteOrder.ReadMacAddress(data, ClientHardwareOffset),
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

        // Without a type it is BOOTP, unless DHCP shows elsewhere or the type may be in what is lost.
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
}
