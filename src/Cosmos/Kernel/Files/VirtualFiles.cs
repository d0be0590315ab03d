using System;
using System.Collections.Generic;
using System.IO;
using Cosmos.System.FileSystem.Listing;
using Cosmos.System.FileSystem.VFS;
using VirtioGuest.Cosmos.Block;

namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>The files of Cosmos' virtual file system.</summary>
internal sealed class VirtualFiles : FileTree
{
    private readonly List<MountedVolume> _volumes;
    private readonly string[] _roots;

    /// <summary>Shows what is mounted.</summary>
    internal VirtualFiles(List<MountedVolume> volumes)
    {
        _volumes = volumes;
        _roots = new string[volumes.Count];
        for (int i = 0; i < _roots.Length; i++)
        {
            _roots[i] = volumes[i].Root;
        }
    }

    /// <inheritdoc/>
    public override string[] Roots => _roots;

    /// <inheritdoc/>
    public override FileItem[] List(string directory)
    {
        List<DirectoryEntry> entries = VFSManager.GetDirectoryListing(directory);
        FileItem[] items = new FileItem[entries.Count];
        for (int i = 0; i < items.Length; i++)
        {
            DirectoryEntry entry = entries[i];
            bool isDirectory = entry.mEntryType == DirectoryEntryTypeEnum.Directory;
            items[i] = new FileItem(entry.mName, isDirectory, (uint)entry.mSize);
        }

        return items;
    }

    /// <inheritdoc/>
    public override int Read(string path, byte[] destination)
    {
        Stream stream = Open(Get(path));
        int count = stream.Read(destination, 0, destination.Length);
        stream.Close();
        return count;
    }

    /// <inheritdoc/>
    public override void Create(string path, byte[] content)
    {
        Stream stream = Open(VFSManager.CreateFile(path));
        stream.Write(content, 0, content.Length);
        stream.Close();
    }

    /// <inheritdoc/>
    public override void Delete(string path)
    {
        MountedVolume volume = VolumeOf(path);
        MediumEntry medium = new MediumEntry(
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

    // Cosmos gives null where the disk fails, and IL2CPU raises no exception for what is done with it.
    private static DirectoryEntry Get(string path) =>
        VFSManager.GetFile(path) ?? throw new IOException(path + " cannot be found any more");

    private static Stream Open(DirectoryEntry? entry)
    {
        Stream? stream = entry == null ? null : entry.GetFileStream();
        return stream ?? throw new IOException("the file cannot be opened");
    }
}
