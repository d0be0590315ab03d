using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Memory;

/// <summary>
/// A range of physical memory whose free frames are kept as a buddy system: blocks of 2^order frames, each aligned to
/// its own size, which merge with their neighbour when both are free.
/// </summary>
/// <remarks>
/// Free blocks are linked through their own first bytes, so that the only other store is one byte a frame. Allocating
/// and freeing take a number of steps bounded by <see cref="MaximumOrder"/>.
/// </remarks>
internal unsafe struct FrameZone
{
    /// <summary>The order of the largest block: 2^18 frames are 1 GB.</summary>
    public const int MaximumOrder = 18;

    /// <summary>What allocation returns where nothing fits. Frame 0 is never given out.</summary>
    public const ulong None = 0;

    private const byte NotFreeHead = 0xFF;

    private ulong _firstFrame;
    private ulong _endFrame;
    private byte* _orders;
    private fixed ulong _heads[MaximumOrder + 1];

    /// <summary>How many frames are free.</summary>
    public ulong FreeFrames { get; private set; }

    /// <summary>
    /// Takes charge of the frames from <paramref name="firstFrame"/> up to an end, none of them free yet.
    /// </summary>
    /// <param name="firstFrame">The zone's first frame number, not 0.</param>
    /// <param name="endFrame">The number after its last frame.</param>
    /// <param name="orders">One byte a frame, for the zone's own use.</param>
    public void Initialize(ulong firstFrame, ulong endFrame, byte* orders)
    {
        _firstFrame = firstFrame;
        _endFrame = endFrame;
        _orders = orders;
        FreeFrames = 0;
        for (int order = 0; order <= MaximumOrder; order++)
        {
            _heads[order] = None;
        }

        Processor.Fill(orders, NotFreeHead, endFrame - firstFrame);
    }

    /// <summary>Whether a frame belongs to this zone.</summary>
    public readonly bool Contains(ulong frame) => frame >= _firstFrame && frame < _endFrame;

    /// <summary>Makes a run of frames free, merging it with free neighbours.</summary>
    public void Free(ulong frame, ulong count)
    {
        while (count != 0)
        {
            int order = 0;
            while (order < MaximumOrder && (frame & ((2ul << order) - 1)) == 0 && (2ul << order) <= count)
            {
                order++;
            }

            FreeBlock(frame, order);
            frame += 1ul << order;
            count -= 1ul << order;
        }
    }

    /// <summary>
    /// Takes a block of 2^<paramref name="order"/> frames whose last frame is at most <paramref name="lastFrame"/>.
    /// </summary>
    /// <returns>Its first frame, or <see cref="None"/>.</returns>
    public ulong Allocate(int order, ulong lastFrame)
    {
        for (int larger = order; larger <= MaximumOrder; larger++)
        {
            ulong block = FindWithin(larger, (1ul << order) - 1, lastFrame);
            if (block == None)
            {
                continue;
            }

            Unlink(block, larger);
            while (larger > order)
            {
                larger--;
                Link(block + (1ul << larger), larger);
            }

            FreeFrames -= 1ul << order;
            return block;
        }

        return None;
    }

    /// <summary>How many frames the largest free block has; 0 when there is none.</summary>
    public readonly ulong LargestBlock()
    {
        for (int order = MaximumOrder; order >= 0; order--)
        {
            if (_heads[order] != None)
            {
                return 1ul << order;
            }
        }

        return 0;
    }

    private readonly ulong FindWithin(int order, ulong lastOffset, ulong lastFrame)
    {
        ulong block = _heads[order];
        while (block != None && block + lastOffset > lastFrame)
        {
            block = Links(block)->Next;
        }

        return block;
    }

    private void FreeBlock(ulong block, int order)
    {
        FreeFrames += 1ul << order;
        while (order < MaximumOrder)
        {
            ulong buddy = block ^ (1ul << order);
            if (!Contains(buddy) || _orders[buddy - _firstFrame] != order)
            {
                break;
            }

            Unlink(buddy, order);
            block &= ~(1ul << order);
            order++;
        }

        Link(block, order);
    }

    private void Link(ulong block, int order)
    {
        FreeBlockLinks* links = Links(block);
        links->Previous = None;
        links->Next = _heads[order];
        if (links->Next != None)
        {
            Links(links->Next)->Previous = block;
        }

        _heads[order] = block;
        _orders[block - _firstFrame] = (byte)order;
    }

    private void Unlink(ulong block, int order)
    {
        FreeBlockLinks* links = Links(block);
        if (links->Previous == None)
        {
            _heads[order] = links->Next;
        }
        else
        {
            Links(links->Previous)->Next = links->Next;
        }

        if (links->Next != None)
        {
            Links(links->Next)->Previous = links->Previous;
        }

        _orders[block - _firstFrame] = NotFreeHead;
    }

    private static FreeBlockLinks* Links(ulong block) =>
        (FreeBlockLinks*)PhysicalMemory.At(block << Frame.Shift);

    private struct FreeBlockLinks
    {
        public ulong Next;
        public ulong Previous;
    }
}
