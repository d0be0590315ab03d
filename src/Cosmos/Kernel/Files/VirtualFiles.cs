using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using Cosmos.System.FileSystem.Listing;
using Cosmos.System.FileSystem.VFS;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Hal;
using VirtioGuest.Volumes;

namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>
/// Files of the mounted file systems, by full paths such as <c>0:\NOTES\A.TXT</c>. Failures are exceptions.
/// </summary>
internal abstract class FileTree
{
    /// <summary>How the paths of each file system start, for example <c>0:\</c>.</summary>
    public abstract string[] Roots { get; }

    /// <param name="directory">The path of an existing directory, or a root.</param>
    public abstract FileItem[] List(string directory);

    /// <summary>Reads an existing file.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="destination">As long as the file.</param>
    /// <returns>How many bytes were read.</returns>
    public abstract int Read(string path, byte[] destination);

    /// <summary>Creates a file that does not exist, in a directory that does.</summary>
    public abstract void Create(string path, byte[] content);

    /// <summary>Deletes an existing file. Only looking for it again tells whether that worked.</summary>
    public abstract void Delete(string path);
}

/// <summary>An entry of a directory.</summary>
internal sealed class FileItem
{
    internal FileItem(string name, bool isDirectory, uint length)
    {
        Name = name;
        IsDirectory = isDirectory;
        Length = length;
    }

    internal string Name { get; }

    internal bool IsDirectory { get; }

    /// <summary>In bytes.</summary>
    internal uint Length { get; }
}

/// <summary>The files of Cosmos' virtual file system.</summary>
internal sealed class VirtualFiles : FileTree
{
    private readonly List<MountedVolume> _volumes;
    private readonly string[] _roots;

    internal VirtualFiles(List<MountedVolume> volumes)
    {
        _volumes = volumes;
        _roots = new string[volumes.Count];
        for (int i = 0; i < _roots.Length; i++)
        {
            _roots[i] = volumes[i].Root;
        }
    }

    public override string[] Roots => _roots;

    public override FileItem[] List(string directory)
    {
        List<DirectoryEntry> entries = VFSManager.GetDirectoryListing(directory);
        var items = new FileItem[entries.Count];
        for (int i = 0; i < items.Length; i++)
        {
            DirectoryEntry entry = entries[i];
            bool isDirectory = entry.mEntryType == DirectoryEntryTypeEnum.Directory;
            items[i] = new FileItem(entry.mName, isDirectory, (uint)entry.mSize);
        }

        return items;
    }

    public override int Read(string path, byte[] destination)
    {
        Stream stream = Open(Get(path));
        int count = stream.Read(destination, 0, destination.Length);
        stream.Close();
        return count;
    }

    public override void Create(string path, byte[] content)
    {
        Stream stream = Open(VFSManager.CreateFile(path));
        stream.Write(content, 0, content.Length);
        stream.Close();
    }

    public override void Delete(string path)
    {
        MountedVolume volume = VolumeOf(path);
        var medium = new MediumEntry(
            volume.Device.Disk, volume.Partition, new byte[DiskAccess.SectorLength]);
        Get(path);
        VFSManager.DeleteFile(path);
        medium.Restore();
    }

    private MountedVolume VolumeOf(string path)
    {
        for (int i = 0; i < _volumes.Count; i++)
        {
            if (path.StartsWith(_volumes[i].Root, StringComparison.Ordinal))
            {
                return _volumes[i];
            }
        }

        throw new IOException("there is no file system for " + path);
    }

    // Cosmos returns null where the disk fails, and IL2CPU raises no exception when it is used.
    private static DirectoryEntry Get(string path) =>
        VFSManager.GetFile(path) ?? throw new IOException(path + " can no longer be found");

    private static Stream Open(DirectoryEntry? entry)
    {
        Stream? stream = entry is null ? null : entry.GetFileStream();
        return stream ?? throw new IOException("the file cannot be opened");
    }
}

/// <summary>
/// The first entries of a file allocation table. They belong to no file but name the medium, and other systems rely on
/// them. Cosmos takes the first one for a link and overwrites it whenever it deletes a file.
/// </summary>
internal sealed class MediumEntry
{
    private const int ReservedOffset = 14;
    private const int Length = 4;

    /// <summary>Tells 0xF0 from the other media. Without it the first entry is no end of a chain.</summary>
    private const uint EndOfChain = 8;

    private readonly DiskAccess _disk;
    private readonly ulong _table;
    private readonly byte[] _sector;
    private readonly uint _entries;

    /// <summary>Remembers the entries as they are, and makes the first one the end of a chain.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="partition">A partition of it with a FAT file system.</param>
    /// <param name="sector">Room for one sector, which is overwritten now and later.</param>
    /// <exception cref="IOException">The disk failed.</exception>
    internal MediumEntry(DiskAccess disk, Partition partition, byte[] sector)
    {
        _disk = disk;
        _sector = sector;
        ThrowIfFailed(disk.TryRead(partition.FirstSector, 1, _sector));
        _table = partition.FirstSector
            + BinaryPrimitives.ReadUInt16LittleEndian(new ReadOnlySpan<byte>(_sector, ReservedOffset, 2));
        _entries = Read();
        if ((_entries & EndOfChain) == 0)
        {
            ThrowIfFailed(TryWrite(_entries | EndOfChain));
        }
    }

    /// <summary>Puts the entries back where they have changed.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    internal void Restore()
    {
        if (Read() != _entries)
        {
            ThrowIfFailed(TryWrite(_entries));
        }
    }

    private Failure? TryWrite(uint entries)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(new Span<byte>(_sector, 0, Length), entries);
        return _disk.TryWrite(_table, 1, _sector);
    }

    private uint Read()
    {
        ThrowIfFailed(_disk.TryRead(_table, 1, _sector));
        return BinaryPrimitives.ReadUInt32LittleEndian(new ReadOnlySpan<byte>(_sector, 0, Length));
    }

    private static void ThrowIfFailed(Failure? failure)
    {
        if (failure is not null)
        {
            throw new IOException(failure.Of("the device"));
        }
    }
}
