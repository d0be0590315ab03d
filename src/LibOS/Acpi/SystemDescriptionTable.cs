using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Acpi;

/// <summary>Opens tables that begin with the common header (ACPI 6.5, 5.2.6).</summary>
internal static class SystemDescriptionTable
{
    /// <summary>The bytes of the common header.</summary>
    public const ulong HeaderLength = 36;

    private const ulong MaximumLength = 4 << 20;

    /// <summary>Opens a table after checking its length and its checksum.</summary>
    /// <param name="physical">Where it is.</param>
    /// <param name="signature">Its four letters as a little-endian number, or 0 for any table.</param>
    /// <param name="table">The whole table, header included.</param>
    /// <returns>False where there is no such table in order.</returns>
    public static bool TryOpen(ulong physical, uint signature, out ByteWindow table)
    {
        if (!ByteWindow.TryOpen(physical, HeaderLength, out table) ||
            (signature != 0 && table.Load32(0) != signature))
        {
            return false;
        }

        ulong length = table.Load32(4);
        return length >= HeaderLength && length <= MaximumLength &&
            ByteWindow.TryOpen(physical, length, out table) && table.Sum(length) == 0;
    }
}
