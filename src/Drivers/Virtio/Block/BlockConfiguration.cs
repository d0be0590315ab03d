using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Block;

/// <summary>The device configuration layout of a block device, as far as it is used (virtio 1.4, 5.2.4).</summary>
internal struct BlockConfiguration
{
    /// <summary>The last sector number whose bytes can still be counted in 64 bits.</summary>
    private const ulong MaximumCapacity = ulong.MaxValue / VirtioBlock.SectorSize;

    private const uint CapacityOffset = 0;
    private const uint SizeMaxOffset = 8;
    private const uint SegMaxOffset = 12;
    private const uint BlkSizeOffset = 20;

    /// <summary>The size of the disk in sectors of 512 bytes.</summary>
    internal ulong Capacity;

    /// <summary>The longest segment in bytes.</summary>
    internal uint SizeMax;

    /// <summary>The most data segments in a request.</summary>
    internal uint SegMax;

    /// <summary>The block size that suits the device best, in bytes.</summary>
    internal uint BlkSize;

    /// <summary>Reads the fields that the negotiated features say exist.</summary>
    /// <returns>Null, or what is wrong with them.</returns>
    internal string? Read(VirtioTransport transport, ulong features)
    {
        bool hasSizeMax = (features & BlockFeatures.SizeMax) != 0;
        bool hasSegMax = (features & BlockFeatures.SegMax) != 0;
        bool hasBlkSize = (features & BlockFeatures.BlkSize) != 0;
        uint needed = hasBlkSize ? BlkSizeOffset + 4
            : hasSegMax ? SegMaxOffset + 4
            : hasSizeMax ? SizeMaxOffset + 4 : CapacityOffset + 8;
        if (transport.ConfigurationLength < needed)
        {
            return "has a configuration that is too short";
        }

        ulong capacity = transport.ReadConfiguration64(CapacityOffset);
        Capacity = capacity < MaximumCapacity ? capacity : MaximumCapacity;
        SizeMax = hasSizeMax ? transport.ReadConfiguration32(SizeMaxOffset) : uint.MaxValue;
        SegMax = hasSegMax ? transport.ReadConfiguration32(SegMaxOffset) : uint.MaxValue;
        BlkSize = hasBlkSize ? transport.ReadConfiguration32(BlkSizeOffset) : VirtioBlock.SectorSize;
        if (SizeMax == 0 || SegMax == 0)
        {
            return "takes no data: its size_max or seg_max is 0";
        }

        // It is only advice, so one that makes no sense is not taken.
        if (BlkSize < VirtioBlock.SectorSize || (BlkSize & (BlkSize - 1)) != 0)
        {
            BlkSize = VirtioBlock.SectorSize;
        }

        return null;
    }
}
