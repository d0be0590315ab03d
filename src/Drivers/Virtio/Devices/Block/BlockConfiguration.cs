using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices.Block;

/// <summary>
/// The device configuration layout of a block device (virtio 1.4, 5.2.4), as far as it makes sense: a field that does
/// not is taken for the one that asks least of the device.
/// </summary>
internal struct BlockConfiguration
{
    /// <summary>Where the cache mode is.</summary>
    internal const uint WritebackOffset = 32;

    /// <summary>The last sector number whose bytes can still be counted in 64 bits.</summary>
    private const ulong MaximumCapacity = ulong.MaxValue / VirtioBlock.SectorSize;

    /// <summary>The largest block that makes sense, in bytes: the largest that QEMU has.</summary>
    private const uint LargestBlock = 2 * 1024 * 1024;

    private const uint CapacityOffset = 0;
    private const uint SizeMaxOffset = 8;
    private const uint SegMaxOffset = 12;
    private const uint GeometryOffset = 16;
    private const uint BlkSizeOffset = 20;
    private const uint TopologyOffset = 24;
    private const uint NumQueuesOffset = 34;
    private const uint DiscardOffset = 36;
    private const uint WriteZeroesOffset = 48;
    private const uint MayUnmapOffset = 56;
    private const uint SecureEraseOffset = 60;
    private const uint ZonedOffset = 72;
    private const uint LayoutLength = 96;

    /// <summary>The size of the disk in sectors of 512 bytes.</summary>
    internal ulong Capacity;

    /// <summary>The longest segment in bytes, at least 1.</summary>
    internal uint SizeMax;

    /// <summary>The most data segments in a request, at least 1.</summary>
    internal uint SegMax;

    /// <summary>The block size in bytes: a power of two, at least 512.</summary>
    internal uint BlkSize;

    /// <summary>The geometry; zeros without one.</summary>
    internal BlockGeometry Geometry;

    /// <summary>The hints about alignment and lengths; zeros without them.</summary>
    internal BlockTopology Topology;

    /// <summary>Whether completed writes may still be in a cache.</summary>
    internal bool IsWriteback;

    /// <summary>How many request queues there are, at least 1.</summary>
    internal int NumQueues;

    /// <summary>What a discard may have.</summary>
    internal BlockLimits Discard;

    /// <summary>What a write of zeroes may have.</summary>
    internal BlockLimits WriteZeroes;

    /// <summary>Whether a write of zeroes may deallocate sectors.</summary>
    internal bool MayUnmap;

    /// <summary>What a secure erase may have.</summary>
    internal BlockLimits SecureErase;

    /// <summary>The features that cannot be used: their field is not there, or makes no sense of them.</summary>
    internal static Features FeaturesWithoutField(VirtioTransport transport, Features offered)
    {
        uint length = transport.ConfigurationLength;
        Features without = Missing(length, SizeMaxOffset + 4, BlockDriver.SizeMax)
            | Missing(length, SegMaxOffset + 4, BlockDriver.SegMax)
            | Missing(length, GeometryOffset + 4, BlockDriver.Geometry)
            | Missing(length, BlkSizeOffset + 4, BlockDriver.BlkSize)
            | Missing(length, TopologyOffset + 8, BlockDriver.Topology)
            | Missing(length, WritebackOffset + 1, BlockDriver.ConfigWce)
            | Missing(length, NumQueuesOffset + 2, BlockDriver.MultiQueue)
            | Missing(length, DiscardOffset + 12, BlockDriver.Discard)
            | Missing(length, MayUnmapOffset + 1, BlockDriver.WriteZeroes)
            | Missing(length, SecureEraseOffset + 12, BlockDriver.SecureErase);
        bool hasNoQueues = (offered & ~without & BlockDriver.MultiQueue) != 0
            && transport.ReadConfiguration16(NumQueuesOffset) == 0;
        return hasNoQueues ? without | BlockDriver.MultiQueue : without;
    }

    /// <summary>Reads the fields that the negotiated features say exist.</summary>
    /// <returns>Null, or why they cannot be read.</returns>
    internal Failure? Read(VirtioTransport transport, Features features)
    {
        if (transport.ConfigurationLength < CapacityOffset + 8)
        {
            return new Failure("has a configuration that is too short");
        }

        ulong capacity = transport.ReadConfiguration64(CapacityOffset);
        Capacity = capacity < MaximumCapacity ? capacity : MaximumCapacity;
        SizeMax = Has(features, BlockDriver.SizeMax) ? transport.ReadConfiguration32(SizeMaxOffset) : 0;
        SegMax = Has(features, BlockDriver.SegMax) ? transport.ReadConfiguration32(SegMaxOffset) : 0;
        BlkSize = Has(features, BlockDriver.BlkSize)
            ? transport.ReadConfiguration32(BlkSizeOffset)
            : VirtioBlock.SectorSize;

        // A limit of 0 is none that was meant: QEMU's vhost-user-blk hands on what qemu-storage-daemon never filled in.
        SizeMax = SizeMax == 0 ? uint.MaxValue : SizeMax;

        // A device that states no number of segments may take just one: small ones do. A sector has to fit, though.
        SegMax = SegMax == 0 ? ((VirtioBlock.SectorSize - 1) / SizeMax) + 1 : SegMax;
        if (BlkSize < VirtioBlock.SectorSize || BlkSize > LargestBlock || (BlkSize & (BlkSize - 1)) != 0)
        {
            BlkSize = VirtioBlock.SectorSize;
        }

        Geometry = Has(features, BlockDriver.Geometry) ? ReadGeometry(transport) : default;
        Topology = Has(features, BlockDriver.Topology) ? ReadTopology(transport) : default;
        NumQueues = Has(features, BlockDriver.MultiQueue) ? transport.ReadConfiguration16(NumQueuesOffset) : 1;
        NumQueues = NumQueues == 0 ? 1 : NumQueues;
        Discard = Has(features, BlockDriver.Discard)
            ? ReadLimits(transport, DiscardOffset, hasAlignment: true)
            : default;
        SecureErase = Has(features, BlockDriver.SecureErase)
            ? ReadLimits(transport, SecureEraseOffset, hasAlignment: true)
            : default;
        ReadCacheMode(transport, features);
        ReadWriteZeroes(transport, features);
        return null;
    }

    /// <summary>Takes over what another reading found, as far as it may change while the device is live.</summary>
    internal void Change(in BlockConfiguration read)
    {
        Capacity = read.Capacity;
        IsWriteback = read.IsWriteback;
        MayUnmap = read.MayUnmap;
    }

    /// <summary>
    /// Reads what a zoned device says of itself. It can be read before features are accepted where ZONED is offered
    /// (virtio 1.4, 2.5.2), and the fields may be zero where it is not accepted (5.2.5.2).
    /// </summary>
    internal static BlockZones ReadZones(VirtioTransport transport, Features offered)
    {
        if (!Has(offered, BlockDriver.Zoned) || transport.ConfigurationLength < LayoutLength)
        {
            return default;
        }

        return new BlockZones
        {
            ZoneSectors = transport.ReadConfiguration32(ZonedOffset),
            MaximumOpenZones = transport.ReadConfiguration32(ZonedOffset + 4),
            MaximumActiveZones = transport.ReadConfiguration32(ZonedOffset + 8),
            MaximumAppendSectors = transport.ReadConfiguration32(ZonedOffset + 12),
            WriteGranularity = transport.ReadConfiguration32(ZonedOffset + 16),
            Model = (BlockZoneModel)transport.ReadConfiguration8(ZonedOffset + 20),
        };
    }

    private static bool Has(Features features, Features feature) => (features & feature) != 0;

    private static Features Missing(uint length, uint end, Features feature) =>
        length < end ? feature : Features.None;

    private static BlockGeometry ReadGeometry(VirtioTransport transport) => new BlockGeometry
    {
        Cylinders = transport.ReadConfiguration16(GeometryOffset),
        Heads = transport.ReadConfiguration8(GeometryOffset + 2),
        Sectors = transport.ReadConfiguration8(GeometryOffset + 3),
    };

    private static BlockTopology ReadTopology(VirtioTransport transport)
    {
        BlockTopology topology = new BlockTopology
        {
            PhysicalBlockExponent = transport.ReadConfiguration8(TopologyOffset),
            AlignmentOffset = transport.ReadConfiguration8(TopologyOffset + 1),
            MinimumIoSize = transport.ReadConfiguration16(TopologyOffset + 2),
            OptimalIoSize = transport.ReadConfiguration32(TopologyOffset + 4),
        };
        return topology.PhysicalBlockExponent <= BlockTopology.LargestExponent ? topology : default;
    }

    private void ReadCacheMode(VirtioTransport transport, Features features)
    {
        // With a flush and no say in the matter, a driver is to assume a writeback cache (virtio 1.4, 5.2.5.1).
        IsWriteback = Has(features, BlockDriver.ConfigWce)
            ? transport.ReadConfiguration8(WritebackOffset) != 0
            : Has(features, BlockDriver.Flush);
    }

    private void ReadWriteZeroes(VirtioTransport transport, Features features)
    {
        bool has = Has(features, BlockDriver.WriteZeroes);
        WriteZeroes = has ? ReadLimits(transport, WriteZeroesOffset, hasAlignment: false) : default;
        MayUnmap = has && transport.ReadConfiguration8(MayUnmapOffset) != 0;
    }

    private readonly BlockLimits ReadLimits(VirtioTransport transport, uint offset, bool hasAlignment)
    {
        uint sectors = transport.ReadConfiguration32(offset);
        uint ranges = transport.ReadConfiguration32(offset + 4);
        uint alignment = hasAlignment ? transport.ReadConfiguration32(offset + 8) : 1;

        // Here too, 0 is none that was meant; one range is what every device takes. They go in one segment.
        ranges = ranges == 0 ? 1 : ranges;
        uint fitting = SizeMax / BlockRange.Length;
        uint most = fitting < BlockLimits.MostRanges ? fitting : BlockLimits.MostRanges;
        return new BlockLimits
        {
            MaximumSectors = sectors == 0 ? uint.MaxValue : sectors,
            MaximumRanges = (int)(ranges < most ? ranges : most),
            SectorAlignment = alignment == 0 ? 1 : alignment,
        };
    }
}

/// <summary>What a request over ranges of sectors may have: a discard, a write of zeroes or a secure erase.</summary>
public struct BlockLimits
{
    /// <summary>As many ranges fill a page.</summary>
    internal const int MostRanges = 256;

    /// <summary>
    /// The most sectors of 512 bytes in a range, at least 1; 0 where the device offers no such request.
    /// </summary>
    public uint MaximumSectors;

    /// <summary>The most ranges in a request, 1 to 256; 0 where the device offers no such request.</summary>
    public int MaximumRanges;

    /// <summary>
    /// What a range is best aligned to and split at, in sectors; a hint (virtio 1.4, 5.2.5). 1 for a write of zeroes.
    /// </summary>
    public uint SectorAlignment;
}

/// <summary>The geometry of a disk (virtio 1.4, 5.2.4); zeros where the device tells of none.</summary>
public struct BlockGeometry
{
    /// <summary>How many cylinders.</summary>
    public ushort Cylinders;

    /// <summary>How many heads.</summary>
    public byte Heads;

    /// <summary>How many sectors in a track.</summary>
    public byte Sectors;
}

/// <summary>
/// How requests are best aligned and how long they are best (virtio 1.4, 5.2.4 and 5.2.5); zeros where the device gives
/// no such hints. The unit is the block size.
/// </summary>
public struct BlockTopology
{
    internal const int LargestExponent = 31;

    /// <summary>How many blocks a physical block has, as the exponent of a power of two: 0 to 31.</summary>
    public byte PhysicalBlockExponent;

    /// <summary>The first block that begins a physical one.</summary>
    public byte AlignmentOffset;

    /// <summary>The shortest length that does well, in blocks; 0 without a hint.</summary>
    public ushort MinimumIoSize;

    /// <summary>The length that does best, in blocks; 0 without a hint.</summary>
    public uint OptimalIoSize;
}

/// <summary>
/// What a device with zones says of itself (virtio 1.4, 5.2.4). The driver does not accept ZONED, so what it can drive
/// are those that take writes anywhere.
/// </summary>
public struct BlockZones
{
    /// <summary>How it wants to be written to.</summary>
    public BlockZoneModel Model;

    /// <summary>The size of a zone in sectors of 512 bytes.</summary>
    public uint ZoneSectors;

    /// <summary>The most zones that can be open; 0 for any number.</summary>
    public uint MaximumOpenZones;

    /// <summary>The most zones that can be active; 0 for any number.</summary>
    public uint MaximumActiveZones;

    /// <summary>The most that a zone append can have, in sectors of 512 bytes; 0 where there is none.</summary>
    public uint MaximumAppendSectors;

    /// <summary>What writes to a sequential zone are aligned to, in bytes.</summary>
    public uint WriteGranularity;
}

/// <summary>How a device with zones wants to be written to, by the specification's numbers.</summary>
public enum BlockZoneModel
{
    /// <summary>Like any other: <c>VIRTIO_BLK_Z_NONE</c>.</summary>
    None = 0,

    /// <summary>Zones only from their beginning to their end: <c>VIRTIO_BLK_Z_HM</c>.</summary>
    HostManaged = 1,

    /// <summary>Best from their beginning to their end: <c>VIRTIO_BLK_Z_HA</c>.</summary>
    HostAware = 2,
}
