using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices.Block;

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

    /// <summary>The longest segment in bytes, at least 1.</summary>
    internal uint SizeMax;

    /// <summary>The most data segments in a request, at least 1.</summary>
    internal uint SegMax;

    /// <summary>The block size that suits the device best, in bytes.</summary>
    internal uint BlkSize;

    /// <summary>The features whose field is not there, so that they cannot be used.</summary>
    /// <param name="length">How many bytes of configuration there are.</param>
    internal static Features FeaturesWithoutField(uint length) =>
        (length < SizeMaxOffset + 4 ? BlockDriver.SizeMax : 0)
        | (length < SegMaxOffset + 4 ? BlockDriver.SegMax : 0)
        | (length < BlkSizeOffset + 4 ? BlockDriver.BlkSize : 0);

    /// <summary>Reads the fields that the negotiated features say exist.</summary>
    /// <returns>Null, or why they cannot be read.</returns>
    internal Failure? Read(VirtioTransport transport, Features features)
    {
        bool hasSizeMax = (features & BlockDriver.SizeMax) != 0;
        bool hasSegMax = (features & BlockDriver.SegMax) != 0;
        bool hasBlkSize = (features & BlockDriver.BlkSize) != 0;
        if (transport.ConfigurationLength < CapacityOffset + 8)
        {
            return new Failure("has a configuration that is too short");
        }

        ulong capacity = transport.ReadConfiguration64(CapacityOffset);
        Capacity = capacity < MaximumCapacity ? capacity : MaximumCapacity;
        SizeMax = hasSizeMax ? transport.ReadConfiguration32(SizeMaxOffset) : 0;
        SegMax = hasSegMax ? transport.ReadConfiguration32(SegMaxOffset) : 0;
        BlkSize = hasBlkSize ? transport.ReadConfiguration32(BlkSizeOffset) : VirtioBlock.SectorSize;

        // A limit of 0 is none that was meant: QEMU's vhost-user-blk hands on what qemu-storage-daemon never filled in.
        SizeMax = SizeMax == 0 ? uint.MaxValue : SizeMax;

        // A device that states no number of segments may take just one: small ones do. A sector has to fit, though.
        SegMax = SegMax == 0 ? ((VirtioBlock.SectorSize - 1) / SizeMax) + 1 : SegMax;

        // It is only advice, so one that makes no sense is not taken.
        if (BlkSize < VirtioBlock.SectorSize || (BlkSize & (BlkSize - 1)) != 0)
        {
            BlkSize = VirtioBlock.SectorSize;
        }

        return null;
    }
}
