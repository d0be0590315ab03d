namespace VirtioGuest.Recording;

/// <summary>Little-endian words of 1, 2, 4 or 8 bytes in ordinary memory.</summary>
public static unsafe class Words
{
    /// <summary>Reads a word.</summary>
    public static ulong Read(byte* address, int size) => size switch
    {
        1 => *address,
        2 => *(ushort*)address,
        4 => *(uint*)address,
        _ => *(ulong*)address,
    };

    /// <summary>Writes a word.</summary>
    public static void Write(byte* address, int size, ulong value)
    {
        switch (size)
        {
            case 1:
                *address = (byte)value;
                break;
            case 2:
                *(ushort*)address = (ushort)value;
                break;
            case 4:
                *(uint*)address = (uint)value;
                break;
            default:
                *(ulong*)address = value;
                break;
        }
    }
}
