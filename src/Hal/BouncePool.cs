using System;

namespace VirtioGuest.Hal;

/// <summary>
/// Memory that a device can reach, set aside for the buffers that it cannot: a fixed number of blocks, shared by the
/// maps that are created with it.
/// </summary>
/// <remarks>
/// Used by one context at a time, as the queues of its device are. Taking and giving back allocate nothing.
/// </remarks>
public sealed class BouncePool
{
    /// <summary>The size of a block in bytes, which is its alignment as well.</summary>
    public const uint BlockLength = 4096;

    private readonly DmaMemory _memory;
    private readonly int[] _free;
    private int _freeCount;

    private BouncePool(DmaMemory memory, int blocks)
    {
        _memory = memory;
        _free = new int[blocks];
        for (int i = 0; i < blocks; i++)
        {
            // From the end on, so that the first ones are given out first, and follow each other.
            _free[i] = blocks - 1 - i;
        }

        _freeCount = blocks;
        Blocks = blocks;
    }

    /// <summary>How many blocks the pool was created with.</summary>
    public int Blocks { get; }

    /// <summary>How many blocks can be taken now.</summary>
    public int FreeBlocks => _freeCount;

    /// <summary>How many blocks will never be taken again, because a device may still use them.</summary>
    public int QuarantinedBlocks { get; private set; }

    /// <summary>How often a buffer found too few blocks free.</summary>
    public ulong Exhaustions { get; private set; }

    /// <summary>The memory of all blocks.</summary>
    internal DmaMemory Memory => _memory;

    /// <summary>Sets blocks aside.</summary>
    /// <param name="dma">Where the memory comes from.</param>
    /// <param name="blocks">How many, 1 to 65536.</param>
    /// <param name="constraints">
    /// What the device can reach; the alignment may be anything up to <see cref="BlockLength"/>, which all blocks have.
    /// </param>
    /// <returns>The pool, or null where no such memory is left.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A parameter is not as described.</exception>
    public static BouncePool? TryCreate(DmaTag dma, int blocks, DmaConstraints constraints)
    {
        if (blocks < 1 || blocks > 65536)
        {
            throw new ArgumentOutOfRangeException(nameof(blocks));
        }

        if (constraints.Alignment == 0 || constraints.Alignment > BlockLength)
        {
            throw new ArgumentOutOfRangeException(nameof(constraints));
        }

        // A boundary is kept by the segments of the maps, not by the memory of the pool.
        DmaMemory? memory = dma.Allocate(
            (uint)blocks * BlockLength,
            new DmaConstraints(
                BlockLength, constraints.HighestAddress, boundary: 0, constraints.MustBeCoherent));
        return memory == null ? null : new BouncePool(memory, blocks);
    }

    /// <summary>Gives the memory back. No map is loaded by way of it any more.</summary>
    /// <param name="quarantine">
    /// False to give it back, only after the device confirmed a reset; true to take it out of use for good otherwise.
    /// </param>
    /// <remarks>Memory of which a block was quarantined is taken out of use in any case.</remarks>
    public void Release(bool quarantine)
    {
        _freeCount = 0;
        if (quarantine || QuarantinedBlocks != 0)
        {
            _memory.Quarantine();
        }
        else
        {
            _memory.Free();
        }
    }

    /// <summary>Takes a block that <see cref="FreeBlocks"/> counts.</summary>
    internal int Take() => _free[--_freeCount];

    /// <summary>Gives a block back.</summary>
    internal void Return(int block) => _free[_freeCount++] = block;

    /// <summary>Notes that a block will not come back.</summary>
    internal void CountQuarantined() => QuarantinedBlocks++;

    /// <summary>Notes that a buffer found too few blocks free.</summary>
    internal void CountExhaustion() => Exhaustions++;
}
