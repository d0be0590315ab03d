namespace VirtioGuest.Hal.Text;

/// <summary>IPv4 addresses as people write them; as numbers their highest byte is the one written first.</summary>
public static class IPv4Text
{
    private const int Parts = 4;
    private const int MostDigits = 3;
    private const uint LargestPart = 255;

    /// <summary>Reads four decimal numbers, 0 to 255 and without leading zeros, with dots between them.</summary>
    /// <returns>Whether the whole text was such an address.</returns>
    public static bool TryParse(string text, out uint address)
    {
        address = 0;
        uint value = 0;
        int position = 0;
        for (int part = 0; part < Parts; part++)
        {
            if (part != 0 && (position == text.Length || text[position++] != '.'))
            {
                return false;
            }

            int start = position;
            uint number = 0;
            while (position < text.Length && position - start < MostDigits && text[position] is >= '0' and <= '9')
            {
                number = (number * 10) + text[position] - '0';
                position++;
            }

            int digits = position - start;
            if (digits == 0 || number > LargestPart || (digits > 1 && text[start] == '0'))
            {
                return false;
            }

            value = (value << 8) | number;
        }

        if (position != text.Length)
        {
            return false;
        }

        address = value;
        return true;
    }

    /// <summary>An address as <c>10.0.2.15</c>.</summary>
    public static string Format(uint address) =>
        DecimalText.Of(address >> 24) + "." + DecimalText.Of((byte)(address >> 16)) + "."
        + DecimalText.Of((byte)(address >> 8)) + "." + DecimalText.Of((byte)address);
}
