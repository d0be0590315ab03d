using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.SystemCalls;

/// <summary>The address space.</summary>
internal static unsafe class MemoryCalls
{
    private const uint ProtectionBits = Protection.Read | Protection.Write | Protection.Execute;
    private const uint FixedAddress = 0x10;
    private const uint Anonymous = 0x20;
    private const ulong DontNeed = 4;
    private const ulong Free = 8;
    private const ulong QueryBarriers = 0;
    private const long PrivateExpedited = (1 << 3) | (1 << 4);

    /// <summary>mmap: anonymous memory only.</summary>
    public static long Map(ulong address, ulong length, uint protection, uint flags, int file)
    {
        if ((flags & Anonymous) == 0 || file != -1)
        {
            return -ErrorNumber.NoDevice;
        }

        return LibOs.Program->Map(address, length, protection & ProtectionBits, (flags & FixedAddress) != 0);
    }

    /// <summary>mprotect, of the program's memory or of its image.</summary>
    public static long Protect(ulong address, ulong length, uint protection) =>
        KernelImage.Contains(address)
            ? KernelImage.Protect(LibOs.Pages, address, length, protection & ProtectionBits)
            : LibOs.Program->Protect(address, length, protection & ProtectionBits);

    /// <summary>madvise: forgets pages that are not needed; other advice is taken and does nothing.</summary>
    public static long Advise(ulong address, ulong length, ulong advice) =>
        advice is DontNeed or Free ? LibOs.Program->Discard(address, length) : 0;

    /// <summary>
    /// mremap: the C library only uses it to find the end of the first thread's stack, where "no memory" means that a
    /// page is mapped.
    /// </summary>
    public static long Remap(ulong address) =>
        LibOs.Program->IsMapped(address, Protection.Read) ? -ErrorNumber.OutOfMemory : -ErrorNumber.BadAddress;

    /// <summary>membarrier: entering LibOS is a full barrier on the only processor.</summary>
    public static long Barrier(ulong command) => command == QueryBarriers ? PrivateExpedited : 0;
}
