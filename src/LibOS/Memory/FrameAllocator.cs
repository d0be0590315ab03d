using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Memory;

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

    /// <summary>How many frames are free.</summary>
    public readonly ulong FreeFrames => _low.FreeFrames + _high.FreeFrames;

    /// <summary>How many frames were ever given to the allocator.</summary>
    public ulong TotalFrames { get; private set; }

    /// <summary>How many of <see cref="TotalFrames"/> are above 4 GB.</summary>
    public ulong TotalHighFrames { get; private set; }

    /// <summary>The bytes of frame records that memory up to <paramref name="endFrame"/> needs.</summary>
    public static ulong RecordBytes(ulong endFrame) => endFrame;

    /// <summary>Starts with no memory at all.</summary>
    /// <param name="endFrame">The number after the machine's last frame.</param>
    /// <param name="records">Room for <see cref="RecordBytes"/> bytes.</param>
    public unsafe void Initialize(ulong endFrame, byte* records)
    {
        ulong lowEnd = endFrame < ZoneBoundary ? endFrame : ZoneBoundary;
        _low.Initialize(1, lowEnd, records);
        _high.Initialize(ZoneBoundary, endFrame > ZoneBoundary ? endFrame : ZoneBoundary, records + lowEnd);
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
            TotalHighFrames += last - (first > ZoneBoundary ? first : ZoneBoundary);
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
        int order = Frame.OrderOf(bytes > alignment ? bytes : alignment);
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
    public readonly ulong LargestFree()
    {
        ulong low = _low.LargestBlock();
        ulong high = _high.LargestBlock();
        return (low > high ? low : high) << Frame.Shift;
    }

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
