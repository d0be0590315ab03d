using System;
using System.Collections.Generic;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Binding;

/// <summary>Finds where device registers can be put: addresses that neither RAM nor anything else answers.</summary>
internal static class AddressWindows
{
    /// <summary>Where the I/O APICs, the local APICs and firmware begin on every PC.</summary>
    public const ulong LowEnd = 0xFEC0_0000;

    /// <summary>Where PCs put the ports of PCI devices: above those of the board, below the top page.</summary>
    public static readonly AddressRange Ports = new(0xC000, 0x3F00);

    private const uint RamKind = 1;
    private const ulong FourGigabytes = 0x1_0000_0000;
    private const ulong Gigabyte = 0x4000_0000;
    private const ulong Megabyte = 0x10_0000;

    // Below this, chipsets may hide a memory-mapped configuration window that no map tells of.
    private const ulong LowStart = 0xC000_0000;

    // 512 GB: every 64-bit processor reaches it, and one level of page tables covers it.
    private const ulong HighEnd = 0x80_0000_0000;

    /// <summary>Computes the free windows.</summary>
    /// <param name="map">The firmware's memory map, in any order.</param>
    /// <returns>
    /// Those below 4 GB, above the RAM there and above 3 GB, then those above 4 GB and all RAM; by address. None holds
    /// a byte that the map names.
    /// </returns>
    public static List<AddressRange> Compute(IReadOnlyList<MemoryRange> map)
    {
        ulong lowStart = LowStart;
        ulong highStart = FourGigabytes;
        foreach (MemoryRange range in map)
        {
            ulong end = End(range);
            if (range.Start < LowEnd && range.Kind == RamKind)
            {
                lowStart = Math.Max(lowStart, Math.Min(end, LowEnd));
            }

            if (end > FourGigabytes && range.Start < HighEnd)
            {
                highStart = Math.Max(highStart, Math.Min(end, HighEnd));
            }
        }

        lowStart = AlignUp(lowStart, Megabyte);
        highStart = AlignUp(highStart, Gigabyte);
        var windows = new List<AddressRange>();
        AddFree(windows, lowStart, LowEnd, map);
        AddFree(windows, highStart, HighEnd, map);
        return windows;
    }

    /// <summary>
    /// The addresses that no device can have, whatever firmware says: RAM, and what belongs to the processor.
    /// </summary>
    /// <param name="map">The firmware's memory map.</param>
    public static List<AddressRange> ComputeUnreachable(IReadOnlyList<MemoryRange> map)
    {
        List<AddressRange> ranges = [new AddressRange(LowEnd, FourGigabytes - LowEnd)];
        foreach (MemoryRange range in map)
        {
            if (range.Kind == RamKind)
            {
                ranges.Add(new AddressRange(range.Start, End(range) - range.Start));
            }
        }

        return ranges;
    }

    // What is left of a range when everything that the map names is taken out.
    private static void AddFree(List<AddressRange> windows, ulong start, ulong end, IReadOnlyList<MemoryRange> map)
    {
        while (start < end)
        {
            MemoryRange? first = FindFirst(map, start, end);
            ulong freeEnd = first is { } taken ? Math.Max(taken.Start, start) : end;
            if (freeEnd > start)
            {
                windows.Add(new AddressRange(start, freeEnd - start));
            }

            start = first is { } named ? End(named) : end;
        }
    }

    private static MemoryRange? FindFirst(IReadOnlyList<MemoryRange> map, ulong start, ulong end)
    {
        MemoryRange? first = null;
        foreach (MemoryRange range in map)
        {
            bool overlaps = range.Length != 0 && range.Start < end && End(range) > start;
            if (overlaps && (first is null || range.Start < first.Value.Start))
            {
                first = range;
            }
        }

        return first;
    }

    private static ulong End(MemoryRange range) =>
        range.Length > ulong.MaxValue - range.Start ? ulong.MaxValue : range.Start + range.Length;

    private static ulong AlignUp(ulong address, ulong alignment) => (address + alignment - 1) & ~(alignment - 1);
}
