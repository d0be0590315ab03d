using System;
using System.Buffers.Binary;
using System.Linq;

namespace VirtioGuest.Net.Tests.Simulation;

/// <summary>Frames put together byte by byte after the RFCs, without the code under test.</summary>
internal static class Frames
{
    public static byte[] Ethernet(MacAddress destination, MacAddress source, ushort type, byte[] payload)
    {
        byte[] frame = [.. Bytes(destination), .. Bytes(source), .. Big(type), .. payload];
        return frame.Length >= 60 ? frame : [.. frame, .. new byte[60 - frame.Length]];
    }

    public static byte[] Arp(
        ushort operation, MacAddress sender, IPv4Address senderAddress, MacAddress target, IPv4Address targetAddress)
    {
        return
        [
            0, 1, 8, 0, 6, 4, .. Big(operation),
            .. Bytes(sender), .. Bytes(senderAddress),
            .. Bytes(target), .. Bytes(targetAddress),
        ];
    }

    public static byte[] IPv4(
        IPv4Address source,
        IPv4Address destination,
        byte protocol,
        byte[] payload,
        byte timeToLive = 64,
        ushort fragment = 0,
        byte[]? options = null)
    {
        options ??= [];
        byte[] header =
        [
            (byte)(0x45 + (options.Length / 4)), 0, .. Big((ushort)(20 + options.Length + payload.Length)),
            0x12, 0x34, .. Big(fragment),
            timeToLive, protocol, 0, 0,
            .. Bytes(source), .. Bytes(destination), .. options,
        ];
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), Checksum(header));
        return [.. header, .. payload];
    }

    public static byte[] Icmp(byte type, byte code, ushort identifier, ushort sequence, byte[] payload)
    {
        byte[] message = [type, code, 0, 0, .. Big(identifier), .. Big(sequence), .. payload];
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), Checksum(message));
        return message;
    }

    public static byte[] Udp(
        IPv4Address source, IPv4Address destination, ushort sourcePort, ushort destinationPort, byte[] data)
    {
        byte[] length = Big((ushort)(8 + data.Length));
        byte[] datagram = [.. Big(sourcePort), .. Big(destinationPort), .. length, 0, 0, .. data];
        ushort checksum = Checksum(WithPseudoHeader(source, destination, datagram));
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(6), checksum == 0 ? (ushort)0xFFFF : checksum);
        return datagram;
    }

    public static byte[] WithPseudoHeader(IPv4Address source, IPv4Address destination, ReadOnlySpan<byte> datagram)
    {
        return [.. Bytes(source), .. Bytes(destination), 0, 17, .. Big((ushort)datagram.Length), .. datagram];
    }

    /// <summary>The Internet checksum in its plainest form: word by word, each carry added at once.</summary>
    public static ushort Checksum(ReadOnlySpan<byte> data)
    {
        int sum = 0;
        for (int i = 0; i < data.Length; i += 2)
        {
            sum += (data[i] << 8) | (i + 1 < data.Length ? data[i + 1] : 0);
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)~sum;
    }

    public static byte[] Bytes(MacAddress address)
    {
        byte[] bytes = new byte[6];
        address.CopyTo(bytes);
        return bytes;
    }

    public static byte[] Bytes(IPv4Address address) => Big(address.Value);

    public static byte[] Big(ushort value) => [(byte)(value >> 8), (byte)value];

    public static byte[] Big(uint value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    public static byte[] Hex(string text) => Convert.FromHexString(string.Concat(text.Where(char.IsAsciiHexDigit)));

    public static MacAddress MacAt(byte[] frame, int offset) => new(frame.AsSpan(offset, 6));

    public static IPv4Address AddressAt(byte[] frame, int offset) =>
        new(BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(offset)));

    public static ushort WordAt(byte[] frame, int offset) =>
        BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(offset));

    public static uint LongAt(byte[] frame, int offset) =>
        BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(offset));
}
