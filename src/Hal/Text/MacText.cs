using System;

namespace VirtioGuest.Hal.Text;

/// <summary>Addresses of network cards as people write them.</summary>
public static class MacText
{
    /// <summary>Two hexadecimal digits for each byte, with colons between them.</summary>
    /// <param name="address">At least one byte.</param>
    public static string Of(ReadOnlySpan<byte> address)
    {
        string digits = Hexadecimal.Format(address);
        char[] text = new char[(address.Length * 3) - 1];
        for (int i = 0; i < text.Length; i++)
        {
            text[i] = i % 3 == 2 ? ':' : digits[i - (i / 3)];
        }

        return new string(text);
    }
}
