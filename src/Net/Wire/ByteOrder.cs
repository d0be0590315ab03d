using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net.Wire;

/// <summary>Addresses in network byte order.</summary>
internal static class ByteOrder
{
    /// <summary>Reads the address that starts at an offset.</summary>
    public static IPv4Address ReadIPv4Address(ReadOnlySpan<byte> bytes, int offset) =>
        new(BinaryPrimitives.ReadUInt32BigEndian(bytes[offset..]));

    /// <summary>Writes an address at an offset.</summary>
    public static void WriteIPv4Address(Span<byte> bytes, int offset, IPv4Address address) =>
        BinaryPrimitives.WriteUInt32BigEndian(bytes[offset..], address.Value);

    /// <summary>Reads the address that starts at an offset.</summary>
    public static MacAddress ReadMacAddress(ReadOnlySpan<byte> bytes, int offset) =>
        new(bytes.Slice(offset, MacAddress.Length));
}
