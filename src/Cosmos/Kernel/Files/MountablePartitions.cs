using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Cosmos.Block;

namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>The partitions of a disk that Cosmos' file systems can be trusted with.</summary>
/// <remarks>
/// Cosmos takes partition tables and boot sectors on trust: it keeps four partitions of a disk and writes beyond its
/// list for a fifth, and divides by what it reads. So a disk is looked at first.
/// </remarks>
internal static class MountablePartitions
{
    private const int MostPartitions = 4;

    /// <summary>"EFI PART", little-endian (UEFI 2.10, 5.3.2).</summary>
    private const ulong GuidSignature = 0x5452415020494645;
    private const int GuidEntryLengthOffset = 84;
    private const uint LeastGuidEntry = 128;

    /// <summary>Finds them.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="sector">Room for one sector, which is overwritten.</param>
    /// <returns>All partitions of the disk, in order; none where Cosmos would not read its table right.</returns>
    internal static List<PartitionExtent> Find(DiskAccess disk, byte[] sector)
    {
        List<PartitionExtent> partitions = PartitionTable.Read(disk, sector, out string? failure);
        bool isTrusted = failure == null && partitions.Count <= MostPartitions
            && disk.TryRead(1, 1, sector) == null && IsReadRight(sector);
        return isTrusted ? partitions : new List<PartitionExtent>();
    }

    /// <summary>Whether a partition starts as a FAT file system does.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="partition">The partition.</param>
    /// <param name="sector">Room for one sector, which is overwritten.</param>
    internal static bool HasFat(DiskAccess disk, PartitionExtent partition, byte[] sector) =>
        disk.TryRead(partition.FirstSector, 1, sector) == null
        && FatBootSector.IsSound(sector, partition.SectorCount);

    /// <summary>Whether a second sector has no GUID partition table, or one with whole entries in a sector.</summary>
    private static bool IsReadRight(byte[] sector)
    {
        ReadOnlySpan<byte> bytes = new ReadOnlySpan<byte>(sector);
        if (BinaryPrimitives.ReadUInt64LittleEndian(bytes) != GuidSignature)
        {
            return true;
        }

        uint length = BinaryPrimitives.ReadUInt32LittleEndian(bytes.Slice(GuidEntryLengthOffset));
        return length >= LeastGuidEntry && length <= DiskAccess.SectorLength && (length & (length - 1)) == 0;
    }
}
