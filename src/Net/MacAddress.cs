using System;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.Net;

/// <summary>A 48-bit Ethernet address (IEEE 802, EUI-48).</summary>
public readonly struct MacAddress : IEquatable<MacAddress>
{
    /// <summary>The size of an address in bytes.</summary>
    public const int Length = 6;

    private const int TextLength = 17;

    /// <summary>How many bits follow those of the first two bytes.</summary>
    private const int LowBits = 32;

    private const ulong Mask = (1UL << 48) - 1;

    private readonly ulong _value;

    /// <summary>Takes the first six bytes of <paramref name="bytes"/>, in the order in which they are sent.</summary>
    /// <exception cref="ArgumentException">There are fewer than six.</exception>
    public MacAddress(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Length)
        {
            throw new ArgumentException("A MAC address has six bytes.", nameof(bytes));
        }

        _value = ((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << LowBits)
            | BinaryPrimitives.ReadUInt32BigEndian(bytes[sizeof(ushort)..]);
    }

    /// <summary>Takes a number whose bits 47 to 40 are the byte that is sent first; higher bits do not count.</summary>
    public MacAddress(ulong value)
    {
        _value = value & Mask;
    }

    /// <summary>The broadcast address: all bits one.</summary>
    public static MacAddress Broadcast { get; } = new(0xFFFF_FFFF_FFFF);

    /// <summary>The address as a number whose bits 47 to 40 are the byte that is sent first.</summary>
    public ulong Value => _value;

    /// <summary>Whether this is the broadcast address.</summary>
    public bool IsBroadcast => _value == 0xFFFF_FFFF_FFFF;

    /// <summary>Whether this is the address of a group of stations; the broadcast address is one, too.</summary>
    public bool IsMulticast => (_value & 0x0100_0000_0000) != 0;

    /// <summary>Whether this is the address of one station: neither a group's nor all zeros.</summary>
    public bool IsUnicast => !IsMulticast && _value != 0;

    /// <summary>Compares two addresses.</summary>
    public static bool operator ==(MacAddress left, MacAddress right) => left._value == right._value;

    /// <summary>Compares two addresses.</summary>
    public static bool operator !=(MacAddress left, MacAddress right) => left._value != right._value;

    /// <summary>Reads six pairs of hexadecimal digits with colons or hyphens between them.</summary>
    /// <exception cref="FormatException">The text is something else.</exception>
    public static MacAddress Parse(string text)
    {
        return TryParse(text, out MacAddress address)
            ? address
            : throw new FormatException($"'{text}' is not a MAC address.");
    }

    /// <summary>Reads six pairs of hexadecimal digits with colons or hyphens between them.</summary>
    /// <returns>Whether the whole text was such an address.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, out MacAddress address)
    {
        address = default;
        if (text is null || text.Length != TextLength)
        {
            return false;
        }

        ulong value = 0;
        for (int i = 0; i < Length; i++)
        {
            if (i > 0 && text[(i * 3) - 1] is not (':' or '-'))
            {
                return false;
            }

            ReadOnlySpan<char> pair = text.AsSpan(i * 3, 2);
            if (!byte.TryParse(pair, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte part))
            {
                return false;
            }

            value = (value << 8) | part;
        }

        address = new MacAddress(value);
        return true;
    }

    /// <summary>Writes the six bytes in the order in which they are sent.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> has no room for six bytes.</exception>
    public void CopyTo(Span<byte> destination)
    {
        if (destination.Length < Length)
        {
            throw new ArgumentException("A MAC address has six bytes.", nameof(destination));
        }

        BinaryPrimitives.WriteUInt16BigEndian(destination, (ushort)(_value >> LowBits));
        BinaryPrimitives.WriteUInt32BigEndian(destination[sizeof(ushort)..], (uint)_value);
    }

    /// <inheritdoc/>
    public bool Equals(MacAddress other) => _value == other._value;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is MacAddress other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _value.GetHashCode();

    /// <summary>The address as <c>52:54:00:12:34:56</c>.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Length];
        CopyTo(bytes);
        return MacText.Of(bytes);
    }
}
