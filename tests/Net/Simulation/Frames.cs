using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;

namespace VirtioGuest.Net.Tests.Simulation;

/// <summary>Frames built byte by byte as the RFCs say, without the code under test.</summary>
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
        byte[]? options = null,
        ushort identification = 0x1234)
    {
        options ??= [];
        byte[] header =
        [
            (byte)(0x45 + (options.Length / 4)), 0, .. Big((ushort)(20 + options.Length + payload.Length)),
            .. Big(identification), .. Big(fragment),
            timeToLive, protocol, 0, 0,
            .. Bytes(source), .. Bytes(destination), .. options,
        ];
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), Checksum(header));
        return [.. header, .. payload];
    }

    /// <summary>One fragment of a packet without options: a range of its payload.</summary>
    public static byte[] Fragment(byte[] packet, int offset, int length, bool? hasMore = null)
    {
        bool isMore = hasMore ?? 20 + offset + length < packet.Length;
        return IPv4(
            AddressAt(packet, 12),
            AddressAt(packet, 16),
            packet[9],
            packet[(20 + offset)..(20 + offset + length)],
            packet[8],
            (ushort)((offset / 8) | (isMore ? 0x2000 : 0)),
            identification: WordAt(packet, 4));
    }

    /// <summary>A packet without options in fragments with payloads of a size, which is a multiple of eight.</summary>
    public static byte[][] Fragments(byte[] packet, int size)
    {
        int length = packet.Length - 20;
        return
        [
            .. from index in Enumerable.Range(0, (length + size - 1) / size)
               select Fragment(packet, index * size, Math.Min(size, length - (index * size))),
        ];
    }

    /// <summary>Reassembles packets whose fragments came one after the other.</summary>
    public static byte[][] Join(IEnumerable<byte[]> packets)
    {
        List<byte[]> whole = [];
        byte[] payload = [];
        foreach (byte[] packet in packets)
        {
            int fragment = WordAt(packet, 6);
            if ((fragment & 0x1FFF) * 8 != payload.Length)
            {
                throw new InvalidOperationException("A fragment does not continue where the last one ended.");
            }

            payload = [.. payload, .. packet[20..WordAt(packet, 2)]];
            if ((fragment & 0x2000) == 0)
            {
                whole.Add(IPv4(AddressAt(packet, 12), AddressAt(packet, 16), packet[9], payload));
                payload = [];
            }
        }

        return [.. whole];
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

    public static byte[] Tcp(
        IPv4Address source,
        IPv4Address destination,
        ushort sourcePort,
        ushort destinationPort,
        uint sequence,
        uint acknowledgment,
        byte flags,
        ushort window,
        byte[] options,
        byte[] data)
    {
        byte[] padded = [.. options, .. new byte[-options.Length & 3]];
        byte[] segment =
        [
            .. Big(sourcePort), .. Big(destinationPort), .. Big(sequence), .. Big(acknowledgment),
            (byte)((20 + padded.Length) / 4 << 4), flags, .. Big(window), 0, 0, 0, 0, .. padded, .. data,
        ];
        ushort checksum = Checksum(WithPseudoHeader(source, destination, segment, protocol: 6));
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(16), checksum);
        return segment;
    }

    public static byte[] WithPseudoHeader(
        IPv4Address source, IPv4Address destination, ReadOnlySpan<byte> datagram, byte protocol = 17)
    {
        return [.. Bytes(source), .. Bytes(destination), 0, protocol, .. Big((ushort)datagram.Length), .. datagram];
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
