namespace VirtioGuest.LibOS.Memory;

/// <summary>Device registers in the direct map, uncached, next to where RAM is seen cached.</summary>
internal static unsafe class DeviceMemory
{
    /// <summary>The byte after the highest physical address that is accepted: the direct map's own size.</summary>
    public const ulong Limit = 0x4000_0000_0000;

    private const ulong RegisterFlags =
        PageFlags.Writable | PageFlags.NoExecute | PageFlags.CacheDisable | PageFlags.WriteThrough;

    /// <summary>
    /// Makes the pages around a range of registers accessible through <see cref="PhysicalMemory.At"/>.
    /// </summary>
    /// <returns>False when the range makes no sense or there is no memory for tables.</returns>
    public static bool Map(PageTable* table, ulong physical, ulong length)
    {
        if (length == 0 || physical >= Limit || length > Limit - physical)
        {
            return false;
        }

        ulong address = (ulong)PhysicalMemory.At(Frame.RoundDown(physical));
        ulong end = (ulong)PhysicalMemory.At(Frame.RoundUp(physical + length));
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
