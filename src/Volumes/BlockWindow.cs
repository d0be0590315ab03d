using VirtioGuest.Hal;

namespace VirtioGuest.Volumes;

/// <summary>Looks at a range of a disk through one block at a time.</summary>
internal sealed class BlockWindow
{
    private const ulong None = ulong.MaxValue;

    private readonly ReadableDisk _disk;
    private readonly ulong _firstSector;
    private readonly ulong _sectorsPerBlock;
    private ulong _loaded = None;

    /// <param name="disk">The disk.</param>
    /// <param name="firstSector">The first sector of the range, at the start of a block.</param>
    /// <param name="sectorCount">How many it has; sectors at its end that are no whole block are not looked at.</param>
    /// <param name="block">Room for one block of the disk.</param>
    public BlockWindow(ReadableDisk disk, ulong firstSector, ulong sectorCount, byte[] block)
    {
        _disk = disk;
        _firstSector = firstSector;
        _sectorsPerBlock = (uint)block.Length / ReadableDisk.SectorSize;
        Block = block;
        BlockCount = sectorCount / _sectorsPerBlock;
    }

    /// <summary>The block that was loaded last.</summary>
    public byte[] Block { get; }

    /// <summary>How many blocks the range has.</summary>
    public ulong BlockCount { get; }

    /// <summary>Whether all that was loaded so far was zeroes.</summary>
    public bool IsBlank { get; private set; } = true;

    /// <summary>Loads a block, unless it is the one that was loaded last.</summary>
    /// <param name="number">Its number in the range, below <see cref="BlockCount"/>.</param>
    public Failure? Load(ulong number)
    {
        if (number == _loaded)
        {
            return null;
        }

        _loaded = None;
        Failure? failure = _disk.Read(_firstSector + (number * _sectorsPerBlock), Block);
        if (failure is not null)
        {
            return failure;
        }

        _loaded = number;
        for (int i = 0; IsBlank && i < Block.Length; i++)
        {
            IsBlank = Block[i] == 0;
        }

        return null;
    }

    /// <summary>Copies bytes out of the range; where it ends before they do, the rest is zeroes.</summary>
    /// <param name="offset">Where they begin in the range.</param>
    /// <param name="destination">Where they go.</param>
    public Failure? Copy(ulong offset, byte[] destination)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            ulong position = offset + (uint)i;
            ulong number = position / (uint)Block.Length;
            if (number >= BlockCount)
            {
                destination[i] = 0;
                continue;
            }

            if (number != _loaded)
            {
                Failure? failure = Load(number);
                if (failure is not null)
                {
                    return failure;
                }
            }

            destination[i] = Block[position % (uint)Block.Length];
        }

        return null;
    }
}
