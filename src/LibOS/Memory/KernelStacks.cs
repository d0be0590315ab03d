namespace VirtioGuest.LibOS.Memory;

/// <summary>
/// LibOS' own stacks, in a part of the address space of their own with a page that is never mapped below each: running
/// over an end faults instead of overwriting something.
/// </summary>
internal unsafe struct KernelStacks
{
    /// <summary>The size of a stack in bytes.</summary>
    public const ulong StackLength = 4 * Frame.Size;

    private const ulong Region = 0xFFFF_C000_0000_0000;
    private const ulong RegionLength = 0x1_0000_0000;

    private PageTable* _table;
    private FrameAllocator* _frames;
    private ulong _next;

    public void Initialize(PageTable* table, FrameAllocator* frames)
    {
        _table = table;
        _frames = frames;
        _next = Region;
    }

    /// <summary>Makes a stack.</summary>
    /// <returns>Its top. There is memory for it, or the machine ends with a report.</returns>
    public ulong Allocate()
    {
        ulong bottom = _next + Frame.Size;
        for (ulong offset = 0; offset < StackLength; offset += Frame.Size)
        {
            ulong frame = _frames->Allocate();
            if (frame == FrameAllocator.None ||
                !_table->Map(bottom + offset, frame, Frame.Size, PageFlags.Writable | PageFlags.NoExecute))
            {
                Panic.Fail("no memory for a kernel stack");
            }
        }

        _next = bottom + StackLength;
        return _next;
    }

    /// <summary>Whether an address lies in the region of kernel stacks, guard pages included.</summary>
    public static bool IsStackAddress(ulong address) => address >= Region && address - Region < RegionLength;
}
