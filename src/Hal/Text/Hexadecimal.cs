using System;

namespace VirtioGuest.Hal.Text;

/// <summary>
/// Numbers in base 16, without the culture and format machinery that IL2CPU would have to compile.
/// </summary>
public static class Hexadecimal
{
    /// <summary>The lowest <paramref name="digits"/> (1 to 16) digits of a number, in lower case.</summary>
    public static string Format(ulong value, int digits)
    {
        char[] text = new char[digits];
        for (int i = digits - 1; i >= 0; i--)
        {
            text[i] = Digit((uint)value);
            value >>= 4;
        }

        return new string(text);
    }

    /// <summary>A number with as many digits as it needs.</summary>
    public static string Format(ulong value)
    {
        int digits = 1;
        while (digits < 16 && value >> (4 * digits) != 0)
        {
            digits++;
        }

        return Format(value, digits);
    }

    /// <summary>Bytes, two digits each, the first one first.</summary>
    public static string Format(ReadOnlySpan<byte> bytes)
    {
        char[] text = new char[2 * bytes.Length];
        for (int i = 0; i < text.Length; i++)
        {
            text[i] = Digit(i % 2 == 0 ? (uint)bytes[i / 2] >> 4 : bytes[i / 2]);
        }

        return new string(text);
    }

    private static char Digit(uint value)
    {
        uint digit = value & 0xF;
        return (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
    }
}
