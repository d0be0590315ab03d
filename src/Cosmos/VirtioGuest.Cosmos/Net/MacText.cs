namespace VirtioGuest.Cosmos.Net;

/// <summary>A MAC address as people write it.</summary>
public static class MacText
{
    private const string Digits = "0123456789abcdef";

    /// <summary>Six pairs of digits with colons between them.</summary>
    public static string Of(byte[] address)
    {
        char[] text = new char[(address.Length * 3) - 1];
        for (int i = 0; i < text.Length; i++)
        {
            int value = address[i / 3];
            text[i] = i % 3 == 0 ? Digits[value >> 4] : i % 3 == 1 ? Digits[value & 15] : ':';
        }

        return new string(text);
    }
}
