using VirtioGuest.Hal.Text;

namespace VirtioGuest.Volumes;

/// <summary>Numbers, names and identifiers in structures on a disk.</summary>
/// <remarks>
/// Bytes are put together by shifting: Cosmos creates an object whenever a number is read out of a span.
/// </remarks>
internal static class Fields
{
    private const int GuidLength = 16;

    public static ushort Read16(byte[] bytes, int offset) => (ushort)(bytes[offset] | (bytes[offset + 1] << 8));

    public static uint Read32(byte[] bytes, int offset) =>
        Read16(bytes, offset) | ((uint)Read16(bytes, offset + 2) << 16);

    public static ulong Read64(byte[] bytes, int offset) =>
        Read32(bytes, offset) | ((ulong)Read32(bytes, offset + 4) << 32);

    /// <summary>A number whose highest byte comes first.</summary>
    public static uint ReadBig32(byte[] bytes, int offset) =>
        ((uint)bytes[offset] << 24) | ((uint)bytes[offset + 1] << 16) | ((uint)bytes[offset + 2] << 8)
        | bytes[offset + 3];

    /// <inheritdoc cref="ReadBig32"/>
    public static ulong ReadBig64(byte[] bytes, int offset) =>
        ((ulong)ReadBig32(bytes, offset) << 32) | ReadBig32(bytes, offset + 4);

    /// <summary>Whether there are these ASCII characters.</summary>
    public static bool Holds(byte[] bytes, int offset, string characters)
    {
        for (int i = 0; i < characters.Length; i++)
        {
            if (bytes[offset + i] != characters[i])
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A name of one byte a character, which ends with its field, a zero, or spaces.</summary>
    public static string Text(byte[] bytes, int offset, int length) => Text(bytes, offset, length, width: 1);

    /// <summary>A name in UTF-16, which ends with its field, a zero, or spaces.</summary>
    /// <param name="bytes">The structure.</param>
    /// <param name="offset">Where the field begins.</param>
    /// <param name="length">How many characters it has room for.</param>
    public static string WideText(byte[] bytes, int offset, int length) => Text(bytes, offset, length, width: 2);

    /// <summary>16 bytes as a UUID is written, the first byte first.</summary>
    public static string Uuid(byte[] bytes, int offset)
    {
        string text = "";
        for (int i = 0; i < GuidLength; i++)
        {
            text += (i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "") + Hexadecimal.Format(bytes[offset + i], 2);
        }

        return text;
    }

    /// <summary>
    /// A GUID, whose first three fields are numbers with the lowest byte first (UEFI 2.10, appendix A).
    /// </summary>
    public static string Guid(byte[] bytes, int offset)
    {
        byte[] turned = new byte[GuidLength];
        for (int i = 0; i < GuidLength; i++)
        {
            int from = i < 4 ? 3 - i : i < 6 ? 9 - i : i < 8 ? 13 - i : i;
            turned[i] = bytes[offset + from];
        }

        return Uuid(turned, 0);
    }

    /// <summary>Whether something is 2 to some power.</summary>
    public static bool IsPowerOfTwo(uint value) => value != 0 && (value & (value - 1)) == 0;

    /// <summary>The product, or the largest number where it is larger than that.</summary>
    public static ulong Multiply(ulong count, uint size) =>
        size != 0 && count > ulong.MaxValue / size ? ulong.MaxValue : count * size;

    private static string Text(byte[] bytes, int offset, int length, int width)
    {
        char[] characters = new char[length];
        int used = 0;
        for (int i = 0; i < length; i++)
        {
            uint value = width == 1 ? bytes[offset + i] : Read16(bytes, offset + (i * 2));
            if (value == 0)
            {
                break;
            }

            // Whoever shows it writes ASCII, and a name must not be able to do anything to a terminal.
            characters[i] = value is >= ' ' and <= '~' ? (char)value : '?';
            used = value == ' ' ? used : i + 1;
        }

        return new string(characters, 0, used);
    }
}
