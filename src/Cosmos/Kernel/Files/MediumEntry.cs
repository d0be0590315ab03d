using System;
using System.Buffers.Binary;
using System.IO;
using VirtioGuest.Cosmos.Block;

namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>
/// The first entries of a file allocation table, which are no file's: they name the medium, and other systems go by
/// them. Cosmos writes the end of a chain there whenever it deletes a file.
/// </summary>
internal sealed class MediumEntry
{
    private const int ReservedOffset = 14;
    private const int Length = 4;

    private readonly DiskAccess _disk;
    private readonly ulong _table;
    private readonly byte[] _sector;
    private readonly uint _entries;

    /// <summary>Takes note of what there is.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="partition">A partition of it with a FAT file system.</param>
    /// <param name="sector">Room for one sector, which is overwritten now and later.</param>
    /// <exception cref="IOException">The disk failed.</exception>
    internal MediumEntry(DiskAccess disk, PartitionExtent partition, byte[] sector)
    {
        _disk = disk;
        _sector = sector;
        ThrowIfFailed(disk.TryRead(partition.FirstSector, 1, _sector));
        _table = partition.FirstSector
            + BinaryPrimitives.ReadUInt16LittleEndian(new ReadOnlySpan<byte>(_sector, ReservedOffset, 2));
        _entries = Read();
    }

    /// <summary>Puts it back, if it is another.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    internal void Restore()
    {
        if (Read() != _entries)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(new Span<byte>(_sector, 0, Length), _entries);
            ThrowIfFailed(_disk.TryWrite(_table, 1, _sector));
        }
    }

    private uint Read()
    {
        ThrowIfFailed(_disk.TryRead(_table, 1, _sector));
        return BinaryPrimitives.ReadUInt32LittleEndian(new ReadOnlySpan<byte>(_sector, 0, Length));
    }

    private static void ThrowIfFailed(string? failure)
    {
        if (failure != null)
        {
            throw new IOException(failure);
        }
    }
}
