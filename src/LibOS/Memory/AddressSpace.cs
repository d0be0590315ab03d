using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Memory;

/// <summary>What came of a page fault.</summary>
internal enum FaultOutcome
{
    /// <summary>The page is there now; the access is tried again.</summary>
    Resolved,

    /// <summary>The program may not do that: a signal.</summary>
    NotAllowed,

    /// <summary>No frame is left.</summary>
    OutOfMemory,
}

/// <summary>
/// The program's part of the address space. A page gets its frame when it is first touched, like Linux' anonymous
/// memory.
/// </summary>
internal unsafe struct AddressSpace
{
    /// <summary>The lowest address that is given out.</summary>
    public const ulong Lowest = 0x1000_0000_0000;

    /// <summary>The address after the highest that is given out.</summary>
    public const ulong Limit = 0x7000_0000_0000;

    // Large ranges start at 2 MB boundaries, so that large pages can back them.
    private const ulong LargeAlignment = PageTable.LargePage;

    // Stacks, the C library's heap, and regions of a small machine.
    private const int OtherMappings = 8192;

    // The collector divides the addresses of its heap into regions of 4 MB, each of which can be a range that is
    // used and one that is not; with five times as many addresses as it may use memory, three quarters of the RAM,
    // these are two ranges for each megabyte of RAM.
    private const ulong FramesPerMapping = 128;

    private const uint ReadWrite = Protection.Read | Protection.Write;

    private PageTable* _table;
    private FrameAllocator* _frames;
    private MappingList _mappings;

    /// <summary>How many frames the program's pages take.</summary>
    public ulong ProgramFrames { get; private set; }

    /// <summary>The ranges, for reports.</summary>
    public readonly MappingList Mappings => _mappings;

    /// <summary>
    /// How many ranges there should be room for, so that the collector is never refused for want of it.
    /// </summary>
    /// <param name="totalFrames">The machine's RAM.</param>
    public static int MappingCapacity(ulong totalFrames) => OtherMappings + (int)(totalFrames / FramesPerMapping);

    public void Initialize(PageTable* table, FrameAllocator* frames, Mapping* store, int capacity)
    {
        _table = table;
        _frames = frames;
        _mappings.Initialize(store, capacity);
        ProgramFrames = 0;
    }

    /// <summary>Maps fresh zeroed memory.</summary>
    /// <remarks>
    /// Where a reservation, a new range that nothing may be done with, ends within a page, that page may be read and
    /// written from the start. The garbage collector reserves its tables so and makes their pages usable as the heap
    /// grows, all but that last one, which it uses nevertheless once the heap has come to the end of its addresses
    /// (dotnet/runtime issue 129681, without background collections). Nobody else can tell: on Linux, a touch of that
    /// page would fault, and until it is touched it takes no frame.
    /// </remarks>
    /// <param name="address">Where, for a fixed mapping; ignored otherwise.</param>
    /// <param name="length">Bytes, rounded up to pages.</param>
    /// <param name="protection">See <see cref="Protection"/>.</param>
    /// <param name="isFixed">Whether <paramref name="address"/> is a command: what was there is replaced.</param>
    /// <returns>The address, or a negated error number.</returns>
    public long Map(ulong address, ulong length, uint protection, bool isFixed)
    {
        if (length == 0)
        {
            return -ErrorNumber.InvalidArgument;
        }

        if (length > Limit)
        {
            return -ErrorNumber.OutOfMemory;
        }

        int tail = protection == Protection.None && !isFixed && !IsAligned(length) ? 1 : 0;
        length = Frame.RoundUp(length);
        if (isFixed)
        {
            if (!IsProgramRange(address, length) || !IsAligned(address))
            {
                return -ErrorNumber.InvalidArgument;
            }
        }
        else
        {
            ulong alignment = length >= LargeAlignment ? LargeAlignment : Frame.Size;
            address = _mappings.FindFree(length, alignment, Lowest, Limit);
            if (address == 0)
            {
                return -ErrorNumber.OutOfMemory;
            }
        }

        if (!_mappings.HasRoomToMap(address, address + length, protection, tail))
        {
            return -ErrorNumber.OutOfMemory;
        }

        if (isFixed)
        {
            Release(address, address + length);
        }

        _mappings.Map(address, address + length, protection);
        if (tail != 0)
        {
            _mappings.Protect(address + length - Frame.Size, address + length, ReadWrite);
        }

        return (long)address;
    }

    /// <summary>Removes a range and frees its pages.</summary>
    /// <returns>0 or a negated error number.</returns>
    public long Unmap(ulong address, ulong length)
    {
        length = Frame.RoundUp(length);
        if (!IsAligned(address) || length == 0 || !IsProgramRange(address, length))
        {
            return -ErrorNumber.InvalidArgument;
        }

        if (!_mappings.HasRoomToUnmap(address, address + length))
        {
            return -ErrorNumber.OutOfMemory;
        }

        _mappings.Unmap(address, address + length);
        Release(address, address + length);
        return 0;
    }

    /// <summary>Changes what may be done with a range; its contents stay.</summary>
    /// <returns>0 or a negated error number.</returns>
    public long Protect(ulong address, ulong length, uint protection)
    {
        if (!IsAligned(address))
        {
            return -ErrorNumber.InvalidArgument;
        }

        if (length == 0)
        {
            return 0;
        }

        ulong end = Frame.RoundUp(address + length);
        if (!IsProgramRange(address, length) || !_mappings.Covers(address, end)
            || !_mappings.HasRoomToMap(address, end, protection, more: 0))
        {
            return -ErrorNumber.OutOfMemory;
        }

        _mappings.Protect(address, end, protection);
        ulong flags = FlagsFor(protection);
        ulong page = address;
        for (ulong* entry = _table->FindOwned(ref page, end); entry != null; entry = _table->FindOwned(ref page, end))
        {
            _table->Set(entry, *entry & PageFlags.AddressMask, flags);
            Processor.InvalidatePage(page);
            page += Frame.Size;
        }

        return 0;
    }

    /// <summary>Drops the contents of a range; its pages read as zero again (MADV_DONTNEED).</summary>
    /// <returns>0 or a negated error number; what is mapped is dropped even where a part of the range is not.</returns>
    public long Discard(ulong address, ulong length)
    {
        ulong end = Frame.RoundUp(address + length);
        if (!IsAligned(address) || !IsProgramRange(address, length))
        {
            return -ErrorNumber.InvalidArgument;
        }

        ReleasePages(address, end);
        return _mappings.Covers(address, end) ? 0 : -ErrorNumber.OutOfMemory;
    }

    /// <summary>Whether an address is mapped at all, whatever its protection.</summary>
    public readonly bool IsMapped(ulong address, uint protection) =>
        _mappings.TryFind(address, out Mapping mapping) && (mapping.Protection & protection) == protection;

    /// <summary>Serves a page fault: gives the page a frame where the access is allowed.</summary>
    public FaultOutcome Fault(ulong address, bool isWrite)
    {
        uint wanted = isWrite ? Protection.Write : Protection.Read;
        if (!_mappings.TryFind(address, out Mapping mapping) || (mapping.Protection & wanted) == 0)
        {
            return FaultOutcome.NotAllowed;
        }

        ulong* entry = _table->Entry(address, create: true);
        if (entry == null)
        {
            return FaultOutcome.OutOfMemory;
        }

        if ((*entry & PageFlags.Present) != 0 && (!isWrite || (*entry & PageFlags.Writable) != 0))
        {
            // The entry is as it should be, so something else is wrong: an instruction fetch from data, say.
            return FaultOutcome.NotAllowed;
        }

        ulong frame = *entry & PageFlags.AddressMask;
        if (frame == 0)
        {
            frame = _frames->Allocate();
            if (frame == FrameAllocator.None)
            {
                return FaultOutcome.OutOfMemory;
            }

            ProgramFrames++;
        }

        _table->Set(entry, frame, FlagsFor(mapping.Protection));
        return FaultOutcome.Resolved;
    }

    /// <summary>Gives every page of a range its frame, as if it had been written to.</summary>
    /// <returns>0 or a negated error number.</returns>
    public long Populate(ulong address, ulong length)
    {
        if (!IsProgramRange(address, length))
        {
            return -ErrorNumber.BadAddress;
        }

        for (ulong page = Frame.RoundDown(address); page < address + length; page += Frame.Size)
        {
            ulong* entry = _table->Entry(page, create: false);
            if (entry != null && (*entry & (PageFlags.Present | PageFlags.Writable)) ==
                (PageFlags.Present | PageFlags.Writable))
            {
                continue;
            }

            FaultOutcome outcome = Fault(page, isWrite: true);
            if (outcome != FaultOutcome.Resolved)
            {
                return outcome == FaultOutcome.OutOfMemory ? -ErrorNumber.OutOfMemory : -ErrorNumber.BadAddress;
            }
        }

        return 0;
    }

    private static bool IsProgramRange(ulong address, ulong length) =>
        address >= Lowest && address < Limit && length <= Limit - address;

    private static bool IsAligned(ulong address) => (address & (Frame.Size - 1)) == 0;

    private static ulong FlagsFor(uint protection)
    {
        if (protection == Protection.None)
        {
            return 0;
        }

        return PageFlags.Present
            | ((protection & Protection.Write) != 0 ? PageFlags.Writable : 0)
            | ((protection & Protection.Execute) != 0 ? 0 : PageFlags.NoExecute);
    }

    // The frames of a range, and the tables that held nothing else.
    private void Release(ulong address, ulong end)
    {
        ReleasePages(address, end);
        _table->FreeTables(address, end);

        // One more, for the processor's cache of the tables that were just freed.
        Processor.InvalidatePage(address);
    }

    private void ReleasePages(ulong address, ulong end)
    {
        ulong page = address;
        for (ulong* entry = _table->FindOwned(ref page, end); entry != null; entry = _table->FindOwned(ref page, end))
        {
            _frames->Free(*entry & PageFlags.AddressMask, Frame.Size);
            *entry = 0;
            ProgramFrames--;
            Processor.InvalidatePage(page);
            page += Frame.Size;
        }
    }
}
