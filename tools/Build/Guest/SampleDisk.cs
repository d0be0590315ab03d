using System.IO;
using System.Text;

namespace VirtioGuest.Build.Guest;

/// <summary>
/// The disk of a guest for which none is named: 64 MiB, made once and kept, so that what is written stays.
/// </summary>
internal static class SampleDisk
{
    private const long Size = 64L << 20;

    private const string FirstSector = "This is the sample disk of VirtioGuest. Write to it as you like.\n";

    /// <summary>Makes the disk where it is missing.</summary>
    public static void Ensure(string path)
    {
        if (File.Exists(path))
        {
            return;
        }

        using FileStream file = File.Create(path);
        file.SetLength(Size);
        file.Write(Encoding.ASCII.GetBytes(FirstSector));
    }
}
