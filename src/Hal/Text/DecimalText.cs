namespace VirtioGuest.Hal.Text;

/// <summary>
/// Numbers as people write them, without the culture and format machinery that IL2CPU would have to compile.
/// </summary>
public static class DecimalText
{
    private const int MostDigits = 20;

    /// <summary>The digits of a number.</summary>
    public static string Of(ulong value)
    {
        char[] text = new char[MostDigits];
        int first = MostDigits;
        do
        {
            text[--first] = (char)('0' + (uint)(value % 10));
            value /= 10;
        }
        while (value != 0);

        return new string(text, first, MostDigits - first);
    }
}
