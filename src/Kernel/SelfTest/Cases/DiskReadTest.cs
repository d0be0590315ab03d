using System;
using VirtioGuest.Kernel.Data;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>Reading a disk's ends twice, blocking and awaited, gives the same.</summary>
internal sealed class DiskReadTest : SelfTestCase
{
    private const ulong Sectors = 600;

    private readonly Disk _disk;

    /// <summary>Creates the test.</summary>
    public DiskReadTest(Disk disk)
        : base(disk.Name + ": blocking and awaited reads agree")
    {
        _disk = disk;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        if (_disk.SectorCount == 0)
        {
            return SelfTestResult.Skipped("the disk has no sectors");
        }

        ulong count = Math.Min(Sectors, _disk.SectorCount);
        SelfTestResult result = Compare(0, (int)count);
        return result.Outcome == SelfTestOutcome.Passed ? Compare(_disk.SectorCount - count, (int)count) : result;
    }

    private SelfTestResult Compare(ulong first, int count)
    {
        var blocking = new byte[count * Disk.SectorSize];
        var awaited = new byte[count * Disk.SectorSize];
        DiskStatus status = _disk.Read(first, blocking);
        if (status == DiskStatus.Ok)
        {
            status = _disk.ReadAsync(first, awaited).AsTask().GetAwaiter().GetResult();
        }

        if (status != DiskStatus.Ok)
        {
            return SelfTestResult.Failed($"{count} sectors from {first} on: {status.Describe()}");
        }

        return SelfTestResult.Expect(
            Checksum(blocking) == Checksum(awaited),
            $"{count} sectors from {first} on differ when they are read again");
    }

    private static uint Checksum(byte[] bytes)
    {
        var checksum = new Crc32();
        checksum.Append(bytes);
        return checksum.Value;
    }
}
