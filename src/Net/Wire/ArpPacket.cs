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
    /// <summary>The size in bytes.</summary>
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

        ArpPacket candidate = new(
            (ArpOperation)BinaryPrimitives.ReadUInt16BigEndian(data[OperationOffset..]),
            ByteOrder.ReadMacAddress(data, SenderHardwareOffset),
            ByteOrder.ReadIPv4Address(data, SenderAddressOffset),
            ByteOrder.ReadMacAddress(data, TargetHardwareOffset),
            ByteOrder.ReadIPv4Address(data, TargetAddressOffset));

        if (candidate.Operation is not (ArpOperation.Request or ArpOperation.Reply)
            || !candidate.SenderHardware.IsUnicast)
        {
            return false;
        }

        packet = candidate;
        return true;
    }

    /// <summary>Writes the packet.</summary>
    public void Write(Span<byte> data)
    {
        BinaryPrimitives.WriteUInt16BigEndian(data, HardwareEthernet);
        BinaryPrimitives.WriteUInt16BigEndian(data[ProtocolOffset..], (ushort)EtherType.IPv4);
        data[HardwareLengthOffset] = MacAddress.Length;
        data[ProtocolLengthOffset] = IPv4Address.Length;
        BinaryPrimitives.WriteUInt16BigEndian(data[OperationOffset..], (ushort)Operation);
        SenderHardware.CopyTo(data[SenderHardwareOffset..]);
        ByteOrder.WriteIPv4Address(data, SenderAddressOffset, SenderAddress);
        TargetHardware.CopyTo(data[TargetHardwareOffset..]);
        ByteOrder.WriteIPv4Address(data, TargetAddressOffset, TargetAddress);
    }
}
