using System.Collections.Generic;
using System.IO;
using Cosmos.HAL.BlockDevice;
using Cosmos.System.FileSystem;
using Cosmos.System.FileSystem.FAT;
using Cosmos.System.FileSystem.Listing;

namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>Files in the root of a file system. What fails throws.</summary>
internal abstract class FileStore
{
    /// <summary>Whether there is a file of a name.</summary>
    public abstract bool Contains(string name);

    /// <summary>Creates a file.</summary>
    /// <param name="name">Its name, upper case, at most eight characters, a dot and three.</param>
    /// <param name="content">Its content.</param>
    public abstract void Create(string name, byte[] content);

    /// <summary>Reads a file that is there.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="destination">Room for it.</param>
    /// <returns>How many bytes were read.</returns>
    public abstract int Read(string name, byte[] destination);

    /// <summary>Deletes a file that is there.</summary>
    public abstract void Delete(string name);
}

/// <summary>A file or a directory in a directory.</summary>
internal sealed class FileItem
{
    /// <summary>Describes one.</summary>
    internal FileItem(string name, bool isDirectory, uint length)
    {
        Name = name;
        IsDirectory = isDirectory;
        Length = length;
    }

    /// <summary>Its name, as the file system has it.</summary>
    internal string Name { get; }

    /// <summary>Whether it is a directory.</summary>
    internal bool IsDirectory { get; }

    /// <summary>The length of a file in bytes.</summary>
    internal uint Length { get; }
}

/// <summary>Files of a FAT file system, by Cosmos' own driver.</summary>
internal sealed class FatFileStore : FileStore
{
    private readonly FileSystem _files;

    /// <summary>Opens a file system beside the one that is mounted.</summary>
    /// <param name="partition">Where it is.</param>
    /// <param name="root">How its paths start.</param>
    internal FatFileStore(Partition partition, string root)
    {
        _files = new FatFileSystemFactory().Create(partition, root, 0);
    }

    /// <inheritdoc/>
    public override bool Contains(string name) => Find(name) != null;

    /// <inheritdoc/>
    public override void Create(string name, byte[] content)
    {
        Stream stream = _files.CreateFile(_files.GetRootDirectory(), name).GetFileStream();
        stream.Write(content, 0, content.Length);
        stream.Close();
    }

    /// <inheritdoc/>
    public override int Read(string name, byte[] destination)
    {
        Stream stream = Get(name).GetFileStream();
        int count = stream.Read(destination, 0, destination.Length);
        stream.Close();
        return count;
    }

    /// <inheritdoc/>
    public override void Delete(string name) => _files.DeleteFile(Get(name));

    private DirectoryEntry Get(string name) => Find(name) ?? throw new IOException("there is no file " + name);

    private DirectoryEntry? Find(string name)
    {
        List<DirectoryEntry> entries = _files.GetDirectoryListing(_files.GetRootDirectory());
        for (int i = 0; i < entries.Count; i++)
        {
            if (entries[i].mName == name)
            {
                return entries[i];
            }
        }

        return null;
    }
}
