using VirtioGuest.LibOS.Acpi;
using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Interrupts;

/// <summary>
/// Reads the MultiProcessor table (Intel MultiProcessor Specification 1.4, chapter 4), which machines without ACPI
/// have: where the I/O APICs are, and how ISA's lines come to them.
/// </summary>
internal static unsafe class MultiprocessorTable
{
    private const uint PointerSignature = 0x5F50_4D5F; // "_MP_"
    private const uint TableSignature = 0x504D_4350; // "PCMP"
    private const ulong PointerLength = 16;
    private const ulong HeaderLength = 44;

    private const ulong BaseMemoryKilobytes = 0x413;
    private const ulong Kilobyte = 1024;
    private const ulong LowMemoryEnd = 0xA_0000;
    private const ulong BiosStart = 0xF_0000;
    private const ulong BiosLength = 0x1_0000;

    private const byte ProcessorEntry = 0;
    private const byte BusEntry = 1;
    private const byte IoApicEntry = 2;
    private const byte InterruptEntry = 3;
    private const ulong ProcessorEntryLength = 20;
    private const ulong EntryLength = 8;

    private const byte IsUsable = 1;
    private const byte VectoredInterrupt = 0;
    private const byte AllIoApics = 0xFF;
    private const byte IsaLines = 16;

    // "ISA   ", as 16 and 32 bits.
    private const uint IsaName = 0x2041_5349;

    /// <summary>Looks for the table in the first megabyte, and takes from it what a description has room for.</summary>
    /// <param name="description">An empty description; stays as it is where there is no table.</param>
    /// <returns>Whether there is a table.</returns>
    public static bool Read(InterruptDescription* description)
    {
        if (!TryFindTable(out ByteWindow table))
        {
            return false;
        }

        description->LocalApicAddress = table.Load32(36);
        int isaBus = FindIsaBus(table);
        int firstIoApic = -1;
        var entry = default(ByteWindow);
        for (ulong offset = HeaderLength; TryOpenEntry(table, offset, out entry); offset += entry.Length)
        {
            switch (entry.Load8(0))
            {
                case ProcessorEntry:
                    description->Processors += (uint)entry.Load8(3) & IsUsable;
                    break;
                case IoApicEntry when (entry.Load8(3) & IsUsable) != 0:
                    firstIoApic = firstIoApic < 0 ? entry.Load8(1) : firstIoApic;
                    description->AddIoApic(entry.Load8(1), entry.Load32(4), IoApicDescription.AfterPrevious);
                    break;
                case InterruptEntry when entry.Load8(1) == VectoredInterrupt && entry.Load8(4) == isaBus
                    && entry.Load8(5) < IsaLines && IsFor(entry.Load8(6), firstIoApic):
                    // Polarity and trigger mode are coded as ACPI codes them.
                    description->AddOverride(entry.Load8(5), entry.Load8(7), entry.Load16(2));
                    break;
                default:
                    break;
            }
        }

        return true;
    }

    // The first one's inputs have the first numbers; how many it has, the table does not say.
    private static bool IsFor(byte ioApic, int first) => ioApic == AllIoApics || ioApic == first;

    private static int FindIsaBus(ByteWindow table)
    {
        var entry = default(ByteWindow);
        for (ulong offset = HeaderLength; TryOpenEntry(table, offset, out entry); offset += entry.Length)
        {
            if (entry.Load8(0) == BusEntry && entry.Load32(2) == IsaName)
            {
                return entry.Load8(1);
            }
        }

        return -1;
    }

    // Empty past the end, and at an entry of an unknown kind, whose length is unknown too.
    private static bool TryOpenEntry(ByteWindow table, ulong offset, out ByteWindow entry)
    {
        ulong length = table.Load8(offset) == ProcessorEntry ? ProcessorEntryLength : EntryLength;
        bool isKnown = table.Has(offset, length) && table.Load8(offset) <= 4;
        entry = table.Part(offset, isKnown ? length : 0);
        return isKnown;
    }

    private static bool TryFindTable(out ByteWindow table)
    {
        if (ByteWindow.TryOpenExtendedBiosData(out ByteWindow biosData) && TrySearch(biosData, out table))
        {
            return true;
        }

        if (ByteWindow.TryOpen(BaseMemoryKilobytes, 2, out ByteWindow size))
        {
            ulong end = size.Load16(0) * Kilobyte;
            if (end > Kilobyte && end <= LowMemoryEnd && TrySearch(end - Kilobyte, Kilobyte, out table))
            {
                return true;
            }
        }

        return TrySearch(LowMemoryEnd - Kilobyte, Kilobyte, out table) || TrySearch(BiosStart, BiosLength, out table);
    }

    private static bool TrySearch(ulong start, ulong length, out ByteWindow table)
    {
        ByteWindow.TryOpen(start, length, out ByteWindow area);
        return TrySearch(area, out table);
    }

    private static bool TrySearch(ByteWindow area, out ByteWindow table)
    {
        for (ulong offset = 0; area.Has(offset, PointerLength); offset += PointerLength)
        {
            if (TryOpenTable(area.Part(offset, PointerLength), out table))
            {
                return true;
            }
        }

        table = area.Part(0, 0);
        return false;
    }

    private static bool TryOpenTable(ByteWindow pointer, out ByteWindow table)
    {
        table = pointer.Part(0, 0);
        if (pointer.Load32(0) != PointerSignature || pointer.Sum(PointerLength) != 0
            || !ByteWindow.TryOpen(pointer.Load32(4), HeaderLength, out ByteWindow header)
            || header.Load32(0) != TableSignature)
        {
            return false;
        }

        ulong length = header.Load16(4);
        return length >= HeaderLength && ByteWindow.TryOpen(pointer.Load32(4), length, out table)
            && table.Sum(length) == 0;
    }
}
