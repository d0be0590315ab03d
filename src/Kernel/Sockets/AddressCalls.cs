using System;
using System.Runtime.InteropServices;
using VirtioGuest.Sockets;

namespace VirtioGuest.Kernel.Sockets;

/// <summary>What the class library calls to read and write socket addresses, names and hosts.</summary>
internal static unsafe class AddressCalls
{
    private const SocketError BadAddress = (SocketError)0x10015;

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetMaximumAddressSize")]
    private static int GetMaximumAddressSize() => SocketAddressBytes.LargestLength;

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetSocketAddressSizes")]
    private static SocketError GetSocketAddressSizes(int* ipv4, int* ipv6, int* unixDomain, int* largest)
    {
        const int UnixDomainLength = 110;
        *ipv4 = SocketAddressBytes.IPv4Length;
        *ipv6 = SocketAddressBytes.IPv6Length;
        *unixDomain = UnixDomainLength;
        *largest = SocketAddressBytes.LargestLength;
        return SocketError.None;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetDomainSocketSizes")]
    private static void GetDomainSocketSizes(int* pathOffset, int* pathSize, int* addressSize)
    {
        *pathOffset = 2;
        *pathSize = 108;
        *addressSize = 110;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetAddressFamily")]
    private static SocketError GetAddressFamily(byte* address, int length, int* family) =>
        SocketAddressBytes.TryReadFamily(new ReadOnlySpan<byte>(address, length), out *family)
            ? SocketError.None
            : SocketError.AddressFamilyNotSupported;

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_SetAddressFamily")]
    private static SocketError SetAddressFamily(byte* address, int length, int family) =>
        SocketAddressBytes.TryWriteFamily(new Span<byte>(address, length), family)
            ? SocketError.None
            : SocketError.AddressFamilyNotSupported;

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetPort")]
    private static SocketError GetPort(byte* address, int length, ushort* port) =>
        SocketAddressBytes.TryReadPort(new ReadOnlySpan<byte>(address, length), out *port)
            ? SocketError.None
            : SocketError.AddressFamilyNotSupported;

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_SetPort")]
    private static SocketError SetPort(byte* address, int length, ushort port) =>
        SocketAddressBytes.TryWritePort(new Span<byte>(address, length), port)
            ? SocketError.None
            : SocketError.AddressFamilyNotSupported;

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetIPv4Address")]
    private static SocketError GetIPv4Address(byte* address, int length, uint* value)
    {
        Span<byte> part = SocketAddressBytes.IPv4Part(new Span<byte>(address, length));
        return part.TryCopyTo(new Span<byte>(value, sizeof(uint))) && !part.IsEmpty ? SocketError.None : BadAddress;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_SetIPv4Address")]
    private static SocketError SetIPv4Address(byte* address, int length, uint value)
    {
        var whole = new Span<byte>(address, length);
        return SocketAddressBytes.TryWriteFamily(whole, SocketAddressBytes.InterNetwork)
            && new ReadOnlySpan<byte>(&value, sizeof(uint)).TryCopyTo(SocketAddressBytes.IPv4Part(whole))
                ? SocketError.None
                : BadAddress;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetIPv6Address")]
    private static SocketError GetIPv6Address(byte* address, int length, byte* value, int valueLength, uint* scope)
    {
        var whole = new Span<byte>(address, length);
        Span<byte> part = SocketAddressBytes.IPv6Part(whole);
        return !part.IsEmpty
            && part.TryCopyTo(new Span<byte>(value, valueLength))
            && SocketAddressBytes.ScopePart(whole).TryCopyTo(new Span<byte>(scope, sizeof(uint)))
                ? SocketError.None
                : BadAddress;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_SetIPv6Address")]
    private static SocketError SetIPv6Address(byte* address, int length, byte* value, int valueLength, uint scope)
    {
        var whole = new Span<byte>(address, length);
        return SocketAddressBytes.TryWriteFamily(whole, SocketAddressBytes.InterNetworkV6)
            && new ReadOnlySpan<byte>(value, valueLength).TryCopyTo(SocketAddressBytes.IPv6Part(whole))
            && new ReadOnlySpan<byte>(&scope, sizeof(uint)).TryCopyTo(SocketAddressBytes.ScopePart(whole))
                ? SocketError.None
                : BadAddress;
    }
}
