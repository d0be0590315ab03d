using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Block;

/// <summary>
/// The partitions of a disk: the primary ones of a master boot record, or those of a GUID partition table
/// (UEFI 2.10, 5.2 and 5.3).
/// </summary>
/// <remarks>
/// Whatever is on the disk, reading it ends and gives only partitions within the disk. Cosmos' own parsers trust the
/// table: an entry size of 0 makes them divide by zero.
/// </remarks>
public static class PartitionTable
{
    private const uint SectorLength = DiskAccess.SectorLength;
    private const int BootSignatureOffset = 510;
    private const ushort BootSignature = 0xAA55;
    private const int FirstEntry = 446;
    private const int EntryLength = 16;
    private const int PrimaryEntries = 4;
    private const byte ProtectiveType = 0xEE;

    /// <summary>"EFI PART", little-endian.</summary>
    private const ulong GuidSignature = 0x5452415020494645;
    private const int GuidEntryLength = 128;
    private const uint LargestGuidEntry = 4096;
    private const uint MostGuidEntries = 1024;

    /// <summary>Reads the partition table of a disk.</summary>
    /// <param name="disk">The disk, which runs.</param>
    /// <param name="sector">Room for one sector, which is overwritten.</param>
    /// <param name="failure">Null, or why reading stopped.</param>
    /// <returns>The partitions in the order of the table, as far as it could be read.</returns>
    public static List<PartitionExtent> Read(DiskAccess disk, byte[] sector, out Failure? failure)
    {
        var partitions = new List<PartitionExtent>();
        failure = null;
        if (disk.SectorCount < 2)
        {
            return partitions;
        }

        failure = disk.TryRead(0, 1, sector);
        if (failure is not null || Read16(sector, BootSignatureOffset) != BootSignature)
        {
            return partitions;
        }

        bool isProtective = false;
        for (int i = 0; i < PrimaryEntries; i++)
        {
            isProtective |= sector[FirstEntry + (i * EntryLength) + 4] == ProtectiveType;
        }

        if (isProtective)
        {
            failure = ReadGuidTable(disk, sector, partitions);
        }
        else
        {
            ReadPrimaryEntries(disk, sector, partitions);
        }

        return partitions;
    }

    private static void ReadPrimaryEntries(DiskAccess disk, byte[] sector, List<PartitionExtent> partitions)
    {
        for (int i = 0; i < PrimaryEntries; i++)
        {
            int entry = FirstEntry + (i * EntryLength);
            bool hasValidStatus = (sector[entry] & 0x7F) == 0;
            if (hasValidStatus && IsPrimary(sector[entry + 4]))
            {
                Add(disk, partitions, Read32(sector, entry + 8), Read32(sector, entry + 12));
            }
        }
    }

    // 0 is an unused entry; the others are extended partitions, lists of further ones.
    private static bool IsPrimary(byte type) => type != 0 && type != 0x05 && type != 0x0F && type != 0x85;

    private static Failure? ReadGuidTable(DiskAccess disk, byte[] sector, List<PartitionExtent> partitions)
    {
        Failure? failure = disk.TryRead(1, 1, sector);
        if (failure is not null || Read64(sector, 0) != GuidSignature)
        {
            return failure;
        }

        ulong table = Read64(sector, 72);
        uint count = Read32(sector, 80);
        uint length = Read32(sector, 84);
        if (length < GuidEntryLength || length > LargestGuidEntry || (length & (length - 1)) != 0
            || table < 2 || table >= disk.SectorCount)
        {
            return null;
        }

        ulong loaded = 1;
        for (uint i = 0; i < count && i < MostGuidEntries; i++)
        {
            uint position = i * length;
            ulong wanted = table + (position / SectorLength);
            if (wanted != loaded)
            {
                failure = disk.TryRead(wanted, 1, sector);
                loaded = wanted;
            }

            if (failure is not null)
            {
                return failure;
            }

            ReadGuidEntry(disk, sector, (int)(position % SectorLength), partitions);
        }

        return null;
    }

    private static void ReadGuidEntry(DiskAccess disk, byte[] sector, int offset, List<PartitionExtent> partitions)
    {
        bool isUsed = (Read64(sector, offset) | Read64(sector, offset + 8)) != 0;
        ulong first = Read64(sector, offset + 32);
        ulong last = Read64(sector, offset + 40);
        if (isUsed && first <= last && last < disk.SectorCount)
        {
            Add(disk, partitions, first, last - first + 1);
        }
    }

    private static void Add(DiskAccess disk, List<PartitionExtent> partitions, ulong first, ulong count)
    {
        ulong capacity = disk.SectorCount;
        if (first != 0 && count != 0 && first < capacity && count <= capacity - first)
        {
            partitions.Add(new PartitionExtent(first, count));
        }
    }

    private static ushort Read16(byte[] bytes, int offset) =>
        BinaryPrimitives.ReadUInt16LittleEndian(new ReadOnlySpan<byte>(bytes, offset, 2));

    private static uint Read32(byte[] bytes, int offset) =>
        BinaryPrimitives.ReadUInt32LittleEndian(new ReadOnlySpan<byte>(bytes, offset, 4));

    private static ulong Read64(byte[] bytes, int offset) =>
        BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(bytes, offset, 8));
}

/// <summary>Where a partition lies on its disk.</summary>
public sealed class PartitionExtent
{
    /// <summary>Describes a partition by its place, in sectors of 512 bytes.</summary>
    public PartitionExtent(ulong firstSector, ulong sectorCount)
    {
        FirstSector = firstSector;
        SectorCount = sectorCount;
    }

    /// <summary>Its first sector.</summary>
    public ulong FirstSector { get; }

    /// <summary>How many sectors it has, at least 1.</summary>
    public ulong SectorCount { get; }
}
