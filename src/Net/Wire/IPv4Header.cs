using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net.Wire;

/// <summary>The header of an IPv4 packet (RFC 791, 3.1).</summary>
/// <param name="HeaderLength">The size of the header in bytes, options included.</param>
/// <param name="TotalLength">The size of header and payload in bytes.</param>
/// <param name="Identification">The same in all fragments of a packet.</param>
/// <param name="Fragment">Flags and fragment offset as they are sent; bit 14 forbids fragmenting.</param>
/// <param name="TimeToLive">How many more routers may forward the packet.</param>
/// <param name="Protocol">What the payload is.</param>
/// <param name="Source">The sender.</param>
/// <param name="Destination">The receiver.</param>
internal readonly record struct IPv4Header(
    int HeaderLength,
    int TotalLength,
    ushort Identification,
    ushort Fragment,
    byte TimeToLive,
    IPv4Protocol Protocol,
    IPv4Address Source,
    IPv4Address Destination)
{
    /// <summary>The size of a header without options in bytes.</summary>
    public const int MinimumLength = 20;

    /// <summary>The size of the largest packet in bytes.</summary>
    public const int MaximumPacketLength = 65535;

    /// <summary>Fragments start at multiples of this many bytes.</summary>
    public const int FragmentUnit = 8;

    /// <summary>In <see cref="Fragment"/>: routers may not cut the packet.</summary>
    public const ushort DontFragment = 0x4000;

    private const int Version = 4;
    private const ushort MoreFragments = 0x2000;
    private const ushort OffsetMask = 0x1FFF;
    private const int TotalLengthOffset = 2;
    private const int IdentificationOffset = 4;
    private const int FragmentFieldOffset = 6;
    private const int TimeToLiveOffset = 8;
    private const int ProtocolOffset = 9;
    private const int ChecksumOffset = 10;
    private const int SourceOffset = 12;
    private const int DestinationOffset = 16;

    /// <summary>Whether this packet is only a part of a datagram.</summary>
    public bool IsFragment => (Fragment & (MoreFragments | OffsetMask)) != 0;

    /// <summary>Whether this is a fragment and not the last one.</summary>
    public bool HasMoreFragments => (Fragment & MoreFragments) != 0;

    /// <summary>Where in the datagram's payload this fragment belongs, in bytes.</summary>
    public int FragmentOffset => (Fragment & OffsetMask) * FragmentUnit;

    /// <summary>The value of <see cref="Fragment"/> for a fragment.</summary>
    /// <param name="offset">Its offset in bytes, a multiple of <see cref="FragmentUnit"/>.</param>
    /// <param name="isLast">Whether it is the last one.</param>
    public static ushort FragmentField(int offset, bool isLast) =>
        (ushort)((offset / FragmentUnit) | (isLast ? 0 : MoreFragments));

    /// <summary>Reads version, lengths and fields of a header, whatever its checksum.</summary>
    /// <param name="packet">
    /// The packet, or only its start: an ICMP error quotes little more than the header (RFC 792).
    /// </param>
    /// <param name="header">The header, where there is one.</param>
    /// <returns>Whether version and lengths are valid, and the whole header is there.</returns>
    public static bool TryParseQuoted(ReadOnlySpan<byte> packet, out IPv4Header header)
    {
        header = default;
        if (packet.Length < MinimumLength || packet[0] >> 4 != Version)
        {
            return false;
        }

        int headerLength = (packet[0] & 0xF) * sizeof(uint);
        int totalLength = BinaryPrimitives.ReadUInt16BigEndian(packet[TotalLengthOffset..]);
        if (headerLength < MinimumLength || headerLength > totalLength || headerLength > packet.Length)
        {
            return false;
        }

        header = new IPv4Header(
            headerLength,
            totalLength,
            BinaryPrimitives.ReadUInt16BigEndian(packet[IdentificationOffset..]),
            BinaryPrimitives.ReadUInt16BigEndian(packet[FragmentFieldOffset..]),
            packet[TimeToLiveOffset],
            (IPv4Protocol)packet[ProtocolOffset],
            new IPv4Address(packet[SourceOffset..]),
            new IPv4Address(packet[DestinationOffset..]));
        return true;
    }

    /// <summary>Reads the header of a received packet.</summary>
    /// <param name="packet">The packet; what follows its total length is padding.</param>
    /// <param name="header">The header, where it is valid.</param>
    /// <param name="reason">What is wrong with it, where it is not.</param>
    /// <returns>Whether the whole packet is there and the header's checksum is correct.</returns>
    public static bool TryParse(ReadOnlySpan<byte> packet, out IPv4Header header, out DropReason reason)
    {
        reason = DropReason.IPv4Malformed;
        if (!TryParseQuoted(packet, out header) || header.TotalLength > packet.Length)
        {
            return false;
        }

        reason = DropReason.IPv4Checksum;
        return InternetChecksum.IsCorrect(packet[..header.HeaderLength]);
    }

    /// <summary>Writes the header with its checksum.</summary>
    /// <param name="packet">The packet; options that the header has room for are already in place.</param>
    public void Write(Span<byte> packet)
    {
        packet[0] = (byte)((Version << 4) | (HeaderLength / sizeof(uint)));
        packet[1] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(packet[TotalLengthOffset..], (ushort)TotalLength);
        BinaryPrimitives.WriteUInt16BigEndian(packet[IdentificationOffset..], Identification);
        BinaryPrimitives.WriteUInt16BigEndian(packet[FragmentFieldOffset..], Fragment);
        packet[TimeToLiveOffset] = TimeToLive;
        packet[ProtocolOffset] = (byte)Protocol;
        BinaryPrimitives.WriteUInt16BigEndian(packet[ChecksumOffset..], 0);
        Source.CopyTo(packet[SourceOffset..]);
        Destination.CopyTo(packet[DestinationOffset..]);

        ushort checksum = InternetChecksum.Compute(packet[..HeaderLength]);
        BinaryPrimitives.WriteUInt16BigEndian(packet[ChecksumOffset..], checksum);
    }
}

/// <summary>What an IPv4 packet carries.</summary>
internal enum IPv4Protocol : byte
{
    /// <summary>An ICMP message (RFC 792).</summary>
    Icmp = 1,

    /// <summary>A TCP segment (RFC 9293).</summary>
    Tcp = 6,

    /// <summary>A UDP datagram (RFC 768).</summary>
    Udp = 17,
}
