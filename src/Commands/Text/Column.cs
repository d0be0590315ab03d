using VirtioGuest.Pci;

namespace VirtioGuest.Commands.Text;

/// <summary>Fields of a table; one that is too long pushes the rest of its line.</summary>
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
