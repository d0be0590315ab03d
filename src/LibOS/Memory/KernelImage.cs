using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Memory;

/// <summary>
/// The kernel's own ELF image in memory: what of it may be written and what may run, as its program headers say. No
/// page is both.
/// </summary>
internal static unsafe class KernelImage
{
    private const uint LoadSegment = 1;
    private const uint ExecutableFlag = 1;
    private const uint WritableFlag = 2;

    /// <summary>Maps the image at its own addresses, page by page.</summary>
    /// <param name="elfHeader">The ELF header in memory.</param>
    /// <param name="image">Where the image starts; segments below it are not part of it.</param>
    /// <param name="table">The page table.</param>
    /// <returns>False when the headers are not valid or there is no memory for tables.</returns>
    public static bool Map(byte* elfHeader, ulong image, PageTable* table)
    {
        var headers = (ulong)elfHeader + *(ulong*)(elfHeader + 32);
        ushort length = *(ushort*)(elfHeader + 54);
        ushort count = *(ushort*)(elfHeader + 56);
        for (ushort i = 0; i < count; i++)
        {
            var header = (byte*)(headers + ((ulong)i * length));
            ulong start = Frame.RoundDown(*(ulong*)(header + 16));

            // What lies below was needed to get here (PvhGate.S), and is not mapped any more.
            if (*(uint*)header != LoadSegment || start < image)
            {
                continue;
            }

            uint flags = *(uint*)(header + 4);
            ulong end = Frame.RoundUp(*(ulong*)(header + 16) + *(ulong*)(header + 40));
            if ((flags & (ExecutableFlag | WritableFlag)) == (ExecutableFlag | WritableFlag))
            {
                return false;
            }

            ulong page = ((flags & WritableFlag) != 0 ? PageFlags.Writable : 0)
                | ((flags & ExecutableFlag) != 0 ? 0 : PageFlags.NoExecute);
            if (!table->Map(start, start, end - start, page))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// Changes what the program may do with a part of its image: .NET writes to its constants once while it starts.
    /// </summary>
    /// <returns>0 or a negated error number: code never becomes writable, data never becomes code.</returns>
    public static long Protect(PageTable* table, ulong address, ulong length, uint protection)
    {
        ulong end = Frame.RoundUp(address + length);
        for (ulong page = Frame.RoundDown(address); page < end; page += Frame.Size)
        {
            ulong* entry = Contains(page) ? table->Entry(page, create: false) : null;
            if (entry == null)
            {
                return -ErrorNumber.OutOfMemory;
            }

            bool isCode = LibOs.Features->HasNoExecute && (*entry & PageFlags.NoExecute) == 0;
            bool wantsCode = (protection & Protection.Execute) != 0;
            bool wantsData = (protection & Protection.Write) != 0;
            if (wantsCode != isCode || (wantsCode && wantsData))
            {
                return -ErrorNumber.AccessDenied;
            }

            ulong flags = PageFlags.Present
                | (isCode ? 0 : PageFlags.NoExecute)
                | (wantsData ? PageFlags.Writable : 0);
            table->Set(entry, *entry & PageFlags.AddressMask, flags);
            Processor.InvalidatePage(page);
        }

        return 0;
    }

    /// <summary>Whether an address lies in the image.</summary>
    public static bool Contains(ulong address)
    {
        ImageLayout* layout = Processor.GetImageLayout();
        return address >= (ulong)layout->ElfHeader && address < (ulong)layout->End;
    }
}
