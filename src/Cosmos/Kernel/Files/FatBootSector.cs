using System;
using System.Buffers.Binary;

namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>The first sector of a FAT file system (Microsoft's FAT specification 1.03, section 3).</summary>
internal static class FatBootSector
{
    private const int BytesPerSector = 512;
    private const ushort Signature = 0xAA55;
    private const int RootEntryLength = 32;

    /// <summary>
    /// Whether a sector is one, with sectors of 512 bytes and all numbers as they can be: the file system lies within
    /// its partition, and nothing that a driver divides by is zero.
    /// </summary>
    /// <param name="sector">The sector.</param>
    /// <param name="partitionLength">How many sectors the partition has.</param>
    internal static bool IsSound(byte[] sector, ulong partitionLength)
    {
        byte sectorsPerCluster = sector[13];
        byte copies = sector[16];
        bool isPowerOfTwo = sectorsPerCluster != 0 && (sectorsPerCluster & (sectorsPerCluster - 1)) == 0;
        if (Read16(sector, 510) != Signature || Read16(sector, 11) != BytesPerSector || !isPowerOfTwo
            || (copies != 1 && copies != 2))
        {
            return false;
        }

        ulong reserved = Read16(sector, 14);
        ulong rootSectors = ((ulong)Read16(sector, 17) * RootEntryLength + BytesPerSector - 1) / BytesPerSector;
        ulong total = Either(Read16(sector, 19), Read32(sector, 32));
        ulong table = Either(Read16(sector, 22), Read32(sector, 36));
        ulong metadata = reserved + (copies * table) + rootSectors;
        return reserved != 0 && table != 0 && total <= partitionLength
            && metadata + reserved + sectorsPerCluster <= total;
    }

    /// <summary>The narrow field, or the wide one that stands in for it where it is zero.</summary>
    private static ulong Either(ushort narrow, uint wide) => narrow != 0 ? narrow : wide;

    private static ushort Read16(byte[] bytes, int offset) =>
        BinaryPrimitives.ReadUInt16LittleEndian(new ReadOnlySpan<byte>(bytes, offset, 2));

    private static uint Read32(byte[] bytes, int offset) =>
        BinaryPrimitives.ReadUInt32LittleEndian(new ReadOnlySpan<byte>(bytes, offset, 4));
}
