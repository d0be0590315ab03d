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

/// <summary>Writes a file, reads it back and deletes it; then puts every sector back as it was.</summary>
internal abstract class FileTest : SelfTestCase
{
    private const string FileName = "VGTEST.TMP";

    /// <summary>Several clusters of a small file system, the last one in part.</summary>
    private const int ContentLength = 9 * SectorPattern.SectorSize;

    private readonly MonotonicClock _clock;

    /// <param name="root">How the paths of the file system start.</param>
    /// <param name="clock">Its time makes each run write different content.</param>
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
        Failure? failure = Undo();
        return failure is null
            ? result
            : SelfTestResult.Failed("the disk could not be put back: " + failure.Of("the device"));
    }

    protected abstract bool IsReadOnly { get; }

    protected abstract FileStore Open();

    /// <summary>Puts back what was there before.</summary>
    /// <returns>Null, or why that failed.</returns>
    protected abstract Failure? Undo();

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
            return SelfTestResult.Failed("the file is missing, or shorter than what was written");
        }

        if (SectorPattern.FindDifference(found, 0, seed) >= 0)
        {
            return SelfTestResult.Failed("the file does not read back as it was written");
        }

        files.Delete(FileName);
        return SelfTestResult.Expect(!files.Contains(FileName), "the file was deleted and is still there");
    }
}

/// <summary>The test on a mounted volume, opened a second time.</summary>
internal sealed class VolumeTest : FileTest
{
    private readonly MountedVolume _volume;
    private readonly SectorDevice _disk;
    private readonly UndoLog _log;
    private MediumEntry? _medium;

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
        _medium = new MediumEntry(_volume.Device.Disk, _volume.Partition, new byte[SectorDevice.SectorSize]);
        var device = new UndoDevice(_log, _disk.SectorCount);
        var partition = new Partition(device, _volume.Partition.FirstSector, _volume.Partition.SectorCount);
        return new FatFileStore(partition, _volume.Root);
    }

    protected override Failure? Undo()
    {
        Failure? failure = _log.Undo();
        if (failure is null && _medium is not null)
        {
            try
            {
                _medium.Restore();
            }
            catch (Exception exception)
            {
                failure = new Failure(exception.Message, isSentence: true);
            }
        }

        return failure;
    }
}

/// <summary>Takes the place of the test where there is no file system.</summary>
internal sealed class NoVolumeTest : SelfTestCase
{
    internal NoVolumeTest()
        : base("a file is written, read back and deleted")
    {
    }

    public override SelfTestResult Run() => SelfTestResult.Skipped("no disk has a FAT32 file system");
}

/// <summary>Files in the root directory of a file system. Failures are exceptions.</summary>
internal abstract class FileStore
{
    public abstract bool Contains(string name);

    /// <param name="name">Upper case: at most eight characters, a dot and three.</param>
    /// <param name="content">What the file is to hold.</param>
    public abstract void Create(string name, byte[] content);

    /// <summary>Reads an existing file.</summary>
    /// <returns>How many bytes were read.</returns>
    public abstract int Read(string name, byte[] destination);

    /// <summary>Deletes an existing file.</summary>
    public abstract void Delete(string name);
}

/// <summary>A FAT file system through Cosmos' own driver.</summary>
internal sealed class FatFileStore : FileStore
{
    private readonly FileSystem _files;

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

    public override void Delete(string name)
    {
        DirectoryEntry file = Get(name);
        VirtioFileSystems.Shorten(file);
        _files.DeleteFile(file);
    }

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
