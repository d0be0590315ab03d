namespace VirtioGuest.Commands;

/// <summary>Numbers as they are written on a command line: decimal, or hexadecimal after <c>0x</c>.</summary>
public static class Number
{
    /// <summary>Reads a number of at most 64 bits: digits and nothing else, leading zeros included.</summary>
    /// <returns>Whether the text is such a number.</returns>
    public static bool TryParse(string text, out ulong value)
    {
        bool isHexadecimal = text.Length > 2 && text[0] == '0' && text[1] is 'x' or 'X';
        uint radix = isHexadecimal ? 16u : 10u;
        value = 0;
        int start = isHexadecimal ? 2 : 0;
        for (int index = start; index < text.Length; index++)
        {
            uint digit = Digit(text[index]);
            if (digit >= radix || value > (ulong.MaxValue - digit) / radix)
            {
                value = 0;
                return false;
            }

            value = (value * radix) + digit;
        }

        return text.Length > start;
    }

    private static uint Digit(char character) => character switch
    {
        >= '0' and <= '9' => (uint)character - '0',
        >= 'a' and <= 'f' => (uint)character - 'a' + 10,
        >= 'A' and <= 'F' => (uint)character - 'A' + 10,
        _ => uint.MaxValue,
    };
}
