using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net.Wire;

/// <summary>The header of a TCP segment without its options (RFC 9293, 3.1).</summary>
/// <param name="SourcePort">The sender's port.</param>
/// <param name="DestinationPort">The receiver's port.</param>
/// <param name="Sequence">The sequence number of the first octet, or of SYN.</param>
/// <param name="Acknowledgment">The next sequence number that the sender expects, where the ACK flag is set.</param>
/// <param name="HeaderLength">The size of the header in bytes, options included.</param>
/// <param name="Flags">The control bits.</param>
/// <param name="Window">The window as it is sent, without its scale.</param>
internal readonly record struct TcpHeader(
    ushort SourcePort,
    ushort DestinationPort,
    uint Sequence,
    uint Acknowledgment,
    int HeaderLength,
    TcpFlags Flags,
    ushort Window)
{
    /// <summary>The size of a header without options in bytes.</summary>
    public const int MinimumLength = 20;

    /// <summary>The size of the largest header in bytes.</summary>
    public const int MaximumLength = 60;

    /// <summary>Where the checksum is.</summary>
    public const int ChecksumOffset = 16;

    private const int DestinationPortOffset = 2;
    private const int SequenceOffset = 4;
    private const int AcknowledgmentOffset = 8;
    private const int DataOffsetOffset = 12;
    private const int FlagsOffset = 13;
    private const int WindowOffset = 14;
    private const int UrgentPointerOffset = 18;

    public bool Has(TcpFlags flag) => (Flags & flag) != 0;

    /// <summary>Reads a header, whatever the segment's checksum.</summary>
    /// <returns>Whether the whole header is there.</returns>
    public static bool TryParse(ReadOnlySpan<byte> segment, out TcpHeader header)
    {
        header = default;
        if (segment.Length < MinimumLength)
        {
            return false;
        }

        int headerLength = (segment[DataOffsetOffset] >> 4) * sizeof(uint);
        if (headerLength < MinimumLength || headerLength > segment.Length)
        {
            return false;
        }

        header = new TcpHeader(
            BinaryPrimitives.ReadUInt16BigEndian(segment),
            BinaryPrimitives.ReadUInt16BigEndian(segment[DestinationPortOffset..]),
            BinaryPrimitives.ReadUInt32BigEndian(segment[SequenceOffset..]),
            BinaryPrimitives.ReadUInt32BigEndian(segment[AcknowledgmentOffset..]),
            headerLength,
            (TcpFlags)segment[FlagsOffset],
            BinaryPrimitives.ReadUInt16BigEndian(segment[WindowOffset..]));
        return true;
    }

    /// <summary>
    /// Reads the first eight bytes of a header, which is all that an ICMP error need quote (RFC 792).
    /// </summary>
    public static bool TryParseQuoted(
        ReadOnlySpan<byte> segment, out ushort sourcePort, out ushort destinationPort, out uint sequence)
    {
        bool isThere = segment.Length >= AcknowledgmentOffset;
        sourcePort = isThere ? BinaryPrimitives.ReadUInt16BigEndian(segment) : (ushort)0;
        destinationPort = isThere ? BinaryPrimitives.ReadUInt16BigEndian(segment[DestinationPortOffset..]) : (ushort)0;
        sequence = isThere ? BinaryPrimitives.ReadUInt32BigEndian(segment[SequenceOffset..]) : 0;
        return isThere;
    }

    /// <summary>Writes the header; options are already in place, the checksum is left empty.</summary>
    public void Write(Span<byte> segment)
    {
        BinaryPrimitives.WriteUInt16BigEndian(segment, SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(segment[DestinationPortOffset..], DestinationPort);
        BinaryPrimitives.WriteUInt32BigEndian(segment[SequenceOffset..], Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(segment[AcknowledgmentOffset..], Acknowledgment);
        segment[DataOffsetOffset] = (byte)(HeaderLength / sizeof(uint) << 4);
        segment[FlagsOffset] = (byte)Flags;
        BinaryPrimitives.WriteUInt16BigEndian(segment[WindowOffset..], Window);
        BinaryPrimitives.WriteUInt16BigEndian(segment[ChecksumOffset..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(segment[UrgentPointerOffset..], 0);
    }

    /// <summary>Fills in the checksum of a segment whose checksum field is empty.</summary>
    /// <param name="segment">The whole segment.</param>
    /// <param name="pseudoHeaderSum">The sum of the pseudo-header.</param>
    /// <param name="isOffloaded">Whether the device adds the segment's own sum (virtio 1.4, 5.1.9.2).</param>
    public static void WriteChecksum(Span<byte> segment, ulong pseudoHeaderSum, bool isOffloaded)
    {
        ushort checksum = isOffloaded
            ? InternetChecksum.Partial(pseudoHeaderSum)
            : InternetChecksum.Finish(InternetChecksum.Sum(segment, pseudoHeaderSum));
        BinaryPrimitives.WriteUInt16BigEndian(segment[ChecksumOffset..], checksum);
    }
}

/// <summary>The control bits of a TCP segment that the stack knows (RFC 9293, 3.1).</summary>
[Flags]
internal enum TcpFlags : byte
{
    None = 0,
    Fin = 1,
    Syn = 2,
    Rst = 4,
    Psh = 8,
    Ack = 16,
    Urg = 32,
}
