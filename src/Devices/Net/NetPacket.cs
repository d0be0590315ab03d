using System;
using System.Buffers.Binary;
using System.Collections.Generic;

namespace VirtioGuest.Devices.Net;

/// <summary>A frame with the header before it.</summary>
public readonly record struct NetPacket(byte[] Frame, NetPacketHeader Header);

/// <summary>The fields of <c>struct virtio_net_hdr</c> (virtio 1.4, 5.1.9).</summary>
/// <param name="Flags">flags.</param>
/// <param name="SegmentType">gso_type.</param>
/// <param name="HeaderLength">hdr_len.</param>
/// <param name="SegmentSize">gso_size.</param>
/// <param name="ChecksumStart">csum_start.</param>
/// <param name="ChecksumOffset">csum_offset.</param>
/// <param name="BufferCount">num_buffers.</param>
/// <param name="Hash">hash_value.</param>
/// <param name="HashReport">hash_report.</param>
/// <param name="OuterTransport">outer_th_offset.</param>
/// <param name="InnerNetwork">inner_nh_offset.</param>
/// <param name="OuterNetwork">outer_nh_offset.</param>
public readonly record struct NetPacketHeader(
    byte Flags,
    byte SegmentType = 0,
    ushort HeaderLength = 0,
    ushort SegmentSize = 0,
    ushort ChecksumStart = 0,
    ushort ChecksumOffset = 0,
    ushort BufferCount = 0,
    uint Hash = 0,
    ushort HashReport = 0,
    ushort OuterTransport = 0,
    ushort InnerNetwork = 0,
    ushort OuterNetwork = 0)
{
    /// <summary>NEEDS_CSUM.</summary>
    public const byte NeedsChecksum = 1;

    /// <summary>DATA_VALID.</summary>
    public const byte DataValid = 2;

    /// <summary>UDP_TUNNEL_CSUM.</summary>
    public const byte TunnelChecksum = 8;

    /// <summary>UDP_TUNNEL_IPV4.</summary>
    public const byte TunnelOfIPv4 = 0x20;

    /// <summary>UDP_TUNNEL_IPV6.</summary>
    public const byte TunnelOfIPv6 = 0x40;

    /// <summary>TCPV4.</summary>
    public const byte Tcp4 = 1;

    /// <summary>TCPV6.</summary>
    public const byte Tcp6 = 4;

    /// <summary>UDP_L4.</summary>
    public const byte UdpDatagrams = 5;

    /// <summary>ECN.</summary>
    public const byte Ecn = 0x80;

    private const int TcpChecksumOffset = 16;
    private const int UdpHeaderLength = 8;
    private const int TcpLengthOffset = 12;
    private const int TunnelOffset = 20;
    private const int OuterNetworkOffset = 24;

    /// <summary>What it is of a tunnel.</summary>
    internal int TunnelType => SegmentType & (TunnelOfIPv4 | TunnelOfIPv6);

    /// <summary>What is cut, or was put together.</summary>
    internal int PlainType => SegmentType & ~(Ecn | TunnelOfIPv4 | TunnelOfIPv6);

    /// <summary>Reads as much of it as there is.</summary>
    public static NetPacketHeader Read(ReadOnlySpan<byte> bytes) => new NetPacketHeader(
        bytes[0],
        bytes[1],
        BinaryPrimitives.ReadUInt16LittleEndian(bytes[2..]),
        BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]),
        BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]),
        BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]),
        BinaryPrimitives.ReadUInt16LittleEndian(bytes[10..]),
        bytes.Length > 12 ? BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]) : 0,
        Read16(bytes, 16),
        Read16(bytes, TunnelOffset),
        Read16(bytes, TunnelOffset + 2),
        Read16(bytes, OuterNetworkOffset));

    private static ushort Read16(ReadOnlySpan<byte> bytes, int offset) =>
        offset < bytes.Length ? BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]) : (ushort)0;

    /// <summary>Writes as much of it as there is room for.</summary>
    public void Write(Span<byte> bytes, bool hasHash)
    {
        bytes[0] = Flags;
        bytes[1] = SegmentType;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[2..], HeaderLength);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[4..], SegmentSize);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[6..], ChecksumStart);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[8..], ChecksumOffset);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[10..], BufferCount);
        if (hasHash)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[12..], Hash);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[16..], HashReport);
        }

        if (bytes.Length > TunnelOffset)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[TunnelOffset..], OuterTransport);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[(TunnelOffset + 2)..], InnerNetwork);
        }

        if (bytes.Length > OuterNetworkOffset)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[OuterNetworkOffset..], OuterNetwork);
        }
    }

    /// <summary>
    /// What is wrong with the header of a frame to send (virtio 1.4, 5.1.9.2.1); null where nothing is.
    /// </summary>
    internal string? FindFault(ulong features, ulong high, ReadOnlySpan<byte> frame)
    {
        if (Hash != 0 || HashReport != 0)
        {
            return "the header of a frame to send tells a hash";
        }

        if (OuterNetwork != 0 && ((high & NetFeature.OuterNetworkHeader) == 0 || OuterNetwork >= frame.Length))
        {
            return "outer_nh_offset was not negotiated, or lies outside of its frame";
        }

        return (this with { OuterNetwork = 0 }).FindOffloadFault(features, frame) ?? FindTunnelFault(high, frame);
    }

    private string? FindTunnelFault(ulong high, ReadOnlySpan<byte> frame)
    {
        if (TunnelType == 0)
        {
            return (Flags & TunnelChecksum) != 0 || OuterTransport != 0 || InnerNetwork != 0
                ? "the header of a frame tells of a tunnel that it does not go through"
                : null;
        }

        bool isIPv6 = TunnelType == TunnelOfIPv6;
        bool hasChecksum = (Flags & TunnelChecksum) != 0;
        ulong needed = NetFeature.HostUdpTunnel | (hasChecksum ? NetFeature.HostUdpTunnelChecksum : 0);
        if ((high & needed) != needed)
        {
            return "the header of a frame asks for a tunnel that was not negotiated";
        }

        bool isOfKind = PlainType != 0 && TunnelType != (TunnelOfIPv4 | TunnelOfIPv6)
            && PlainType != (isIPv6 ? Tcp4 : Tcp6);
        bool isInOrder = OuterTransport > 14 && InnerNetwork >= OuterTransport + UdpHeaderLength
            && ChecksumStart > InnerNetwork && frame[InnerNetwork] >> 4 == (isIPv6 ? 6 : 4);
        if (!isOfKind || !isInOrder)
        {
            return "a tunnel's headers do not lie where they are said to, or are others";
        }

        return !hasChecksum && (frame[OuterTransport + 6] | frame[OuterTransport + 7]) != 0
            ? "the outer header has a checksum that would be wrong in the pieces"
            : null;
    }

    private string? FindOffloadFault(ulong features, ReadOnlySpan<byte> frame)
    {
        int type = PlainType;
        ulong needed = type switch
        {
            0 => 0,
            Tcp4 => NetFeature.HostTso4,
            Tcp6 => NetFeature.HostTso6,
            UdpDatagrams => NetFeature.HostUso,
            _ => ulong.MaxValue,
        };
        needed |= (SegmentType & Ecn) != 0 ? NetFeature.HostEcn : 0;
        needed |= (Flags & NeedsChecksum) != 0 ? NetFeature.Checksum : 0;
        if (BufferCount != 0 || (Flags & ~(NeedsChecksum | TunnelChecksum)) != 0 || (features & needed) != needed)
        {
            return "the header of a frame asks for what was not negotiated";
        }

        if ((Flags & NeedsChecksum) == 0)
        {
            return this != default ? "the header of a frame says something without asking for anything" : null;
        }

        if (ChecksumStart + ChecksumOffset + 2 > frame.Length)
        {
            return "a checksum lies outside of its frame";
        }

        if (type == 0)
        {
            return SegmentSize != 0 ? "a frame that is not cut has a size of pieces" : null;
        }

        int transport = ChecksumOffset == TcpChecksumOffset && frame.Length > ChecksumStart + TcpLengthOffset
            ? (frame[ChecksumStart + TcpLengthOffset] >> 4) * 4
            : UdpHeaderLength;
        bool isExact = HeaderLength == ChecksumStart + transport;
        return SegmentSize == 0 || ((features & NetFeature.GuestHeaderLength) != 0 && !isExact)
            ? "the header of a frame that is cut has no size, or not the length of the headers"
            : null;
    }
}

/// <summary>Does what a driver leaves to its device: completes checksums and cuts large frames.</summary>
internal static class NetSegmentation
{
    private const int NetworkOffset = 14;
    private const int IPv6HeaderLength = 40;
    private const int TcpFlagsOffset = 13;
    private const byte FinAndPush = 0x09;
    private const byte CongestionReduced = 0x80;

    /// <summary>The frames that go over the wire.</summary>
    public static IReadOnlyList<byte[]> Complete(byte[] frame, NetPacketHeader header)
    {
        if ((header.Flags & NetPacketHeader.NeedsChecksum) == 0
            || header.ChecksumStart + header.ChecksumOffset + 2 > frame.Length)
        {
            return [frame];
        }

        int headers = header.HeaderLength;
        bool isCut = header.SegmentType != 0 && header.SegmentSize != 0 && headers <= frame.Length
            && headers > header.ChecksumStart;
        if (!isCut)
        {
            byte[] whole = [.. frame];
            CompleteChecksum(whole, header);
            return [whole];
        }

        List<byte[]> pieces = [];
        for (int at = headers; at < frame.Length; at += header.SegmentSize)
        {
            int length = Math.Min(header.SegmentSize, frame.Length - at);
            byte[] piece = [.. frame.AsSpan(0, headers), .. frame.AsSpan(at, length)];
            Adapt(piece, frame.Length, header, at - headers, isLast: at + length == frame.Length);
            CompleteChecksum(piece, header);
            CompleteOuterChecksum(piece, header);
            pieces.Add(piece);
        }

        return pieces;
    }

    /// <summary>The checksum of the Internet over some bytes, not complemented.</summary>
    public static ushort Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += i % 2 == 0 ? (uint)bytes[i] << 8 : bytes[i];
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)sum;
    }

    private static void CompleteChecksum(Span<byte> frame, NetPacketHeader header)
    {
        Span<byte> covered = frame[header.ChecksumStart..];
        ushort sum = (ushort)~Sum(covered);
        bool isUdp = header.ChecksumOffset == 6;
        BinaryPrimitives.WriteUInt16BigEndian(
            covered[header.ChecksumOffset..], sum == 0 && isUdp ? ushort.MaxValue : sum);
    }

    /// <summary>Completes the checksum of the UDP header that a piece's tunnel begins with.</summary>
    private static void CompleteOuterChecksum(Span<byte> piece, NetPacketHeader header)
    {
        if (header.TunnelType != 0 && (header.Flags & NetPacketHeader.TunnelChecksum) != 0)
        {
            Span<byte> covered = piece[header.OuterTransport..];
            ushort sum = (ushort)~Sum(covered);
            BinaryPrimitives.WriteUInt16BigEndian(covered[6..], sum == 0 ? ushort.MaxValue : sum);
        }
    }

    /// <summary>Makes the headers of a piece those of a packet of its own.</summary>
    private static void Adapt(Span<byte> piece, int whole, NetPacketHeader header, int offset, bool isLast)
    {
        int index = offset / header.SegmentSize;
        AdaptNetwork(piece[NetworkOffset..], index);
        int less = whole - piece.Length;
        if (header.TunnelType != 0)
        {
            Span<byte> outer = piece[header.OuterTransport..];
            BinaryPrimitives.WriteUInt16BigEndian(outer[4..], (ushort)outer.Length);
            if ((header.Flags & NetPacketHeader.TunnelChecksum) != 0)
            {
                Reduce(outer[6..], less);
            }

            AdaptNetwork(piece[header.InnerNetwork..], index);
        }

        // The pseudo-header of a piece has a smaller length: the sum in the frame is for all of it.
        Span<byte> transport = piece[header.ChecksumStart..];
        Reduce(transport[header.ChecksumOffset..], less);
        if (header.PlainType == NetPacketHeader.UdpDatagrams)
        {
            BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)transport.Length);
            return;
        }

        uint sequence = BinaryPrimitives.ReadUInt32BigEndian(transport[4..]);
        BinaryPrimitives.WriteUInt32BigEndian(transport[4..], sequence + (uint)offset);
        transport[TcpFlagsOffset] &= (byte)(isLast ? 0xFF : ~FinAndPush);
        transport[TcpFlagsOffset] &= (byte)(index == 0 ? 0xFF : ~CongestionReduced);
    }

    private static void AdaptNetwork(Span<byte> network, int index)
    {
        if (network[0] >> 4 == 4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(network[2..], (ushort)network.Length);
            ushort id = BinaryPrimitives.ReadUInt16BigEndian(network[4..]);
            BinaryPrimitives.WriteUInt16BigEndian(network[4..], (ushort)(id + index));
            int length = (network[0] & 0xF) * 4;
            network[10..12].Clear();
            BinaryPrimitives.WriteUInt16BigEndian(network[10..], (ushort)~Sum(network[..length]));
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(network[4..], (ushort)(network.Length - IPv6HeaderLength));
        }
    }

    private static void Reduce(Span<byte> checksum, int less)
    {
        uint sum = BinaryPrimitives.ReadUInt16BigEndian(checksum) + (uint)(ushort)~less;
        BinaryPrimitives.WriteUInt16BigEndian(checksum, (ushort)((sum & 0xFFFF) + (sum >> 16)));
    }
}
