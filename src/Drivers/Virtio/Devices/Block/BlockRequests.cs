using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.Drivers.Virtio.Devices.Block;

/// <summary>What a request must be like before a device gets it (virtio 1.4, 5.2.6.1).</summary>
internal static class BlockRequestRules
{
    /// <summary>Looks whether a device can be given a request, and if not, why.</summary>
    /// <param name="device">The device.</param>
    /// <param name="queue">Its queue.</param>
    /// <param name="operation">What to do; not one over ranges.</param>
    /// <param name="sector">The first sector.</param>
    /// <param name="data">What is transferred.</param>
    /// <param name="bytes">How many bytes that has; 0 where it cannot be transferred at all.</param>
    internal static BlockStatus Check(
        VirtioBlock device,
        BlockQueue queue,
        BlockOperation operation,
        ulong sector,
        ReadOnlySpan<DmaSegment> data,
        out uint bytes)
    {
        bytes = data.Length <= queue.MaximumSegments ? Measure(device, data) : 0;
        switch (operation)
        {
            case BlockOperation.Flush:
                return !device.HasFlush ? BlockStatus.NotOffered
                    : data.Length == 0 ? BlockStatus.Ok : BlockStatus.Invalid;
            case BlockOperation.Write when device.IsReadOnly:
                return BlockStatus.ReadOnly;
            case BlockOperation.Read or BlockOperation.Write when bytes != 0 && bytes % VirtioBlock.SectorSize == 0:
                return CheckPlace(device, sector, bytes / VirtioBlock.SectorSize);
            case BlockOperation.GetId when bytes == VirtioBlock.IdLength:
                return BlockStatus.Ok;
            case BlockOperation.GetLifetime when !device.HasLifetime:
                return BlockStatus.NotOffered;
            case BlockOperation.GetLifetime when bytes == BlockLifetime.Length:
                return BlockStatus.Ok;
            default:
                return BlockStatus.Invalid;
        }
    }

    /// <summary>Looks whether a device can be given a request over ranges, and if not, why.</summary>
    /// <param name="device">The device.</param>
    /// <param name="operation">What to do.</param>
    /// <param name="ranges">Where.</param>
    internal static BlockStatus Check(VirtioBlock device, BlockOperation operation, ReadOnlySpan<BlockRange> ranges)
    {
        if (operation is not (BlockOperation.Discard or BlockOperation.WriteZeroes or BlockOperation.SecureErase))
        {
            return BlockStatus.Invalid;
        }

        BlockLimits limits = device.LimitsOf(operation);
        if (limits.MaximumRanges == 0)
        {
            return BlockStatus.NotOffered;
        }

        if (device.IsReadOnly)
        {
            return BlockStatus.ReadOnly;
        }

        if (ranges.Length == 0 || ranges.Length > limits.MaximumRanges)
        {
            return BlockStatus.Invalid;
        }

        for (int i = 0; i < ranges.Length; i++)
        {
            uint sectors = ranges[i].SectorCount;
            bool isSound = sectors != 0 && sectors <= limits.MaximumSectors
                && (!ranges[i].Unmap || operation == BlockOperation.WriteZeroes);
            BlockStatus status = isSound ? CheckPlace(device, ranges[i].Sector, sectors) : BlockStatus.Invalid;
            if (status != BlockStatus.Ok)
            {
                return status;
            }
        }

        return BlockStatus.Ok;
    }

    private static BlockStatus CheckPlace(VirtioBlock device, ulong sector, uint sectors)
    {
        ulong capacity = device.Capacity;
        if (sector > capacity || sectors > capacity - sector)
        {
            return BlockStatus.OutOfRange;
        }

        uint within = (device.BlockSize / VirtioBlock.SectorSize) - 1;
        return (((uint)sector | sectors) & within) == 0 ? BlockStatus.Ok : BlockStatus.Unaligned;
    }

    private static uint Measure(VirtioBlock device, ReadOnlySpan<DmaSegment> data)
    {
        ulong bytes = 0;
        for (int i = 0; i < data.Length; i++)
        {
            uint length = data[i].Length;
            if (length == 0 || length > device.MaximumSegmentLength)
            {
                return 0;
            }

            bytes += length;
        }

        return bytes <= VirtioBlock.MaximumRequestLength ? (uint)bytes : 0;
    }
}

/// <summary>What a request does, by the specification's numbers (virtio 1.4, 5.2.6).</summary>
public enum BlockOperation
{
    /// <summary>Reads sectors: <c>VIRTIO_BLK_T_IN</c>.</summary>
    Read = 0,

    /// <summary>Writes sectors: <c>VIRTIO_BLK_T_OUT</c>.</summary>
    Write = 1,

    /// <summary>Makes completed writes durable: <c>VIRTIO_BLK_T_FLUSH</c>.</summary>
    Flush = 4,

    /// <summary>
    /// Reads what the device calls itself, into a segment of <see cref="VirtioBlock.IdLength"/> bytes:
    /// <c>VIRTIO_BLK_T_GET_ID</c>. A device may not support it.
    /// </summary>
    GetId = 8,

    /// <summary>
    /// Reads how worn the storage is, into a segment of <see cref="BlockLifetime.Length"/> bytes:
    /// <c>VIRTIO_BLK_T_GET_LIFETIME</c>.
    /// </summary>
    GetLifetime = 10,

    /// <summary>Gives ranges up, whose content is anything afterwards: <c>VIRTIO_BLK_T_DISCARD</c>.</summary>
    Discard = 11,

    /// <summary>Makes ranges read as zeroes: <c>VIRTIO_BLK_T_WRITE_ZEROES</c>.</summary>
    WriteZeroes = 13,

    /// <summary>Erases ranges for good: <c>VIRTIO_BLK_T_SECURE_ERASE</c>.</summary>
    SecureErase = 14,
}

/// <summary>
/// A range of sectors in a discard, a write of zeroes or a secure erase: <c>struct
/// virtio_blk_discard_write_zeroes</c> (virtio 1.4, 5.2.6).
/// </summary>
public readonly struct BlockRange
{
    /// <summary>How many bytes it has in a request.</summary>
    public const uint Length = 16;

    private const uint SectorCountOffset = 8;
    private const uint FlagsOffset = 12;
    private const uint UnmapFlag = 1;

    /// <summary>Describes a range.</summary>
    /// <param name="sector">The first sector, counted in 512 bytes.</param>
    /// <param name="sectorCount">How many, at least 1.</param>
    /// <param name="unmap">Whether a write of zeroes may deallocate them; false for everything else.</param>
    public BlockRange(ulong sector, uint sectorCount, bool unmap = false)
    {
        Sector = sector;
        SectorCount = sectorCount;
        Unmap = unmap;
    }

    /// <summary>The first sector.</summary>
    public ulong Sector { get; }

    /// <summary>How many sectors.</summary>
    public uint SectorCount { get; }

    /// <summary>Whether a write of zeroes may deallocate them.</summary>
    public bool Unmap { get; }

    /// <summary>Writes it to where a device will read it.</summary>
    internal void Store(DmaMemory memory, uint offset)
    {
        memory.Store64(offset, Sector);
        memory.Store32(offset + SectorCountOffset, SectorCount);
        memory.Store32(offset + FlagsOffset, Unmap ? UnmapFlag : 0);
    }
}

/// <summary>How worn the storage is: <c>struct virtio_blk_lifetime</c> (virtio 1.4, 5.2.6).</summary>
public readonly struct BlockLifetime
{
    /// <summary>How many bytes a device writes.</summary>
    public const uint Length = 6;

    private const int PreEolInfoMaximum = 3;
    private const int EstimateMaximum = 11;

    private BlockLifetime(ushort preEolInfo, ushort estimateA, ushort estimateB)
    {
        PreEolInfo = preEolInfo;
        EstimateA = estimateA;
        EstimateB = estimateB;
    }

    /// <summary>How many of the reserved blocks are consumed: 1 below 80%, 2 from 80%, 3 from 90%; 0 unknown.</summary>
    public ushort PreEolInfo { get; }

    /// <summary>
    /// How much of the life of the SLC cells is used, in steps of a tenth: 1 up to 10%, 11 more than all; 0 unknown.
    /// </summary>
    public ushort EstimateA { get; }

    /// <summary>The same of the MLC cells.</summary>
    public ushort EstimateB { get; }

    /// <summary>Takes what a device wrote; values that the specification reserves count as unknown.</summary>
    /// <param name="bytes">At least <see cref="Length"/> bytes.</param>
    public static BlockLifetime Parse(ReadOnlySpan<byte> bytes) => new BlockLifetime(
        Field(bytes, 0, PreEolInfoMaximum), Field(bytes, 2, EstimateMaximum), Field(bytes, 4, EstimateMaximum));

    /// <summary>All of it, for people.</summary>
    public override string ToString() =>
        "reserved blocks consumed: " + (PreEolInfo switch
        {
            1 => "below 80%",
            2 => "80% or more",
            3 => "90% or more",
            _ => "unknown",
        })
        + "; life used: " + Describe(EstimateA) + " (SLC), " + Describe(EstimateB) + " (MLC)";

    private static string Describe(ushort estimate) =>
        estimate == 0 ? "unknown"
        : estimate == EstimateMaximum ? "all"
        : "up to " + DecimalText.Of(estimate * 10UL) + "%";

    private static ushort Field(ReadOnlySpan<byte> bytes, int offset, int maximum)
    {
        int value = bytes[offset] | (bytes[offset + 1] << 8);
        return (ushort)(value <= maximum ? value : 0);
    }
}
