using System;
using System.Buffers.Binary;

namespace VirtioGuest.Cosmos.Kernel.Network;

/// <summary>ICMP echo messages (RFC 792): requests as messages, replies as received frames.</summary>
internal static class EchoMessage
{
    /// <summary>The length of the ICMP header in bytes.</summary>
    internal const int HeaderLength = 8;

    private const byte Request = 8;
    private const byte Reply = 0;
    private const ushort Identifier = 0x5647;

    private const int EthernetHeaderLength = 14;
    private const int MinimumIPv4HeaderLength = 20;
    private const int IPv4LengthOffset = EthernetHeaderLength + 2;

    /// <param name="sequence">The sequence number.</param>
    /// <param name="payload">What the reply has to return.</param>
    internal static byte[] MakeRequest(ushort sequence, byte[] payload)
    {
        var message = new byte[HeaderLength + payload.Length];
        var bytes = new Span<byte>(message);
        message[0] = Request;
        BinaryPrimitives.WriteUInt16BigEndian(bytes.Slice(4), Identifier);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.Slice(6), sequence);
        new ReadOnlySpan<byte>(payload).CopyTo(bytes.Slice(HeaderLength));
        BinaryPrimitives.WriteUInt16BigEndian(bytes.Slice(2), (ushort)~Sum(bytes));
        return message;
    }

    /// <summary>Whether a frame is the reply to a request, with its payload and a correct checksum.</summary>
    /// <param name="frame">An Ethernet frame with an IPv4 packet, however broken.</param>
    /// <param name="sequence">The request's number.</param>
    /// <param name="payload">The request's payload.</param>
    internal static bool IsReply(byte[] frame, ushort sequence, byte[] payload)
    {
        if (frame.Length < EthernetHeaderLength + MinimumIPv4HeaderLength)
        {
            return false;
        }

        var bytes = new ReadOnlySpan<byte>(frame);
        int headerLength = (frame[EthernetHeaderLength] & 15) * 4;
        int packetLength = BinaryPrimitives.ReadUInt16BigEndian(bytes.Slice(IPv4LengthOffset));
        if (headerLength < MinimumIPv4HeaderLength || packetLength > frame.Length - EthernetHeaderLength
            || packetLength - headerLength != HeaderLength + payload.Length)
        {
            return false;
        }

        ReadOnlySpan<byte> message = bytes.Slice(EthernetHeaderLength + headerLength, packetLength - headerLength);
        return message[0] == Reply && message[1] == 0
            && Sum(message) == ushort.MaxValue
            && BinaryPrimitives.ReadUInt16BigEndian(message.Slice(4)) == Identifier
            && BinaryPrimitives.ReadUInt16BigEndian(message.Slice(6)) == sequence
            && AreEqual(message.Slice(HeaderLength), payload);
    }

    /// <summary>The one's complement sum of all 16-bit words (RFC 1071).</summary>
    private static ushort Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (i & 1) == 0 ? (uint)bytes[i] << 8 : bytes[i];
        }

        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)((sum & 0xFFFF) + (sum >> 16));
    }

    private static bool AreEqual(ReadOnlySpan<byte> left, byte[] right)
    {
        for (int i = 0; i < right.Length; i++)
        {
            if (left[i] != right[i])
            {
                return false;
            }
        }

        return true;
    }
}
