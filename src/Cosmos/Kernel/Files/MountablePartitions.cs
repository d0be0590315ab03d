using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Volumes;

namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>The partitions of a disk that Cosmos' file systems can safely be given.</summary>
/// <remarks>
/// Cosmos trusts partition tables and boot sectors: it has room for four partitions of a disk and writes a fifth beyond
/// the end, and it divides by what it reads. So a disk is checked first.
/// </remarks>
internal static class MountablePartitions
{
    private const int MaximumPartitions = 4;

    /// <summary>The entries of a master boot record: Cosmos looks at no logical partitions.</summary>
    private const int PrimaryPartitions = 4;

    /// <summary>"EFI PART", little-endian (UEFI 2.10, 5.3.2).</summary>
    private const ulong GuidSignature = 0x5452415020494645;
    private const int GuidEntryLengthOffset = 84;
    private const uint MinimumGuidEntry = 128;

    /// <param name="disk">The disk.</param>
    /// <param name="sector">Room for one sector, which is overwritten.</param>
    /// <returns>
    /// The partitions of the disk that Cosmos knows of, in order; none where Cosmos would misread the table.
    /// </returns>
    internal static List<Partition> Find(DiskAccess disk, byte[] sector)
    {
        PartitionTable table = PartitionTable.Read(new DiskSectors(disk), sector);
        var partitions = new List<Partition>();
        for (int i = 0; i < table.Partitions.Count && partitions.Count <= MaximumPartitions; i++)
        {
            Partition partition = table.Partitions[i];
            if (table.Kind == PartitionTableKind.Guid || partition.Number <= PrimaryPartitions)
            {
                partitions.Add(partition);
            }
        }

        // Cosmos reads the primary table, and checks no sum of it.
        bool isSafe = table.Failure is null && !table.IsBackup && partitions.Count <= MaximumPartitions
            && disk.TryRead(1, 1, sector) is null && IsReadCorrectly(sector, table.Kind);
        return isSafe ? partitions : new List<Partition>();
    }

    /// <summary>Whether a partition starts as a FAT32 file system does.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="partition">The partition.</param>
    /// <param name="sector">Room for one sector, which is overwritten.</param>
    internal static bool HasFat32(DiskAccess disk, Partition partition, byte[] sector) =>
        disk.TryRead(partition.FirstSector, 1, sector) is null
        && FatBootSector.IsSound(sector, partition.SectorCount);

    /// <summary>
    /// Whether sector 1 has no GUID partition table, or one that is valid and whose entries do not cross sectors.
    /// </summary>
    private static bool IsReadCorrectly(byte[] sector, PartitionTableKind kind)
    {
        var bytes = new ReadOnlySpan<byte>(sector);
        if (BinaryPrimitives.ReadUInt64LittleEndian(bytes) != GuidSignature)
        {
            return true;
        }

        uint length = BinaryPrimitives.ReadUInt32LittleEndian(bytes.Slice(GuidEntryLengthOffset));
        return kind == PartitionTableKind.Guid && length >= MinimumGuidEntry && length <= DiskAccess.SectorLength
            && (length & (length - 1)) == 0;
    }
}

/// <summary>The first sector of a FAT32 file system (Microsoft's FAT specification 1.03, section 3).</summary>
/// <remarks>
/// Cosmos' driver can do no other FAT: in FAT12 and FAT16 it takes the number of a cluster for that of a sector, and a
/// write would hit the tables. In FAT32 it takes the cluster of the root directory for the first one.
/// </remarks>
internal static class FatBootSector
{
    private const int BytesPerSector = 512;
    private const ushort Signature = 0xAA55;
    private const uint FirstCluster = 2;

    /// <summary>With fewer clusters it is FAT16 (section 3.5).</summary>
    private const uint MinimumClusters = 65525;

    /// <summary>
    /// Whether a sector is a boot sector with plausible numbers: sectors have 512 bytes, the file system lies within
    /// its partition, nothing that a driver divides by is zero, and it is FAT32 with the root directory in front.
    /// </summary>
    /// <param name="sector">The sector.</param>
    /// <param name="partitionLength">How many sectors the partition has.</param>
    internal static bool IsSound(byte[] sector, ulong partitionLength)
    {
        byte sectorsPerCluster = sector[13];
        byte copies = sector[16];
        bool isPowerOfTwo = sectorsPerCluster != 0 && (sectorsPerCluster & (sectorsPerCluster - 1)) == 0;
        if (Read16(sector, 510) != Signature || Read16(sector, 11) != BytesPerSector || !isPowerOfTwo
            || (copies != 1 && copies != 2) || Read16(sector, 17) != 0 || Read32(sector, 44) != FirstCluster)
        {
            return false;
        }

        ulong reserved = Read16(sector, 14);
        ulong total = Either(Read16(sector, 19), Read32(sector, 32));
        ulong table = Either(Read16(sector, 22), Read32(sector, 36));

        // Cosmos counts the reserved sectors twice.
        ulong metadata = reserved + (copies * table) + reserved;
        return reserved != 0 && table != 0 && total <= partitionLength
            && metadata + ((ulong)MinimumClusters * sectorsPerCluster) <= total;
    }

    /// <summary>The 16-bit field, or where that is zero the 32-bit field.</summary>
    private static ulong Either(ushort narrow, uint wide) => narrow != 0 ? narrow : wide;

    private static ushort Read16(byte[] bytes, int offset) =>
        BinaryPrimitives.ReadUInt16LittleEndian(new ReadOnlySpan<byte>(bytes, offset, 2));

    private static uint Read32(byte[] bytes, int offset) =>
        BinaryPrimitives.ReadUInt32LittleEndian(new ReadOnlySpan<byte>(bytes, offset, 4));
}
