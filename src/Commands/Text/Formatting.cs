using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.Text;

/// <summary>Amounts of bytes, for people.</summary>
public static class ByteCount
{
    private static readonly string[] s_units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>
    /// In the largest unit of which there is at least one; with one decimal, rounded down, unless it is a whole number.
    /// For example <c>64 MiB</c>, <c>1.5 GiB</c>, <c>0 bytes</c>.
    /// </summary>
    public static string Format(ulong bytes)
    {
        int unit = 0;
        while (unit + 1 < s_units.Length && bytes >> ((unit + 1) * 10) != 0)
        {
            unit++;
        }

        int shift = unit * 10;
        ulong whole = bytes >> shift;
        ulong rest = bytes - (whole << shift);
        string text = DecimalText.Of(whole);
        if (rest != 0)
        {
            // Dropping ten bits of what is left keeps the product within 64 bits.
            ulong tenths = shift > 10 ? ((rest >> 10) * 10) >> (shift - 10) : (rest * 10) >> shift;
            text += "." + DecimalText.Of(tenths);
        }

        return text + " " + s_units[unit];
    }
}

/// <summary>Fields of a table. One that is too long pushes the rest of its line to the right.</summary>
public static class Column
{
    /// <summary>Text at the left of its column.</summary>
    public static string Left(string text, int width) => text + Padding(' ', width - text.Length);

    /// <summary>A number at the right of its column.</summary>
    public static string Right(ulong number, int width) => Right(number, width, ' ');

    /// <summary>A number that fills its column with leading zeros.</summary>
    public static string ZeroFilled(ulong number, int width) => Right(number, width, '0');

    private static string Right(ulong number, int width, char padding)
    {
        string digits = DecimalText.Of(number);
        return Padding(padding, width - digits.Length) + digits;
    }

    private static string Padding(char character, int count) => count > 0 ? new string(character, count) : "";
}
