using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Devices.Net;

namespace VirtioGuest.Drivers.Virtio.Tests.Net;

/// <summary>Frames as an IP stack makes them.</summary>
internal static class NetFrames
{
    public const int IPv4TcpHeaders = 14 + 20 + 20;

    public const int IPv4UdpHeaders = 14 + 20 + 8;

    public const int IPv6TcpHeaders = 14 + 40 + 20;

    /// <summary>Where the UDP header of a tunnel begins.</summary>
    public const int OuterTransport = 14 + 20;

    /// <summary>Where the frame in a tunnel begins.</summary>
    public const int InnerFrame = OuterTransport + 8 + TunnelHeaderLength;

    private const int TunnelHeaderLength = 8;

    /// <summary>Bytes that belong to a number.</summary>
    public static byte[] Bytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>A TCP segment over IPv4 whose checksum covers the pseudo-header alone.</summary>
    public static byte[] Tcp4(int dataLength, int port = 1000, int seed = 1) =>
        Transport4(dataLength, 6, 20, 16, port, seed);

    /// <summary>The same of UDP.</summary>
    public static byte[] Udp4(int dataLength, int port = 1000, int seed = 1) =>
        Transport4(dataLength, 17, 8, 6, port, seed);

    /// <summary>A TCP segment over IPv6, likewise.</summary>
    public static byte[] Tcp6(int dataLength)
    {
        byte[] frame = Bytes(IPv6TcpHeaders + dataLength, 6);
        Ethernet(frame, 0x86DD);
        Span<byte> ip = frame.AsSpan(14);
        ip[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)(20 + dataLength));
        ip[6] = 6;
        frame[14 + 40 + 12] = 5 << 4;
        Partial(frame, 54, 16, ip[8..40], 6);
        return frame;
    }

    /// <summary>
    /// A frame in a UDP datagram over IPv4, behind the 8 bytes of a tunnel. The checksum covers the pseudo-header
    /// alone, or there is none.
    /// </summary>
    public static byte[] Tunnelled(byte[] inner, bool hasChecksum)
    {
        byte[] frame = Transport4(TunnelHeaderLength + inner.Length, 17, 8, 6, 5000, 3);
        inner.CopyTo(frame, InnerFrame);
        if (!hasChecksum)
        {
            frame.AsSpan(OuterTransport + 6, 2).Clear();
        }

        return frame;
    }

    /// <summary>Whether a frame's checksums are those of a whole packet.</summary>
    public static bool IsIntact(ReadOnlySpan<byte> frame)
    {
        ReadOnlySpan<byte> ip = frame[14..];
        bool isIPv4 = frame[12] == 8;
        int headerLength = isIPv4 ? (ip[0] & 0xF) * 4 : 40;
        byte protocol = isIPv4 ? ip[9] : ip[6];
        ReadOnlySpan<byte> addresses = isIPv4 ? ip[12..20] : ip[8..40];
        ReadOnlySpan<byte> payload = ip[headerLength..];
        int total = isIPv4
            ? BinaryPrimitives.ReadUInt16BigEndian(ip[2..])
            : headerLength + BinaryPrimitives.ReadUInt16BigEndian(ip[4..]);
        uint sum = Sum(payload) + Sum(addresses) + protocol + (uint)payload.Length;
        return total == ip.Length && (!isIPv4 || Fold(Sum(ip[..headerLength])) == 0xFFFF) && Fold(sum) == 0xFFFF;
    }

    private static byte[] Transport4(
        int dataLength, byte protocol, int transportLength, int checksumOffset, int port, int seed)
    {
        byte[] frame = Bytes(14 + 20 + transportLength + dataLength, seed);
        Ethernet(frame, 0x0800);
        Span<byte> ip = frame.AsSpan(14);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        ip[6..8].Clear();
        ip[9] = protocol;
        new byte[] { 10, 0, 0, 1, 10, 0, 0, 2 }.CopyTo(ip[12..]);
        ip[10..12].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~Fold(Sum(ip[..20])));
        Span<byte> transport = ip[20..];
        BinaryPrimitives.WriteUInt16BigEndian(transport, (ushort)port);
        BinaryPrimitives.WriteUInt16BigEndian(transport[2..], 80);
        if (protocol == 6)
        {
            transport[12] = 5 << 4;
            transport[13] = 0x18;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)transport.Length);
        }

        Partial(frame, 34, checksumOffset, ip[12..20], protocol);
        return frame;
    }

    private static void Ethernet(Span<byte> frame, ushort type)
    {
        new byte[] { 0x52, 0x54, 0, 0x12, 0x34, 0x56, 2, 0, 0, 0, 0, 9 }.CopyTo(frame);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], type);
    }

    private static void Partial(
        Span<byte> frame, int start, int offset, ReadOnlySpan<byte> addresses, byte protocol)
    {
        uint sum = Sum(addresses) + protocol + (uint)(frame.Length - start);
        BinaryPrimitives.WriteUInt16BigEndian(frame[(start + offset)..], Fold(sum));
    }

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += i % 2 == 0 ? (uint)bytes[i] << 8 : bytes[i];
        }

        return Fold(sum);
    }

    private static ushort Fold(uint sum)
    {
        while (sum > 0xFFFF)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)sum;
    }
}

/// <summary>Keeps received frames and what was said of them.</summary>
internal sealed class DescribedFrames : FrameSink
{
    public List<(byte[] Frame, FrameInfo Info)> Frames { get; } = [];

    public override void OnFrame(ReadOnlySpan<byte> frame) => throw new InvalidOperationException("nothing is said");

    public override void OnFrame(ReadOnlySpan<byte> frame, in FrameInfo info) => Frames.Add((frame.ToArray(), info));
}
