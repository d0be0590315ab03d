using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net.Wire;

/// <summary>The first eight bytes of an ICMP echo or destination unreachable message (RFC 792).</summary>
/// <param name="Type">The type of message.</param>
/// <param name="Code">Says more about the type.</param>
/// <param name="Identifier">Says who sent the request; in echo messages.</param>
/// <param name="Sequence">The number of the request; in echo messages.</param>
internal readonly record struct IcmpMessage(IcmpType Type, byte Code, ushort Identifier, ushort Sequence)
{
    /// <summary>The size of the header in bytes; an echo's payload or a quoted packet follows.</summary>
    public const int HeaderLength = 8;

    /// <summary>Codes of <see cref="IcmpType.DestinationUnreachable"/> (RFC 792; RFC 1191, 4).</summary>
    public const byte ProtocolUnreachable = 2;
    public const byte PortUnreachable = 3;
    public const byte FragmentationNeeded = 4;

    private const int ChecksumOffset = 2;
    private const int IdentifierOffset = 4;
    private const int SequenceOffset = 6;

    /// <summary>Reads a header, whatever the message's checksum.</summary>
    /// <returns>Whether there are enough bytes for one.</returns>
    public static bool TryParse(ReadOnlySpan<byte> message, out IcmpMessage header)
    {
        if (message.Length < HeaderLength)
        {
            header = default;
            return false;
        }

        header = new IcmpMessage(
            (IcmpType)message[0],
            message[1],
            BinaryPrimitives.ReadUInt16BigEndian(message[IdentifierOffset..]),
            BinaryPrimitives.ReadUInt16BigEndian(message[SequenceOffset..]));
        return true;
    }

    /// <summary>Writes the header in front of a payload that is already there, with the checksum of both.</summary>
    /// <param name="message">The whole message.</param>
    public void Write(Span<byte> message)
    {
        message[0] = (byte)Type;
        message[1] = Code;
        BinaryPrimitives.WriteUInt16BigEndian(message[ChecksumOffset..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(message[IdentifierOffset..], Identifier);
        BinaryPrimitives.WriteUInt16BigEndian(message[SequenceOffset..], Sequence);
        BinaryPrimitives.WriteUInt16BigEndian(message[ChecksumOffset..], InternetChecksum.Compute(message));
    }

    /// <summary>Turns a correct echo request into its reply, in place.</summary>
    public static void TurnIntoReply(Span<byte> request)
    {
        ushort before = BinaryPrimitives.ReadUInt16BigEndian(request);
        request[0] = (byte)IcmpType.EchoReply;
        ushort after = BinaryPrimitives.ReadUInt16BigEndian(request);

        Span<byte> field = request[ChecksumOffset..];
        ushort checksum = InternetChecksum.Update(BinaryPrimitives.ReadUInt16BigEndian(field), before, after);

        // An update cannot tell the two zeros apart. All ones is right for both; zero is wrong for an all-zero message.
        BinaryPrimitives.WriteUInt16BigEndian(field, checksum == 0 ? ushort.MaxValue : checksum);
    }
}

/// <summary>The ICMP messages that the stack knows (RFC 792).</summary>
internal enum IcmpType : byte
{
    EchoReply = 0,

    DestinationUnreachable = 3,

    EchoRequest = 8,
}
