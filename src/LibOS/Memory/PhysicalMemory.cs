namespace VirtioGuest.LibOS.Memory;

/// <summary>
/// The direct map: all of physical memory, readable and writable and never executable, at a fixed distance from its
/// physical addresses.
/// </summary>
/// <remarks>
/// It lies in the upper half of the address space, so that nothing but the kernel image is mapped where wild pointers
/// of the program point. The host's tests set <see cref="Base"/> to a buffer of their own.
/// </remarks>
internal static unsafe class PhysicalMemory
{
    /// <summary>Where the direct map starts in the kernel.</summary>
    public const ulong DirectMap = 0xFFFF_8000_0000_0000;

    /// <summary>
    /// The bytes below this physical address are mapped by the boot assembly, before LibOS maps the rest.
    /// </summary>
    public const ulong MappedAtBoot = 0x1_0000_0000;

    /// <summary>The distance between physical and virtual addresses; set once, at entry.</summary>
    public static ulong Base;

    /// <summary>Where the byte at a physical address is mapped.</summary>
    public static byte* At(ulong physical) => (byte*)(Base + physical);

    /// <summary>The physical address of a byte of the direct map.</summary>
    public static ulong Of(void* pointer) => (ulong)pointer - Base;
}

/// <summary>Device registers in the direct map, uncached, next to where RAM is seen cached.</summary>
internal static unsafe class DeviceMemory
{
    /// <summary>The end of the physical addresses that are accepted: the direct map's own size.</summary>
    public const ulong Limit = 0x4000_0000_0000;

    private const ulong RegisterFlags =
        PageFlags.Writable | PageFlags.NoExecute | PageFlags.CacheDisable | PageFlags.WriteThrough;

    /// <summary>
    /// Makes the pages around a range of registers accessible through <see cref="PhysicalMemory.At"/>.
    /// </summary>
    /// <returns>False when the range is not valid or there is no memory for tables.</returns>
    public static bool Map(PageTable* table, ulong physical, ulong length)
    {
        if (length == 0 || physical >= Limit || length > Limit - physical)
        {
            return false;
        }

        var address = (ulong)PhysicalMemory.At(Frame.RoundDown(physical));
        var end = (ulong)PhysicalMemory.At(Frame.RoundUp(physical + length));
        while (address < end)
        {
            bool isMapped = table->Translate(address, out ulong pageLength) != FrameAllocator.None;
            if (!isMapped)
            {
                pageLength = table->CanMapLarge(address, end) ? PageTable.LargePage : Frame.Size;
                if (!table->MapLarge(address, address - PhysicalMemory.Base, pageLength, RegisterFlags))
                {
                    return false;
                }
            }

            address = (address & ~(pageLength - 1)) + pageLength;
        }

        return true;
    }
}
