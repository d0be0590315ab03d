using System;
using VirtioGuest.Commands.Data;
using VirtioGuest.Commands.SelfTest;
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

    /// <inheritdoc/>
    public sealed override SelfTestResult Run()
    {
        if (IsReadOnly)
        {
            return SelfTestResult.Skipped("the disk is read-only");
        }

        SelfTestResult result = TryFile();
        string? failure = Undo();
        return failure == null ? result : SelfTestResult.Failed("the disk could not be put back: " + failure);
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
        byte[] content = new byte[ContentLength];
        SectorPattern.Fill(content, 0, seed);
        files.Create(FileName, content);

        byte[] found = new byte[ContentLength];
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
