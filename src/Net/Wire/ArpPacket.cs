using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net.Wire;

/// <summary>An ARP packet for IPv4 over Ethernet (RFC 826).</summary>
internal readonly record struct ArpPacket(
    ArpOperation Operation,
    MacAddress SenderHardware,
    IPv4Address SenderAddress,
    MacAddress TargetHardware,
    IPv4Address TargetAddress)
{
    public const int Length = 28;

    private const ushort HardwareEthernet = 1;
    private const int ProtocolOffset = 2;
    private const int HardwareLengthOffset = 4;
    private const int ProtocolLengthOffset = 5;
    private const int OperationOffset = 6;
    private const int SenderHardwareOffset = 8;
    private const int SenderAddressOffset = 14;
    private const int TargetHardwareOffset = 18;
    private const int TargetAddressOffset = 24;

    /// <summary>Reads a packet; what follows it is padding.</summary>
    /// <returns>Whether it is a request or reply about IPv4 over Ethernet, sent by a single station.</returns>
    public static bool TryParse(ReadOnlySpan<byte> data, out ArpPacket packet)
    {
        packet = default;
        if (data.Length < Length
            || BinaryPrimitives.ReadUInt16BigEndian(data) != HardwareEthernet
            || BinaryPrimitives.ReadUInt16BigEndian(data[ProtocolOffset..]) != (ushort)EtherType.IPv4
            || data[HardwareLengthOffset] != MacAddress.Length
            || data[ProtocolLengthOffset] != IPv4Address.Length)
        {
            return false;
        }

        var candidate = new ArpPacket(
            (ArpOperation)BinaryPrimitives.ReadUInt16BigEndian(data[OperationOffset..]),
            new MacAddress(data[SenderHardwareOffset..]),
            new IPv4Address(data[SenderAddressOffset..]),
            new MacAddress(data[TargetHardwareOffset..]),
            new IPv4Address(data[TargetAddressOffset..]));

        if (candidate.Operation is not (ArpOperation.Request or ArpOperation.Reply)
            || !candidate.SenderHardware.IsUnicast)
        {
            return false;
        }

        packet = candidate;
        return true;
    }

    public void Write(Span<byte> data)
    {
        BinaryPrimitives.WriteUInt16BigEndian(data, HardwareEthernet);
        BinaryPrimitives.WriteUInt16BigEndian(data[ProtocolOffset..], (ushort)EtherType.IPv4);
        data[HardwareLengthOffset] = MacAddress.Length;
        data[ProtocolLengthOffset] = IPv4Address.Length;
        BinaryPrimitives.WriteUInt16BigEndian(data[OperationOffset..], (ushort)Operation);
        SenderHardware.CopyTo(data[SenderHardwareOffset..]);
        SenderAddress.CopyTo(data[SenderAddressOffset..]);
        TargetHardware.CopyTo(data[TargetHardwareOffset..]);
        TargetAddress.CopyTo(data[TargetAddressOffset..]);
    }
}

/// <summary>What an ARP packet is for (RFC 826).</summary>
internal enum ArpOperation : ushort
{
    /// <summary>Asks who has the target address.</summary>
    Request = 1,

    /// <summary>Tells who has the sender address.</summary>
    Reply = 2,
}
