using System;
using Cosmos.System.Network.IPv4;

namespace VirtioGuest.Cosmos.Kernel.Network;

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
