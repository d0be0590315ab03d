using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net.Wire;

/// <summary>The header of a UDP datagram (RFC 768).</summary>
/// <param name="SourcePort">The sender's port; 0 where it expects no answer.</param>
/// <param name="DestinationPort">The receiver's port.</param>
/// <param name="DatagramLength">The size of header and data in bytes.</param>
internal readonly record struct UdpHeader(ushort SourcePort, ushort DestinationPort, int DatagramLength)
{
    public const int Length = 8;

    private const int DestinationPortOffset = 2;
    private const int LengthOffset = 4;
    private const int ChecksumOffset = 6;

    /// <summary>Reads a header, whatever the datagram's checksum.</summary>
    /// <returns>Whether there is one, and the whole datagram is there.</returns>
    public static bool TryParse(ReadOnlySpan<byte> datagram, out UdpHeader header)
    {
        header = default;
        if (datagram.Length < Length)
        {
            return false;
        }

        int length = BinaryPrimitives.ReadUInt16BigEndian(datagram[LengthOffset..]);
        if (length < Length || length > datagram.Length)
        {
            return false;
        }

        header = new UdpHeader(
            BinaryPrimitives.ReadUInt16BigEndian(datagram),
            BinaryPrimitives.ReadUInt16BigEndian(datagram[DestinationPortOffset..]),
            length);
        return true;
    }

    /// <summary>Reads the ports of a header that an ICMP error quotes (RFC 792).</summary>
    /// <returns>Whether the whole header is there.</returns>
    public static bool TryParseQuoted(ReadOnlySpan<byte> datagram, out ushort sourcePort, out ushort destinationPort)
    {
        bool isThere = datagram.Length >= Length;
        sourcePort = isThere ? BinaryPrimitives.ReadUInt16BigEndian(datagram) : (ushort)0;
        destinationPort = isThere ? BinaryPrimitives.ReadUInt16BigEndian(datagram[DestinationPortOffset..]) : (ushort)0;
        return isThere;
    }

    /// <summary>Whether a datagram is intact, or its sender computed no checksum.</summary>
    /// <param name="source">The IPv4 source address.</param>
    /// <param name="destination">The IPv4 destination address.</param>
    /// <param name="datagram">Header and data, without padding.</param>
    public static bool IsChecksumCorrect(IPv4Address source, IPv4Address destination, ReadOnlySpan<byte> datagram)
    {
        return BinaryPrimitives.ReadUInt16BigEndian(datagram[ChecksumOffset..]) == 0
            || InternetChecksum.IsCorrect(datagram, PseudoHeaderSum(source, destination, datagram.Length));
    }

    /// <summary>Writes the header in front of data that is already there, with the checksum of both.</summary>
    /// <param name="source">The IPv4 source address.</param>
    /// <param name="destination">The IPv4 destination address.</param>
    /// <param name="datagram">Room for the header, and the data; at least <see cref="DatagramLength"/> bytes.</param>
    public void Write(IPv4Address source, IPv4Address destination, Span<byte> datagram)
    {
        datagram = datagram[..DatagramLength];
        BinaryPrimitives.WriteUInt16BigEndian(datagram, SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[DestinationPortOffset..], DestinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[LengthOffset..], (ushort)DatagramLength);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[ChecksumOffset..], 0);

        ulong sum = InternetChecksum.Sum(datagram, PseudoHeaderSum(source, destination, DatagramLength));
        ushort checksum = InternetChecksum.Finish(sum);

        // On the wire zero means "not computed"; its ones' complement twin stands for a checksum of zero.
        BinaryPrimitives.WriteUInt16BigEndian(datagram[ChecksumOffset..], checksum == 0 ? ushort.MaxValue : checksum);
    }

    private static ulong PseudoHeaderSum(IPv4Address source, IPv4Address destination, int length)
    {
        return (ulong)source.Value + destination.Value + (ulong)IPv4Protocol.Udp + (ulong)length;
    }
}
