using System;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Memory;

/// <summary>Physical memory is counted in frames of 4 KB.</summary>
internal static class Frame
{
    public const ulong Size = 4096;

    /// <summary>The base-2 logarithm of <see cref="Size"/>.</summary>
    public const int Shift = 12;

    public static ulong RoundDown(ulong address) => address & ~(Size - 1);

    public static ulong RoundUp(ulong address) => (address + Size - 1) & ~(Size - 1);

    /// <summary>The smallest order whose block, 2^order frames, holds a number of bytes.</summary>
    public static int OrderOf(ulong bytes)
    {
        int order = 0;
        while ((Size << order) < bytes && order < FrameZone.MaximumOrder + 1)
        {
            order++;
        }

        return order;
    }
}

/// <summary>
/// The machine's physical memory in two zones, below and above 4 GB, so that devices with 32-bit addresses are served
/// as long as possible: ordinary requests come from above first.
/// </summary>
internal struct FrameAllocator
{
    /// <summary>What allocation returns where nothing fits.</summary>
    public const ulong None = FrameZone.None;

    /// <summary>The frame at 4 GB: where the upper zone starts.</summary>
    public const ulong ZoneBoundary = 0x1_0000_0000 >> Frame.Shift;

    private FrameZone _low;
    private FrameZone _high;

    public readonly ulong FreeFrames => _low.FreeFrames + _high.FreeFrames;

    /// <summary>How many frames were ever given to the allocator.</summary>
    public ulong TotalFrames { get; private set; }

    /// <summary>How many of <see cref="TotalFrames"/> are above 4 GB.</summary>
    public ulong TotalHighFrames { get; private set; }

    /// <summary>The bytes of records that frames up to <paramref name="endFrame"/> need.</summary>
    public static ulong RecordBytes(ulong endFrame) => endFrame;

    /// <summary>Starts with no memory.</summary>
    /// <param name="endFrame">The number after the machine's last frame.</param>
    /// <param name="records">Room for <see cref="RecordBytes"/> bytes.</param>
    public unsafe void Initialize(ulong endFrame, byte* records)
    {
        ulong lowEnd = Math.Min(endFrame, ZoneBoundary);
        _low.Initialize(1, lowEnd, records);
        _high.Initialize(ZoneBoundary, Math.Max(endFrame, ZoneBoundary), records + lowEnd);
        TotalFrames = 0;
        TotalHighFrames = 0;
    }

    /// <summary>Gives memory to the allocator; only whole frames count.</summary>
    public void Add(ulong start, ulong end)
    {
        ulong first = Frame.RoundUp(start) >> Frame.Shift;
        ulong last = end >> Frame.Shift;
        if (first >= last)
        {
            return;
        }

        TotalFrames += last - first;
        if (last > ZoneBoundary)
        {
            TotalHighFrames += last - Math.Max(first, ZoneBoundary);
        }

        FreeFrameRun(first, last - first);
    }

    /// <summary>Takes one zeroed frame.</summary>
    /// <returns>Its physical address, or <see cref="None"/>.</returns>
    public unsafe ulong Allocate()
    {
        ulong physical = AllocateBlock(0, ulong.MaxValue);
        if (physical != None)
        {
            Processor.Fill(PhysicalMemory.At(physical), 0, Frame.Size);
        }

        return physical;
    }

    /// <summary>Takes a naturally aligned block of 2^<paramref name="order"/> frames, not zeroed.</summary>
    /// <param name="order">0 to <see cref="FrameZone.MaximumOrder"/>; nothing larger can be had.</param>
    /// <param name="highestAddress">No byte of the block lies above this address.</param>
    /// <returns>Its physical address, or <see cref="None"/>.</returns>
    public ulong AllocateBlock(int order, ulong highestAddress)
    {
        ulong lastFrame = ((highestAddress >> Frame.Shift) + ((highestAddress & 0xFFF) == 0xFFF ? 1ul : 0)) - 1;
        if (order > FrameZone.MaximumOrder || highestAddress < Frame.Size)
        {
            return None;
        }

        ulong block = _high.Allocate(order, lastFrame);
        if (block == None)
        {
            block = _low.Allocate(order, lastFrame);
        }

        return block << Frame.Shift;
    }

    /// <summary>Takes zeroed contiguous memory of any number of frames.</summary>
    /// <param name="bytes">At least 1; rounded up to whole frames.</param>
    /// <param name="alignment">A power of two.</param>
    /// <param name="highestAddress">No byte lies above this address.</param>
    /// <returns>Its physical address, or <see cref="None"/>.</returns>
    public unsafe ulong AllocateContiguous(ulong bytes, ulong alignment, ulong highestAddress)
    {
        if (bytes == 0 || bytes > (Frame.Size << FrameZone.MaximumOrder))
        {
            return None;
        }

        ulong frames = Frame.RoundUp(bytes) >> Frame.Shift;
        int order = Frame.OrderOf(Math.Max(bytes, alignment));
        ulong physical = AllocateBlock(order, highestAddress);
        if (physical == None)
        {
            return None;
        }

        FreeFrameRun((physical >> Frame.Shift) + frames, (1ul << order) - frames);
        Processor.Fill(PhysicalMemory.At(physical), 0, frames << Frame.Shift);
        return physical;
    }

    /// <summary>Gives frames back.</summary>
    /// <param name="physical">The first byte, frame-aligned.</param>
    /// <param name="bytes">Rounded up to whole frames.</param>
    public void Free(ulong physical, ulong bytes) =>
        FreeFrameRun(physical >> Frame.Shift, Frame.RoundUp(bytes) >> Frame.Shift);

    /// <summary>The size of the largest contiguous free block in bytes.</summary>
    public readonly ulong LargestFree() => Math.Max(_low.LargestBlock(), _high.LargestBlock()) << Frame.Shift;

    private void FreeFrameRun(ulong frame, ulong count)
    {
        if (frame < ZoneBoundary && frame + count > ZoneBoundary)
        {
            _low.Free(frame, ZoneBoundary - frame);
            _high.Free(ZoneBoundary, frame + count - ZoneBoundary);
        }
        else if (frame < ZoneBoundary)
        {
            _low.Free(frame, count);
        }
        else
        {
            _high.Free(frame, count);
        }
    }
}

/// <summary>
/// A range of physical memory whose free frames are kept as a buddy system: blocks of 2^order frames, each aligned to
/// its own size, which merge with their neighbour when both are free.
/// </summary>
/// <remarks>
/// Free blocks are linked through their own first bytes, so that the only other store is one byte per frame. Allocating
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

    public ulong FreeFrames { get; private set; }

    /// <summary>
    /// Takes charge of the frames from <paramref name="firstFrame"/> up to an end, none of them free yet.
    /// </summary>
    /// <param name="firstFrame">The zone's first frame number, not 0.</param>
    /// <param name="endFrame">The number after its last frame.</param>
    /// <param name="orders">One byte per frame, for the zone's own use.</param>
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
