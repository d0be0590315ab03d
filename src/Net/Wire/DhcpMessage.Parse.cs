using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net.Wire;

internal readonly partial record struct DhcpMessage
{
    /// <summary>Reads a message.</summary>
    /// <returns>
    /// Whether it is a DHCP message for an Ethernet client all of whose options have room and the right size.
    /// </returns>
    public static bool TryParse(ReadOnlySpan<byte> data, out DhcpMessage message)
    {
        message = default;
        if (data.Length < OptionsOffset
            || data[0] is not (1 or 2)
            || data[HardwareTypeOffset] != HardwareEthernet
            || data[HardwareLengthOffset] != MacAddress.Length
            || BinaryPrimitives.ReadUInt32BigEndian(data[CookieOffset..]) != MagicCookie)
        {
            return false;
        }

        DhcpMessage candidate = new()
        {
            IsReply = data[0] == 2,
            TransactionId = BinaryPrimitives.ReadUInt32BigEndian(data[TransactionIdOffset..]),
            Seconds = BinaryPrimitives.ReadUInt16BigEndian(data[SecondsOffset..]),
            WantsBroadcast = (BinaryPrimitives.ReadUInt16BigEndian(data[FlagsOffset..]) & BroadcastFlag) != 0,
            ClientAddress = ByteOrder.ReadIPv4Address(data, ClientAddressOffset),
            YourAddress = ByteOrder.ReadIPv4Address(data, YourAddressOffset),
            ClientHardware = ByteOrder.ReadMacAddress(data, ClientHardwareOffset),
        };

        // Options may go on in the file field, then in the server name field (RFC 2131, 4.1).
        int overload = 0;
        bool isWhole = TryReadOptions(data[OptionsOffset..], ref candidate, ref overload)
            && ((overload & 1) == 0 || TryReadOptions(data[FileOffset..CookieOffset], ref candidate, ref overload))
            && ((overload & 2) == 0 || TryReadOptions(data[ServerNameOffset..FileOffset], ref candidate, ref overload));
        if (!isWhole || candidate.Type == 0)
        {
            return false;
        }

        message = candidate;
        return true;
    }

    private static bool TryReadOptions(ReadOnlySpan<byte> options, ref DhcpMessage message, ref int overload)
    {
        while (options.Length > 0 && options[0] != (byte)DhcpOption.End)
        {
            if (options[0] == (byte)DhcpOption.Pad)
            {
                options = options[1..];
                continue;
            }

            if (options.Length < 2 || options.Length - 2 < options[1])
            {
                return false;
            }

            ReadOnlySpan<byte> value = options.Slice(2, options[1]);
            if (!TryReadOption((DhcpOption)options[0], value, ref message, ref overload))
            {
                return false;
            }

            options = options[(2 + value.Length)..];
        }

        return true;
    }

    private static bool TryReadOption(
        DhcpOption option, ReadOnlySpan<byte> value, ref DhcpMessage message, ref int overload)
    {
        switch (option)
        {
            case DhcpOption.MessageType:
            case DhcpOption.Overload:
                return value.Length == 1 && TryReadByte(option, value[0], ref message, ref overload);

            case DhcpOption.Router:
            case DhcpOption.NameServer:
                return value.Length >= IPv4Address.Length
                    && value.Length % IPv4Address.Length == 0
                    && TryReadNumber(option, value, ref message);

            case DhcpOption.SubnetMask:
            case DhcpOption.RequestedAddress:
            case DhcpOption.ServerIdentifier:
            case DhcpOption.LeaseTime:
            case DhcpOption.RenewalTime:
            case DhcpOption.RebindingTime:
                return value.Length == sizeof(uint) && TryReadNumber(option, value, ref message);

            default:
                return true;
        }
    }

    private static bool TryReadByte(DhcpOption option, byte value, ref DhcpMessage message, ref int overload)
    {
        if (option == DhcpOption.MessageType)
        {
            message = message with { Type = (DhcpMessageType)value };
            return value != 0;
        }

        overload = value;
        return value is >= 1 and <= 3;
    }

    private static bool TryReadNumber(DhcpOption option, ReadOnlySpan<byte> value, ref DhcpMessage message)
    {
        uint number = BinaryPrimitives.ReadUInt32BigEndian(value);
        IPv4Address address = new(number);
        message = option switch
        {
            DhcpOption.SubnetMask => message with { SubnetMask = address },
            DhcpOption.Router => message with { Router = address },
            DhcpOption.NameServer => message with { NameServer = address },
            DhcpOption.RequestedAddress => message with { RequestedAddress = address },
            DhcpOption.ServerIdentifier => message with { ServerIdentifier = address },
            DhcpOption.LeaseTime => message with { LeaseSeconds = number },
            DhcpOption.RenewalTime => message with { RenewalSeconds = number },
            DhcpOption.RebindingTime => message with { RebindingSeconds = number },
            _ => message,
        };

        return true;
    }
}
