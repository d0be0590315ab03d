namespace VirtioGuest.Drivers.Virtio.Block;

/// <summary>The feature bits of a block device that the driver implements (virtio 1.4, 5.2.3), as masks.</summary>
internal static class BlockFeatures
{
    internal const ulong SizeMax = 1UL << 1;
    internal const ulong SegMax = 1UL << 2;
    internal const ulong ReadOnly = 1UL << 5;
    internal const ulong BlkSize = 1UL << 6;
    internal const ulong Flush = 1UL << 9;

    internal const ulong Implemented = SizeMax | SegMax | ReadOnly | BlkSize | Flush;
}
