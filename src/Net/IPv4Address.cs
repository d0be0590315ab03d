using System;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.Net;

/// <summary>An IPv4 address (RFC 791, 2.3).</summary>
public readonly struct IPv4Address : IEquatable<IPv4Address>
{
    /// <summary>The size of an address in bytes.</summary>
    public const int Length = 4;

    /// <summary>Takes a number whose highest byte is the one written first.</summary>
    public IPv4Address(uint value)
    {
        Value = value;
    }

    /// <summary>Takes the first four bytes of <paramref name="bytes"/>, in network byte order.</summary>
    /// <exception cref="ArgumentException">There are fewer than four.</exception>
    public IPv4Address(ReadOnlySpan<byte> bytes)
        : this(BinaryPrimitives.ReadUInt32BigEndian(bytes))
    {
    }

    /// <summary>Takes the four bytes as they are written.</summary>
    public IPv4Address(byte first, byte second, byte third, byte fourth)
        : this(((uint)first << 24) | ((uint)second << 16) | ((uint)third << 8) | fourth)
    {
    }

    /// <summary>0.0.0.0: no address, or not known yet.</summary>
    public static IPv4Address Any { get; }

    /// <summary>255.255.255.255: everyone on the link.</summary>
    public static IPv4Address Broadcast { get; } = new(0xFFFF_FFFF);

    /// <summary>127.0.0.1: this host.</summary>
    public static IPv4Address Loopback { get; } = new(127, 0, 0, 1);

    /// <summary>The address as a number whose highest byte is the one written first.</summary>
    public uint Value { get; }

    /// <summary>Whether this is 0.0.0.0.</summary>
    public bool IsAny => Value == 0;

    /// <summary>Whether this is 255.255.255.255.</summary>
    public bool IsBroadcast => Value == 0xFFFF_FFFF;

    /// <summary>Whether this is in 127.0.0.0/8, which never appears on a link (RFC 1122, 3.2.1.3).</summary>
    public bool IsLoopback => Value >> 24 == 127;

    /// <summary>Whether this is the address of a group of hosts: 224.0.0.0/4.</summary>
    public bool IsMulticast => Value >> 28 == 0xE;

    /// <summary>
    /// Whether this can be the address of one host on a link: not in 0.0.0.0/8, 127.0.0.0/8 or from 224.0.0.0 upwards.
    /// </summary>
    public bool IsUnicast => Value >> 24 != 0 && !IsLoopback && Value >> 28 < 0xE;

    /// <summary>Compares two addresses.</summary>
    public static bool operator ==(IPv4Address left, IPv4Address right) => left.Value == right.Value;

    /// <summary>Compares two addresses.</summary>
    public static bool operator !=(IPv4Address left, IPv4Address right) => left.Value != right.Value;

    /// <summary>Reads four decimal numbers with dots between them.</summary>
    /// <exception cref="FormatException">The text is something else.</exception>
    public static IPv4Address Parse(string text)
    {
        return TryParse(text, out IPv4Address address)
            ? address
            : throw new FormatException($"'{text}' is not an IPv4 address.");
    }

    /// <summary>Reads four decimal numbers, 0 to 255 and without leading zeros, with dots between them.</summary>
    /// <returns>Whether the whole text was such an address.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, out IPv4Address address)
    {
        uint value = 0;
        bool isAddress = text is not null && IPv4Text.TryParse(text, out value);
        address = new IPv4Address(value);
        return isAddress;
    }

    /// <summary>Writes the four bytes in network byte order.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> has no room for four bytes.</exception>
    public void CopyTo(Span<byte> destination) => BinaryPrimitives.WriteUInt32BigEndian(destination, Value);

    /// <inheritdoc/>
    public bool Equals(IPv4Address other) => Value == other.Value;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is IPv4Address other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Value.GetHashCode();

    /// <summary>The address as <c>10.0.2.15</c>.</summary>
    public override string ToString() => IPv4Text.Format(Value);
}
