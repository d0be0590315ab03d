using System;
using VirtioGuest.Commands.Block;

namespace VirtioGuest.Commands.SelfTest.Cases;

/// <summary>
/// Finds ranges that are for whole blocks of a disk: with larger blocks than sectors a device may fail any other, and
/// that is no fault of the guest.
/// </summary>
internal sealed class WholeBlocks
{
    /// <summary>Why there is no range.</summary>
    internal const string NoneFit = "the disk has no whole block of a size that fits into memory";

    /// <summary>The largest block that is read at once, in sectors: 4 MiB.</summary>
    private const ulong LargestBlock = 8192;

    private readonly ulong _block;
    private readonly ulong _end;

    /// <summary>Looks at a disk.</summary>
    internal WholeBlocks(SectorDevice disk)
    {
        _block = disk.BlockSize / SectorDevice.SectorSize;
        _end = disk.SectorCount - (disk.SectorCount % _block);
    }

    /// <summary>About so many sectors as there are on the disk; 0 where there is no block.</summary>
    internal ulong CountOf(ulong sectors)
    {
        if (_block > LargestBlock)
        {
            return 0;
        }

        return Math.Min(Math.Max(sectors - (sectors % _block), _block), _end);
    }

    /// <summary>The first of the last sectors that are whole blocks.</summary>
    internal ulong FirstOfLast(ulong count) => _end - count;
}
