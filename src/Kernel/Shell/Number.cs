using System.Globalization;

namespace VirtioGuest.Kernel.Shell;

/// <summary>Numbers as they are written on a command line: decimal, or hexadecimal after <c>0x</c>.</summary>
internal static class Number
{
    /// <summary>Reads a number of at most 64 bits.</summary>
    /// <returns>False where the text is no such number, or a larger one.</returns>
    public static bool TryParse(string text, out ulong value)
    {
        return text.StartsWith("0x", System.StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(
                text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
    }
}
