using System;

namespace VirtioGuest.Net.Wire;

/// <summary>The first addresses of a list in a DHCP message, in the server's order of preference.</summary>
internal readonly record struct DhcpAddresses(
    IPv4Address First, IPv4Address Second = default, IPv4Address Third = default)
{
    /// <summary>How many addresses of a longer list are kept.</summary>
    public const int Capacity = 3;

    /// <summary>Whether there is none; an address that is missing is <see cref="IPv4Address.Any"/>.</summary>
    public bool IsEmpty => this == default;

    /// <summary>The address at a place, 0 to <see cref="Capacity"/> - 1.</summary>
    public IPv4Address this[int index] => index switch
    {
        0 => First,
        1 => Second,
        2 => Third,
        _ => throw new ArgumentOutOfRangeException(nameof(index)),
    };

    /// <summary>Reads a list; a last address that is not whole is left out.</summary>
    public static DhcpAddresses Read(ReadOnlySpan<byte> bytes)
    {
        return new DhcpAddresses(At(bytes, 0), At(bytes, 1), At(bytes, 2));
    }

    private static IPv4Address At(ReadOnlySpan<byte> bytes, int index)
    {
        int offset = index * IPv4Address.Length;
        return bytes.Length - offset >= IPv4Address.Length ? ByteOrder.ReadIPv4Address(bytes, offset) : default;
    }
}
