using System;

namespace VirtioGuest.Kernel.Acpi;

/// <summary>Hardware IDs that are packed into 32 bits (ACPI 6.5, 19.3.4, EISAID).</summary>
internal static class EisaId
{
    private const string Digits = "0123456789ABCDEF";

    /// <summary>Unpacks one: three letters and four hexadecimal digits.</summary>
    public static string Decode(uint packed)
    {
        Span<char> text = stackalloc char[7];
        uint swapped = (packed << 24) | ((packed & 0xFF00) << 8) | ((packed >> 8) & 0xFF00) | (packed >> 24);
        for (int letter = 0; letter < 3; letter++)
        {
            text[letter] = (char)('@' + ((swapped >> (26 - (5 * letter))) & 0x1F));
        }

        for (int digit = 0; digit < 4; digit++)
        {
            text[3 + digit] = Digits[(int)((swapped >> (12 - (4 * digit))) & 0xF)];
        }

        return new string(text);
    }
}
