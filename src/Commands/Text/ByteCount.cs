using VirtioGuest.Pci;

namespace VirtioGuest.Commands.Text;

/// <summary>Amounts of bytes for people.</summary>
public static class ByteCount
{
    private static readonly string[] s_units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>
    /// In the largest unit of which there is at least one: a whole number where it is one, else with one decimal,
    /// rounded down. For example <c>64 MiB</c>, <c>1.5 GiB</c>, <c>0 bytes</c>.
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
