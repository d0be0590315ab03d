using System.Runtime;

namespace VirtioGuest.LibOS.SystemCalls;

/// <summary>
/// What .NET's class library calls to read and write socket addresses (Linux's <c>sockaddr</c>), in place of the
/// functions of its native library.
/// </summary>
/// <remarks>
/// They stand here and not beside the kernel's other calls for sockets, because the class library calls them without
/// telling the runtime that it leaves managed code. Results are its own error numbers (Interop.Error).
/// </remarks>
internal static unsafe class SocketAddressCalls
{
    private const int Success = 0;
    private const int FamilyNotSupported = 0x10005;
    private const int BadAddress = 0x10015;

    // Families in .NET's numbers and in Linux's.
    private const int Unspecified = 0;
    private const int InterNetwork = 2;
    private const int InterNetworkV6 = 23;
    private const ushort NativeInterNetwork = 2;
    private const ushort NativeInterNetworkV6 = 10;

    private const int FamilyLength = 2;
    private const int PortOffset = 2;
    private const int IPv4Offset = 4;
    private const int IPv4Length = 16;
    private const int IPv6Offset = 8;
    private const int IPv6AddressLength = 16;
    private const int ScopeOffset = 24;
    private const int IPv6Length = 28;
    private const int LargestLength = 128;
    private const int UnixDomainPathLength = 108;

    [RuntimeExport("SystemNative_GetMaximumAddressSize")]
    private static int GetMaximumAddressSize() => LargestLength;

    [RuntimeExport("SystemNative_GetSocketAddressSizes")]
    private static int GetSocketAddressSizes(int* ipv4, int* ipv6, int* unixDomain, int* largest)
    {
        *ipv4 = IPv4Length;
        *ipv6 = IPv6Length;
        *unixDomain = FamilyLength + UnixDomainPathLength;
        *largest = LargestLength;
        return Success;
    }

    [RuntimeExport("SystemNative_GetDomainSocketSizes")]
    private static void GetDomainSocketSizes(int* pathOffset, int* pathLength, int* addressLength)
    {
        *pathOffset = FamilyLength;
        *pathLength = UnixDomainPathLength;
        *addressLength = FamilyLength + UnixDomainPathLength;
    }

    [RuntimeExport("SystemNative_GetAddressFamily")]
    private static int GetAddressFamily(byte* address, int length, int* family)
    {
        *family = Unspecified;
        if (length < FamilyLength)
        {
            return BadAddress;
        }

        switch (*(ushort*)address)
        {
            case Unspecified:
                return Success;

            case NativeInterNetwork:
                *family = InterNetwork;
                return Success;

            case NativeInterNetworkV6:
                *family = InterNetworkV6;
                return Success;

            default:
                return FamilyNotSupported;
        }
    }

    [RuntimeExport("SystemNative_SetAddressFamily")]
    private static int SetAddressFamily(byte* address, int length, int family)
    {
        if (length < FamilyLength)
        {
            return BadAddress;
        }

        switch (family)
        {
            case Unspecified:
                *(ushort*)address = Unspecified;
                return Success;

            case InterNetwork:
                *(ushort*)address = NativeInterNetwork;
                return Success;

            case InterNetworkV6:
                *(ushort*)address = NativeInterNetworkV6;
                return Success;

            default:
                return FamilyNotSupported;
        }
    }

    [RuntimeExport("SystemNative_GetPort")]
    private static int GetPort(byte* address, int length, ushort* port)
    {
        *port = 0;
        if (!HasPort(address, length))
        {
            return FamilyNotSupported;
        }

        *port = (ushort)((address[PortOffset] << 8) | address[PortOffset + 1]);
        return Success;
    }

    [RuntimeExport("SystemNative_SetPort")]
    private static int SetPort(byte* address, int length, ushort port)
    {
        if (!HasPort(address, length))
        {
            return FamilyNotSupported;
        }

        address[PortOffset] = (byte)(port >> 8);
        address[PortOffset + 1] = (byte)port;
        return Success;
    }

    // An IPv4 address is handed over as it lies in memory, in the order of the wire.
    [RuntimeExport("SystemNative_GetIPv4Address")]
    private static int GetIPv4Address(byte* address, int length, uint* value)
    {
        *value = 0;
        if (length < IPv4Length || *(ushort*)address != NativeInterNetwork)
        {
            return BadAddress;
        }

        *value = *(uint*)(address + IPv4Offset);
        return Success;
    }

    [RuntimeExport("SystemNative_SetIPv4Address")]
    private static int SetIPv4Address(byte* address, int length, uint value)
    {
        if (length < IPv4Length)
        {
            return BadAddress;
        }

        *(ushort*)address = NativeInterNetwork;
        *(uint*)(address + IPv4Offset) = value;
        return Success;
    }

    [RuntimeExport("SystemNative_GetIPv6Address")]
    private static int GetIPv6Address(byte* address, int length, byte* value, int valueLength, uint* scope)
    {
        if (length < IPv6Length || valueLength < IPv6AddressLength || *(ushort*)address != NativeInterNetworkV6)
        {
            return BadAddress;
        }

        for (int i = 0; i < IPv6AddressLength; i++)
        {
            value[i] = address[IPv6Offset + i];
        }

        *scope = *(uint*)(address + ScopeOffset);
        return Success;
    }

    [RuntimeExport("SystemNative_SetIPv6Address")]
    private static int SetIPv6Address(byte* address, int length, byte* value, int valueLength, uint scope)
    {
        if (length < IPv6Length || valueLength < IPv6AddressLength)
        {
            return BadAddress;
        }

        *(ushort*)address = NativeInterNetworkV6;
        for (int i = 0; i < IPv6AddressLength; i++)
        {
            address[IPv6Offset + i] = value[i];
        }

        *(uint*)(address + ScopeOffset) = scope;
        return Success;
    }

    /// <summary>The length of what the kernel's SocketCalls put into a control buffer.</summary>
    [RuntimeExport("SystemNative_GetControlMessageBufferSize")]
    private static int GetControlMessageBufferSize(int isIPv4, int isIPv6) => isIPv4 != 0 ? 2 * sizeof(uint) : 0;

    [RuntimeExport("SystemNative_PlatformSupportsDualModeIPv4PacketInfo")]
    private static int SupportsDualModePacketInformation() => 0;

    private static bool HasPort(byte* address, int length) =>
        length >= IPv4Offset && *(ushort*)address is NativeInterNetwork or NativeInterNetworkV6;
}
