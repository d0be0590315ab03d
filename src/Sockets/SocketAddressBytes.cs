using System;
using System.Buffers.Binary;
using VirtioGuest.Net;

namespace VirtioGuest.Sockets;

/// <summary>IPv4 socket addresses as bytes: Linux's <c>sockaddr_in</c>.</summary>
public static class SocketAddressBytes
{
    /// <summary>The size of an IPv4 address in bytes.</summary>
    public const int IPv4Length = 16;

    /// <summary>.NET's number for no family.</summary>
    public const int Unspecified = 0;

    /// <summary>.NET's number for IPv4.</summary>
    public const int InterNetwork = 2;

    /// <summary>.NET's number for IPv6.</summary>
    public const int InterNetworkV6 = 23;

    private const ushort NativeInterNetwork = 2;
    private const int PortOffset = 2;
    private const int IPv4Offset = 4;

    /// <summary>Reads an end point.</summary>
    /// <returns>Whether it is one of IPv4.</returns>
    public static bool TryRead(ReadOnlySpan<byte> address, out IpEndpoint endpoint)
    {
        endpoint = default;
        if (address.Length < IPv4Length || BinaryPrimitives.ReadUInt16LittleEndian(address) != NativeInterNetwork)
        {
            return false;
        }

        endpoint = new IpEndpoint(
            new IPv4Address(BinaryPrimitives.ReadUInt32BigEndian(address[IPv4Offset..])),
            BinaryPrimitives.ReadUInt16BigEndian(address[PortOffset..]));
        return true;
    }

    /// <summary>Writes an end point, as far as there is room.</summary>
    /// <returns>How many bytes the address has.</returns>
    public static int Write(in IpEndpoint endpoint, Span<byte> address)
    {
        Span<byte> whole = stackalloc byte[IPv4Length];
        whole.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(whole, NativeInterNetwork);
        BinaryPrimitives.WriteUInt16BigEndian(whole[PortOffset..], endpoint.Port);
        BinaryPrimitives.WriteUInt32BigEndian(whole[IPv4Offset..], endpoint.IPv4.Value);
        whole[..Math.Min(address.Length, IPv4Length)].CopyTo(address);
        return IPv4Length;
    }
}
