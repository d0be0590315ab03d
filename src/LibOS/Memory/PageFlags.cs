namespace VirtioGuest.LibOS.Memory;

/// <summary>The bits of a page table entry that LibOS uses (Intel SDM 3A, 4.5).</summary>
internal static class PageFlags
{
    /// <summary>The entry is valid.</summary>
    public const ulong Present = 1 << 0;

    /// <summary>Writes are allowed.</summary>
    public const ulong Writable = 1 << 1;

    /// <summary>Writes go through the cache.</summary>
    public const ulong WriteThrough = 1 << 3;

    /// <summary>Accesses are not cached.</summary>
    public const ulong CacheDisable = 1 << 4;

    /// <summary>The entry maps a 2 MB page.</summary>
    public const ulong Large = 1 << 7;

    /// <summary>
    /// Code in the page cannot run. Ignored by <see cref="PageTable"/> on a processor that has no such bit.
    /// </summary>
    public const ulong NoExecute = 1ul << 63;

    /// <summary>The bits that hold the physical address.</summary>
    public const ulong AddressMask = 0x000F_FFFF_FFFF_F000;
}
