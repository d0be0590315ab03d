namespace VirtioGuest.LibOS.SystemCalls;

/// <summary>Texts of the program that end with a zero.</summary>
internal static unsafe class UserText
{
    /// <summary>Whether a text is exactly the given one.</summary>
    public static bool Equals(byte* text, string expected)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            if (text[i] != expected[i])
            {
                return false;
            }
        }

        return text[expected.Length] == 0;
    }
}
