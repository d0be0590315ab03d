using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net.Wire;

internal readonly partial record struct DhcpMessage
{
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
    /// <param name="destination">At least <see cref="WrittenLength"/> bytes.</param>
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
        ByteOrder.WriteIPv4Address(message, ClientAddressOffset, ClientAddress);
        ByteOrder.WriteIPv4Address(message, YourAddressOffset, YourAddress);
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
            ByteOrder.WriteIPv4Address(bytes, length, addresses[length / IPv4Address.Length]);
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
