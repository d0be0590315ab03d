using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Acpi;

/// <summary>Finds the Root System Description Pointer (ACPI 6.5, 5.2.5).</summary>
internal static unsafe class RootPointer
{
    private const ulong Signature = 0x2052_5450_2044_5352; // "RSD PTR "
    private const ulong FirstLength = 20;
    private const ulong FullLength = 36;

    private const ulong BiosStart = 0xE_0000;
    private const ulong BiosLength = 0x2_0000;

    /// <summary>
    /// Finds the pointer: the loader's copy, else where the loader says, else (5.2.5.1; not under UEFI) where a PC's
    /// firmware keeps it.
    /// </summary>
    /// <param name="information">What the loader said.</param>
    /// <param name="rsdt">The physical address of the RSDT, or 0.</param>
    /// <param name="xsdt">The physical address of the XSDT, or 0.</param>
    /// <returns>False where there is no pointer with a right checksum.</returns>
    public static bool TryFind(BootInformation* information, out ulong rsdt, out ulong xsdt)
    {
        ByteWindow copy = ByteWindow.Over(information->RootPointerCopy, information->RootPointerCopyLength);
        if (TryRead(copy, out rsdt, out xsdt))
        {
            return true;
        }

        if (ByteWindow.TryOpen(information->RootPointer, FullLength, out ByteWindow named) &&
            TryRead(named, out rsdt, out xsdt))
        {
            return true;
        }

        if (information->IsUefi)
        {
            return false;
        }

        ByteWindow.TryOpenExtendedBiosData(out ByteWindow biosData);
        ByteWindow.TryOpen(BiosStart, BiosLength, out ByteWindow bios);
        return TrySearch(biosData, out rsdt, out xsdt) || TrySearch(bios, out rsdt, out xsdt);
    }

    private static bool TrySearch(ByteWindow area, out ulong rsdt, out ulong xsdt)
    {
        for (ulong offset = 0; area.Has(offset, FirstLength); offset += 16)
        {
            ulong count = area.Has(offset, FullLength) ? FullLength : FirstLength;
            if (area.Load64(offset) == Signature && TryRead(area.Part(offset, count), out rsdt, out xsdt))
            {
                return true;
            }
        }

        rsdt = 0;
        xsdt = 0;
        return false;
    }

    private static bool TryRead(ByteWindow pointer, out ulong rsdt, out ulong xsdt)
    {
        rsdt = 0;
        xsdt = 0;
        if (!pointer.Has(0, FirstLength) || pointer.Load64(0) != Signature || pointer.Sum(FirstLength) != 0)
        {
            return false;
        }

        rsdt = pointer.Load32(16);

        // The second checksum guards the longer form: where it is wrong, the first part still stands by its own.
        if (pointer.Load8(15) >= 2 && pointer.Load32(20) >= FullLength && pointer.Has(0, FullLength) &&
            pointer.Sum(FullLength) == 0)
        {
            xsdt = pointer.Load64(24);
        }

        return true;
    }
}
