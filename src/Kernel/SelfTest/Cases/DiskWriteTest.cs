using System;
using System.Diagnostics;
using VirtioGuest.Kernel.Data;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>What is written is read back; the sectors are saved before and restored afterwards.</summary>
internal sealed class DiskWriteTest : SelfTestCase
{
    private const ulong Sectors = 300;

    private readonly Disk _disk;

    /// <summary>Creates the test.</summary>
    public DiskWriteTest(Disk disk)
        : base(disk.Name + ": written sectors are read back, and restored")
    {
        _disk = disk;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        if (_disk.IsReadOnly || _disk.SectorCount == 0)
        {
            return SelfTestResult.Skipped(_disk.IsReadOnly ? "the disk is read-only" : "the disk has no sectors");
        }

        ulong count = Math.Min(Sectors, _disk.SectorCount);
        ulong first = _disk.SectorCount - count;
        var saved = new byte[count * Disk.SectorSize];
        DiskStatus status = _disk.Read(first, saved);
        if (status != DiskStatus.Ok)
        {
            return SelfTestResult.Failed("the sectors could not be saved: " + status.Describe());
        }

        SelfTestResult result = WriteAndVerify(first, saved.Length);
        status = _disk.Write(first, saved);
        if (status != DiskStatus.Ok)
        {
            return SelfTestResult.Failed(
                $"{count} sectors from {first} on could not be restored: {status.Describe()}");
        }

        var restored = new byte[saved.Length];
        status = _disk.Read(first, restored);
        bool isRestored = status == DiskStatus.Ok && restored.AsSpan().SequenceEqual(saved);
        return isRestored ? result : SelfTestResult.Failed($"{count} sectors from {first} on are not as they were");
    }

    private SelfTestResult WriteAndVerify(ulong first, int length)
    {
        ulong seed = (ulong)Stopwatch.GetTimestamp();
        var content = new byte[length];
        SectorPattern.Fill(content, first, seed);
        DiskStatus status = _disk.Write(first, content);
        if (status != DiskStatus.Ok)
        {
            return SelfTestResult.Failed("writing: " + status.Describe());
        }

        Array.Clear(content);
        status = _disk.Read(first, content);
        if (status != DiskStatus.Ok)
        {
            return SelfTestResult.Failed("reading back: " + status.Describe());
        }

        int difference = SectorPattern.FindDifference(content, first, seed);
        return SelfTestResult.Expect(
            difference < 0, $"sector {first + (ulong)(difference / Disk.SectorSize)} was not read as it was written");
    }
}
