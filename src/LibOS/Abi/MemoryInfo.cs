namespace VirtioGuest.LibOS.Abi;

/// <summary>Where the memory is, in bytes; filled in by <c>libos_memory_info</c>.</summary>
public struct MemoryInfo
{
    /// <summary>Usable RAM, the kernel image included.</summary>
    public ulong Total;

    /// <summary>RAM in nobody's use.</summary>
    public ulong Free;

    /// <summary>Usable RAM above 4 GB, out of <see cref="Total"/>.</summary>
    public ulong TotalAbove4G;

    /// <summary>The kernel image: code, constants, data.</summary>
    public ulong Image;

    /// <summary>LibOS' own tables: page tables, threads, frame records.</summary>
    public ulong Tables;

    /// <summary>The program's address space: .NET heap, stacks, runtime data.</summary>
    public ulong Program;

    /// <summary>Memory allocated for devices.</summary>
    public ulong Dma;

    /// <summary>Device memory that is never used again, because a reset was not confirmed.</summary>
    public ulong Quarantined;

    /// <summary>The largest contiguous free block.</summary>
    public ulong LargestFree;
}

/// <summary>One range of the machine's physical memory map; filled in by <c>libos_memory_range</c>.</summary>
public struct MemoryRange
{
    /// <summary>The first byte.</summary>
    public ulong Start;

    /// <summary>The number of bytes.</summary>
    public ulong Length;

    /// <summary>1 RAM; anything else is reserved (the firmware's own number).</summary>
    public uint Kind;
}

/// <summary>Device memory given out by <c>libos_dma_allocate</c>.</summary>
public struct DmaGrant
{
    /// <summary>Where the device sees it.</summary>
    public ulong PhysicalAddress;

    /// <summary>Where the processor sees it.</summary>
    public ulong VirtualAddress;
}
