using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Memory;

/// <summary>The bits of a page table entry that LibOS uses (Intel SDM 3A, 4.5).</summary>
internal static class PageFlags
{
    public const ulong Present = 1 << 0;
    public const ulong Writable = 1 << 1;

    /// <summary>Writes go through the cache to memory.</summary>
    public const ulong WriteThrough = 1 << 3;

    public const ulong CacheDisable = 1 << 4;

    /// <summary>The entry maps a 2 MB page.</summary>
    public const ulong Large = 1 << 7;

    /// <summary>
    /// Code in the page cannot run. Ignored by <see cref="PageTable"/> on a processor that has no such bit.
    /// </summary>
    public const ulong NoExecute = 1ul << 63;

    public const ulong AddressMask = 0x000F_FFFF_FFFF_F000;
}

/// <summary>
/// A four-level page table (Intel SDM 3A, 4.5). Its tables are frames of a <see cref="FrameAllocator"/>, seen through
/// the direct map.
/// </summary>
/// <remarks>
/// An entry of the last level that is not zero owns a frame even when it is not present: that is how a page keeps its
/// contents while its protection allows nothing.
/// </remarks>
internal unsafe struct PageTable
{
    /// <summary>The size of a large page in bytes.</summary>
    public const ulong LargePage = 1 << 21;

    private const int RootShift = 39;
    private const ulong EntryCount = 512;

    private FrameAllocator* _frames;
    private ulong _flagMask;

    /// <summary>The physical address of the root table, for CR3.</summary>
    public ulong Root { get; private set; }

    /// <summary>How many frames the tables themselves take.</summary>
    public ulong TableFrames { get; private set; }

    /// <summary>Creates an empty table.</summary>
    /// <param name="frames">Where tables come from and go to.</param>
    /// <param name="hasNoExecute">Whether the processor knows <see cref="PageFlags.NoExecute"/>.</param>
    /// <returns>False when there is no memory.</returns>
    public bool Initialize(FrameAllocator* frames, bool hasNoExecute)
    {
        _frames = frames;
        _flagMask = hasNoExecute ? ulong.MaxValue : ~PageFlags.NoExecute;
        TableFrames = 0;
        Root = NewTable();
        return Root != FrameAllocator.None;
    }

    /// <summary>Maps 4 KB pages; whatever was mapped there before is overwritten, not freed.</summary>
    /// <returns>False when there is no memory for a table.</returns>
    public bool Map(ulong address, ulong physical, ulong length, ulong flags)
    {
        for (ulong offset = 0; offset < length; offset += Frame.Size)
        {
            ulong* entry = Entry(address + offset, create: true);
            if (entry == null)
            {
                return false;
            }

            *entry = ((physical + offset) | flags | PageFlags.Present) & _flagMask;
        }

        return true;
    }

    /// <summary>Maps memory in 2 MB pages where alignment allows and in 4 KB pages at the edges.</summary>
    /// <returns>False when there is no memory for a table.</returns>
    public bool MapLarge(ulong address, ulong physical, ulong length, ulong flags)
    {
        ulong end = address + length;
        while (address < end)
        {
            ulong step = Frame.Size;
            if (((address | physical) & (LargePage - 1)) == 0 && end - address >= LargePage)
            {
                step = LargePage;
                ulong* entry = LargeEntry(address);
                if (entry == null)
                {
                    return false;
                }

                *entry = (physical | flags | PageFlags.Present | PageFlags.Large) & _flagMask;
            }
            else if (!Map(address, physical, Frame.Size, flags))
            {
                return false;
            }

            address += step;
            physical += step;
        }

        return true;
    }

    /// <summary>
    /// Whether a large page can start at an address: alignment, length, and nothing mapped there yet.
    /// </summary>
    public bool CanMapLarge(ulong address, ulong end)
    {
        if ((address & (LargePage - 1)) != 0 || end - address < LargePage)
        {
            return false;
        }

        ulong* entry = LargeEntry(address);
        return entry != null && (*entry & PageFlags.Present) == 0;
    }

    /// <summary>Sets the entry of one page. The cached translation is the caller's business.</summary>
    public readonly void Set(ulong* entry, ulong physical, ulong flags) => *entry = (physical | flags) & _flagMask;

    /// <summary>The last-level entry of a page.</summary>
    /// <param name="address">An address in the page, not in a large one.</param>
    /// <param name="create">Whether missing tables are made.</param>
    /// <returns>The entry, or null when a table is missing (or could not be made).</returns>
    public ulong* Entry(ulong address, bool create)
    {
        var table = (ulong*)PhysicalMemory.At(Root);
        for (int shift = RootShift; shift > Frame.Shift; shift -= 9)
        {
            ulong* entry = &table[(address >> shift) & (EntryCount - 1)];
            if ((*entry & PageFlags.Present) == 0)
            {
                if (!create || !AddTable(entry))
                {
                    return null;
                }
            }
            else if ((*entry & PageFlags.Large) != 0)
            {
                return null;
            }

            table = (ulong*)PhysicalMemory.At(*entry & PageFlags.AddressMask);
        }

        return &table[(address >> Frame.Shift) & (EntryCount - 1)];
    }

    /// <summary>Where an address leads, large pages included.</summary>
    /// <param name="address">Any address.</param>
    /// <param name="pageLength">The size of the page that holds it.</param>
    /// <returns>Its physical address, or <see cref="FrameAllocator.None"/> where nothing is present.</returns>
    public readonly ulong Translate(ulong address, out ulong pageLength)
    {
        pageLength = Frame.Size;
        var table = (ulong*)PhysicalMemory.At(Root);
        for (int shift = RootShift; ; shift -= 9)
        {
            ulong entry = table[(address >> shift) & (EntryCount - 1)];
            if ((entry & PageFlags.Present) == 0)
            {
                return FrameAllocator.None;
            }

            if (shift == Frame.Shift || (entry & PageFlags.Large) != 0)
            {
                pageLength = 1ul << shift;
                return (entry & PageFlags.AddressMask & ~(pageLength - 1)) | (address & (pageLength - 1));
            }

            table = (ulong*)PhysicalMemory.At(entry & PageFlags.AddressMask);
        }
    }

    /// <summary>
    /// The first page at or after <paramref name="address"/> that owns a frame, so that sparse ranges are walked in
    /// steps of whole missing tables.
    /// </summary>
    /// <param name="address">Where to start; set to the page that was found, or to <paramref name="end"/>.</param>
    /// <param name="end">Where to stop; page-aligned like <paramref name="address"/>.</param>
    /// <returns>Its entry, or null when there is none.</returns>
    public readonly ulong* FindOwned(ref ulong address, ulong end)
    {
        while (address < end)
        {
            var table = (ulong*)PhysicalMemory.At(Root);
            int shift = RootShift;
            while (shift > Frame.Shift)
            {
                ulong entry = table[(address >> shift) & (EntryCount - 1)];
                if ((entry & PageFlags.Present) == 0)
                {
                    break;
                }

                table = (ulong*)PhysicalMemory.At(entry & PageFlags.AddressMask);
                shift -= 9;
            }

            ulong* last = &table[(address >> Frame.Shift) & (EntryCount - 1)];
            if (shift == Frame.Shift && *last != 0)
            {
                return last;
            }

            address = ((address >> shift) + 1) << shift;
        }

        address = end;
        return null;
    }

    /// <summary>Frees the tables of a range in which no page owns a frame any more.</summary>
    /// <param name="start">The range's first byte.</param>
    /// <param name="end">The byte after it.</param>
    public void FreeTables(ulong start, ulong end) => FreeTables(Root, RootShift, 0, start, end);

    private bool FreeTables(ulong table, int shift, ulong tableStart, ulong start, ulong end)
    {
        var entries = (ulong*)PhysicalMemory.At(table);
        ulong step = 1ul << shift;
        ulong first = start > tableStart ? (start - tableStart) >> shift : 0;
        bool below = shift > Frame.Shift + 9;
        for (ulong i = first; i < EntryCount && tableStart + (i * step) < end; i++)
        {
            if ((entries[i] & PageFlags.Present) == 0)
            {
                continue;
            }

            ulong child = entries[i] & PageFlags.AddressMask;
            bool isEmpty = below ? FreeTables(child, shift - 9, tableStart + (i * step), start, end) : IsEmpty(child);
            if (isEmpty)
            {
                entries[i] = 0;
                TableFrames--;
                _frames->Free(child, Frame.Size);
            }
        }

        return IsEmpty(table);
    }

    private static bool IsEmpty(ulong table)
    {
        var entries = (ulong*)PhysicalMemory.At(table);
        for (ulong i = 0; i < EntryCount; i++)
        {
            if (entries[i] != 0)
            {
                return false;
            }
        }

        return true;
    }

    private ulong* LargeEntry(ulong address)
    {
        var table = (ulong*)PhysicalMemory.At(Root);
        for (int shift = RootShift; shift > Frame.Shift + 9; shift -= 9)
        {
            ulong* entry = &table[(address >> shift) & (EntryCount - 1)];
            if ((*entry & PageFlags.Present) == 0 && !AddTable(entry))
            {
                return null;
            }

            table = (ulong*)PhysicalMemory.At(*entry & PageFlags.AddressMask);
        }

        return &table[(address >> (Frame.Shift + 9)) & (EntryCount - 1)];
    }

    private bool AddTable(ulong* entry)
    {
        ulong table = NewTable();
        if (table == FrameAllocator.None)
        {
            return false;
        }

        *entry = table | PageFlags.Present | PageFlags.Writable;
        return true;
    }

    private ulong NewTable()
    {
        ulong table = _frames->Allocate();
        if (table != FrameAllocator.None)
        {
            TableFrames++;
        }

        return table;
    }
}
