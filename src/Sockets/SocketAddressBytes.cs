using System;
using System.Buffers.Binary;
using VirtioGuest.Net;

namespace VirtioGuest.Sockets;

/// <summary>Socket addresses as bytes: Linux's <c>sockaddr_in</c> and <c>sockaddr_in6</c>.</summary>
public static class SocketAddressBytes
{
    /// <summary>The size of an IPv4 address in bytes.</summary>
    public const int IPv4Length = 16;

    /// <summary>The size of an IPv6 address in bytes.</summary>
    public const int IPv6Length = 28;

    /// <summary>The size of the largest address of any family in bytes (<c>sockaddr_storage</c>).</summary>
    public const int LargestLength = 128;

    /// <summary>.NET's number for no family.</summary>
    public const int Unspecified = 0;

    /// <summary>.NET's number for IPv4.</summary>
    public const int InterNetwork = 2;

    /// <summary>.NET's number for IPv6.</summary>
    public const int InterNetworkV6 = 23;

    private const ushort NativeInterNetwork = 2;
    private const ushort NativeInterNetworkV6 = 10;
    private const int PortOffset = 2;
    private const int IPv4Offset = 4;
    private const int IPv6Offset = 8;
    private const int IPv6AddressLength = 16;
    private const int ScopeOffset = 24;

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

    /// <summary>Reads the family, in .NET's numbers.</summary>
    public static bool TryReadFamily(ReadOnlySpan<byte> address, out int family)
    {
        family = Unspecified;
        if (address.Length < sizeof(ushort))
        {
            return false;
        }

        int? known = BinaryPrimitives.ReadUInt16LittleEndian(address) switch
        {
            0 => Unspecified,
            NativeInterNetwork => InterNetwork,
            NativeInterNetworkV6 => InterNetworkV6,
            _ => null,
        };
        family = known ?? Unspecified;
        return known is not null;
    }

    /// <summary>Writes the family, given in .NET's numbers.</summary>
    public static bool TryWriteFamily(Span<byte> address, int family)
    {
        ushort? native = family switch
        {
            Unspecified => 0,
            InterNetwork => NativeInterNetwork,
            InterNetworkV6 => NativeInterNetworkV6,
            _ => null,
        };
        return native is not null
            && address.Length >= sizeof(ushort)
            && BinaryPrimitives.TryWriteUInt16LittleEndian(address, native.Value);
    }

    /// <summary>Reads the port.</summary>
    public static bool TryReadPort(ReadOnlySpan<byte> address, out ushort port)
    {
        port = 0;
        return TryReadFamily(address, out int family)
            && family != Unspecified
            && address.Length >= PortOffset + sizeof(ushort)
            && BinaryPrimitives.TryReadUInt16BigEndian(address[PortOffset..], out port);
    }

    /// <summary>Writes the port.</summary>
    public static bool TryWritePort(Span<byte> address, ushort port) =>
        TryReadFamily(address, out int family)
        && family != Unspecified
        && address.Length >= PortOffset + sizeof(ushort)
        && BinaryPrimitives.TryWriteUInt16BigEndian(address[PortOffset..], port);

    /// <summary>The four bytes of an IPv4 address, in the order of the wire; empty where there is no room.</summary>
    public static Span<byte> IPv4Part(Span<byte> address) =>
        IsLongEnough(address, InterNetwork, IPv4Length) ? address.Slice(IPv4Offset, sizeof(uint)) : default;

    /// <summary>The 16 bytes of an IPv6 address; empty where there is no room.</summary>
    public static Span<byte> IPv6Part(Span<byte> address) =>
        IsLongEnough(address, InterNetworkV6, IPv6Length) ? address.Slice(IPv6Offset, IPv6AddressLength) : default;

    /// <summary>The scope of an IPv6 address; empty where there is no room.</summary>
    public static Span<byte> ScopePart(Span<byte> address) =>
        IsLongEnough(address, InterNetworkV6, IPv6Length) ? address.Slice(ScopeOffset, sizeof(uint)) : default;

    private static bool IsLongEnough(ReadOnlySpan<byte> address, int family, int length) =>
        TryReadFamily(address, out int actual) && actual == family && address.Length >= length;
}
