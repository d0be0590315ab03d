using System;
using System.Buffers.Binary;
using Cosmos.System.Network.IPv4;

namespace VirtioGuest.Cosmos.Kernel.Network;

/// <summary>ICMP echo messages (RFC 792): requests to send, and replies in frames that came.</summary>
internal static class EchoMessage
{
    /// <summary>Bytes before the payload.</summary>
    internal const int HeaderLength = 8;

    private const byte Request = 8;
    private const byte Reply = 0;
    private const ushort Identifier = 0x5647;

    private const int EthernetHeaderLength = 14;
    private const int LeastIPv4HeaderLength = 20;
    private const int IPv4LengthOffset = EthernetHeaderLength + 2;

    /// <summary>Makes a request.</summary>
    /// <param name="sequence">What tells it from others.</param>
    /// <param name="payload">What the reply has to bring back.</param>
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

    /// <summary>Whether a frame brings the reply to a request, with the same payload and a right checksum.</summary>
    /// <param name="frame">An Ethernet frame with an IPv4 packet, however broken.</param>
    /// <param name="sequence">The request's number.</param>
    /// <param name="payload">The request's payload.</param>
    internal static bool IsReply(byte[] frame, ushort sequence, byte[] payload)
    {
        if (frame.Length < EthernetHeaderLength + LeastIPv4HeaderLength)
        {
            return false;
        }

        var bytes = new ReadOnlySpan<byte>(frame);
        int headerLength = (frame[EthernetHeaderLength] & 15) * 4;
        int packetLength = BinaryPrimitives.ReadUInt16BigEndian(bytes.Slice(IPv4LengthOffset));
        if (headerLength < LeastIPv4HeaderLength || packetLength > frame.Length - EthernetHeaderLength
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

    /// <summary>The sum of 16-bit words with the carries added in (RFC 1071).</summary>
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

/// <summary>An ICMP message in a packet of Cosmos' stack.</summary>
internal sealed class EchoPacket : IPPacket
{
    private const byte Icmp = 1;

    /// <summary>Bytes before the message: an Ethernet header, and an IPv4 header without options.</summary>
    private const int HeadersLength = 34;

    /// <summary>Makes a packet.</summary>
    internal EchoPacket(Address source, Address destination, byte[] message)
        : base((ushort)message.Length, Icmp, source, destination, 0) =>
        new ReadOnlySpan<byte>(message).CopyTo(new Span<byte>(RawData).Slice(HeadersLength));
}

/// <summary>The ICMP client of Cosmos' stack, without the wait and the fixed payload of its own.</summary>
internal sealed class EchoClient : ICMPClient
{
    /// <summary>Takes the oldest message that came.</summary>
    /// <returns>The whole frame, or null where there is none.</returns>
    internal byte[]? Take() => rxBuffer.Count == 0 ? null : rxBuffer.Dequeue().RawData;
}
