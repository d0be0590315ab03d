using System;

namespace VirtioGuest.Hal;

/// <summary>A buffer of a <see cref="DmaMap"/> that is copied through blocks of a <see cref="BouncePool"/>.</summary>
internal sealed unsafe class BouncedBuffer
{
    private readonly BouncePool _pool;
    private readonly int[] _blocks;
    private byte* _buffer;
    private int _count;

    /// <summary>Makes room to note every block of a pool.</summary>
    internal BouncedBuffer(BouncePool pool)
    {
        _pool = pool;
        _blocks = new int[pool.Blocks];
    }

    /// <summary>Whether the pool has as many blocks as a buffer needs, free or not.</summary>
    internal bool CanEverTake(uint length) => BlocksOf(length) <= (uint)(_pool.Blocks - _pool.QuarantinedBlocks);

    /// <summary>Takes the blocks for a buffer.</summary>
    /// <returns>False where too few are free; then none is taken.</returns>
    internal bool TryTake(byte* buffer, uint length)
    {
        uint count = BlocksOf(length);
        if (count > (uint)_pool.FreeBlocks)
        {
            _pool.CountExhaustion();
            return false;
        }

        for (_count = 0; _count < (int)count; _count++)
        {
            _blocks[_count] = _pool.Take();
        }

        _buffer = buffer;
        return true;
    }

    /// <summary>The part of the buffer that starts at a multiple of the block length, as the device sees it.</summary>
    internal DmaSegment Block(uint offset, uint bytesLeft) => _pool.Memory.Segment(
        PlaceOf(offset), bytesLeft < BouncePool.BlockLength ? bytesLeft : BouncePool.BlockLength);

    /// <summary>Copies what a hand-over of a range needs copied, and hands the copy over.</summary>
    internal void Sync(uint offset, uint length, DmaSync operation, AccessSite site)
    {
        while (length != 0)
        {
            uint untilEnd = BouncePool.BlockLength - (offset & (BouncePool.BlockLength - 1));
            uint part = length < untilEnd ? length : untilEnd;
            SyncPart(offset, part, operation, site);
            offset += part;
            length -= part;
        }
    }

    /// <summary>Gives the blocks back.</summary>
    internal void Return()
    {
        // Backwards, so that blocks that follow each other are given out in that order again.
        for (int i = _count - 1; i >= 0; i--)
        {
            _pool.Return(_blocks[i]);
        }

        _count = 0;
    }

    /// <summary>Never gives the blocks back.</summary>
    internal void Quarantine()
    {
        for (int i = 0; i < _count; i++)
        {
            _pool.CountQuarantined();
        }

        _count = 0;
    }

    private static uint BlocksOf(uint length) => ((length - 1) / BouncePool.BlockLength) + 1;

    private static void Copy(byte* source, byte* target, uint length)
    {
        if (MemorySimulation.IsSupported && MemorySimulation.Current != null)
        {
            for (uint i = 0; i < length; i++)
            {
                SharedMemory.Store8(target, i, SharedMemory.Load8(source, i));
            }

            return;
        }

        new ReadOnlySpan<byte>(source, (int)length).CopyTo(new Span<byte>(target, (int)length));
    }

    private uint PlaceOf(uint offset) =>
        ((uint)_blocks[offset / BouncePool.BlockLength] * BouncePool.BlockLength)
        + (offset & (BouncePool.BlockLength - 1));

    private void SyncPart(uint offset, uint length, DmaSync operation, AccessSite site)
    {
        DmaMemory memory = _pool.Memory;
        uint place = PlaceOf(offset);
        byte* buffer = _buffer + offset;
        byte* block = memory.Address + place;
        DmaSync post = operation & (DmaSync.PostRead | DmaSync.PostWrite);
        if (post != 0)
        {
            memory.Sync(place, length, post, site);
            if ((post & DmaSync.PostRead) != 0)
            {
                Copy(block, buffer, length);
            }
        }

        DmaSync pre = operation & (DmaSync.PreRead | DmaSync.PreWrite);
        if (pre != 0)
        {
            // Before a PREREAD as well: the device may write less than it was given, and what the block holds from its
            // last use is none of this buffer's business.
            Copy(buffer, block, length);
            if (pre == DmaSync.PreRead)
            {
                memory.Sync(place, length, DmaSync.PreWrite, site);
                memory.Sync(place, length, DmaSync.PostWrite, site);
            }

            memory.Sync(place, length, pre, site);
        }
    }
}
