using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Block;

/// <summary>
/// A fixed number of request headers and status bytes in shared memory (virtio 1.4, 5.2.6), with the caller's token of
/// each.
/// </summary>
/// <remarks>Header and status have a cache line each, because different sides write them.</remarks>
internal sealed class BlockRequestSlots
{
    private const uint HeaderLength = 16;
    private const uint TypeOffset = 0;
    private const uint SectorOffset = 8;
    private const uint StatusOffset = 64;
    private const uint StatusLength = 1;
    private const uint SlotLength = 128;

    /// <summary>A status that no device writes, to tell one that wrote none.</summary>
    private const byte Unwritten = 0xFF;

    private readonly DmaMemory _memory;
    private readonly int[] _tokens;
    private readonly int[] _free;
    private int _freeCount;

    private BlockRequestSlots(DmaMemory memory, int count)
    {
        _memory = memory;
        _tokens = new int[count];
        _free = new int[count];
        _freeCount = count;
        for (int i = 0; i < count; i++)
        {
            _free[i] = count - 1 - i;
        }
    }

    /// <summary>How many requests can be in flight.</summary>
    internal int Count => _tokens.Length;

    /// <summary>Creates slots, or returns null where no memory is left.</summary>
    internal static BlockRequestSlots? TryCreate(DmaTag dma, int count)
    {
        DmaMemory? memory = dma.Allocate((uint)count * SlotLength, SlotLength);
        return memory == null ? null : new BlockRequestSlots(memory, count);
    }

    /// <summary>Takes a slot; -1 when all are in use.</summary>
    internal int Take(int token)
    {
        if (_freeCount == 0)
        {
            return -1;
        }

        int slot = _free[--_freeCount];
        _tokens[slot] = token;
        return slot;
    }

    /// <summary>Gives a slot back, and the token that it was taken with.</summary>
    internal int Release(int slot)
    {
        _free[_freeCount++] = slot;
        return _tokens[slot];
    }

    /// <summary>Writes a request's header and hands the slot to the device.</summary>
    internal void Prepare(int slot, BlockOperation operation, ulong sector)
    {
        uint offset = (uint)slot * SlotLength;
        _memory.Store32(offset + TypeOffset, (uint)operation);
        _memory.Store64(offset + SectorOffset, sector);
        _memory.Store8(offset + StatusOffset, Unwritten);
        _memory.Sync(offset, HeaderLength, DmaSync.PreWrite);
        _memory.Sync(offset + StatusOffset, StatusLength, DmaSync.PreWrite | DmaSync.PreRead);
    }

    /// <summary>Takes a slot over from the device.</summary>
    internal void TakeBack(int slot)
    {
        uint offset = (uint)slot * SlotLength;
        _memory.Sync(offset, HeaderLength, DmaSync.PostWrite);
        _memory.Sync(offset + StatusOffset, StatusLength, DmaSync.PostRead | DmaSync.PostWrite);
    }

    /// <summary>Takes a slot over from the device and reads the status that it wrote.</summary>
    internal BlockStatus Finish(int slot)
    {
        TakeBack(slot);
        byte status = _memory.Load8(((uint)slot * SlotLength) + StatusOffset);
        return status <= (byte)BlockStatus.Unsupported ? (BlockStatus)status : BlockStatus.NoStatus;
    }

    /// <summary>Where the device reads a request's header.</summary>
    internal DmaSegment Header(int slot) => _memory.Segment((uint)slot * SlotLength, HeaderLength);

    /// <summary>Where the device writes a request's status.</summary>
    internal DmaSegment Status(int slot) => _memory.Segment(((uint)slot * SlotLength) + StatusOffset, StatusLength);

    /// <summary>Gives the memory back, or takes it out of use for good.</summary>
    internal void ReleaseMemory(bool quarantine)
    {
        if (quarantine)
        {
            _memory.Quarantine();
        }
        else
        {
            TakeAllBack();
            _memory.Free();
        }
    }

    /// <summary>Takes over what a device had when it was reset: the slots that are not free.</summary>
    private void TakeAllBack()
    {
        bool[] isFree = new bool[_tokens.Length];
        for (int i = 0; i < _freeCount; i++)
        {
            isFree[_free[i]] = true;
        }

        for (int slot = 0; slot < isFree.Length; slot++)
        {
            if (!isFree[slot])
            {
                TakeBack(slot);
            }
        }
    }
}
