using System;
using System.Collections.Generic;
using System.IO;
using Cosmos.HAL.BlockDevice;
using Cosmos.System.FileSystem;
using Cosmos.System.FileSystem.FAT;
using Cosmos.System.FileSystem.Listing;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.Data;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Cosmos.Kernel.Block;
using VirtioGuest.Cosmos.Kernel.Machine;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>A file is written, read back and deleted; then every sector is put back as it was.</summary>
internal abstract class FileTest : SelfTestCase
{
    private const string FileName = "VGTEST.TMP";

    /// <summary>Several clusters of a small file system, and a part of one.</summary>
    private const int ContentLength = 9 * SectorPattern.SectorSize;

    private readonly MonotonicClock _clock;

    /// <summary>Creates the test.</summary>
    /// <param name="root">How the paths of the file system start.</param>
    /// <param name="clock">What makes every run write something else.</param>
    protected FileTest(string root, MonotonicClock clock)
        : base(root + ": a file is written, read back and deleted")
    {
        _clock = clock;
    }

    public sealed override SelfTestResult Run()
    {
        if (IsReadOnly)
        {
            return SelfTestResult.Skipped("the disk is read-only");
        }

        SelfTestResult result = TryFile();
        string? failure = Undo();
        return failure is null ? result : SelfTestResult.Failed("the disk could not be put back: " + failure);
    }

    /// <summary>Whether nothing can be written.</summary>
    protected abstract bool IsReadOnly { get; }

    /// <summary>Opens the file system.</summary>
    protected abstract FileStore Open();

    /// <summary>Puts back what was written.</summary>
    /// <returns>Null, or why it failed.</returns>
    protected abstract string? Undo();

    private SelfTestResult TryFile()
    {
        try
        {
            return UseFile(Open());
        }
        catch (Exception exception)
        {
            return SelfTestResult.Failed(ExceptionText.Of(exception));
        }
    }

    private SelfTestResult UseFile(FileStore files)
    {
        if (files.Contains(FileName))
        {
            return SelfTestResult.Skipped("there is a file " + FileName);
        }

        ulong seed = _clock.Nanoseconds;
        var content = new byte[ContentLength];
        SectorPattern.Fill(content, 0, seed);
        files.Create(FileName, content);

        var found = new byte[ContentLength];
        if (!files.Contains(FileName) || files.Read(FileName, found) != ContentLength)
        {
            return SelfTestResult.Failed("the file is not there, or shorter than it was written");
        }

        if (SectorPattern.FindDifference(found, 0, seed) >= 0)
        {
            return SelfTestResult.Failed("the file was not read as it was written");
        }

        files.Delete(FileName);
        return SelfTestResult.Expect(!files.Contains(FileName), "the file was deleted and is still there");
    }
}

/// <summary>The test of a file on a volume that is mounted.</summary>
internal sealed class VolumeTest : FileTest
{
    private readonly MountedVolume _volume;
    private readonly SectorDevice _disk;
    private readonly UndoLog _log;

    /// <summary>Creates the test.</summary>
    internal VolumeTest(MountedVolume volume, MonotonicClock clock, MemoryKeeper memory)
        : base(volume.Root, clock)
    {
        _volume = volume;
        _disk = new ShellDisk(volume.Device.Disk, memory);
        _log = new UndoLog(_disk);
    }

    protected override bool IsReadOnly => _disk.IsReadOnly;

    protected override FileStore Open()
    {
        var device = new UndoDevice(_log, _disk.SectorCount);
        var partition = new Partition(device, _volume.Partition.FirstSector, _volume.Partition.SectorCount);
        return new FatFileStore(partition, _volume.Root);
    }

    protected override string? Undo() => _log.Undo();
}

/// <summary>What stands for the test of a file where there is no file system.</summary>
internal sealed class NoVolumeTest : SelfTestCase
{
    /// <summary>Creates the test.</summary>
    internal NoVolumeTest()
        : base("a file is written, read back and deleted")
    {
    }

    public override SelfTestResult Run() => SelfTestResult.Skipped("no disk has a FAT file system");
}

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

    public override bool Contains(string name) => Find(name) is not null;

    public override void Create(string name, byte[] content)
    {
        Stream stream = _files.CreateFile(_files.GetRootDirectory(), name).GetFileStream();
        stream.Write(content, 0, content.Length);
        stream.Close();
    }

    public override int Read(string name, byte[] destination)
    {
        Stream stream = Get(name).GetFileStream();
        int count = stream.Read(destination, 0, destination.Length);
        stream.Close();
        return count;
    }

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
