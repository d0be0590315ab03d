using System;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>A range that does not lie on the disk is refused.</summary>
internal sealed class DiskBoundsTest : SelfTestCase
{
    private readonly Disk _disk;

    /// <summary>Creates the test.</summary>
    public DiskBoundsTest(Disk disk)
        : base(disk.Name + ": reads beyond the end are refused")
    {
        _disk = disk;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        Span<byte> sector = stackalloc byte[Disk.SectorSize];
        if (_disk.Read(_disk.SectorCount, sector) != DiskStatus.OutOfRange)
        {
            return SelfTestResult.Failed("the sector after the last was not refused");
        }

        return SelfTestResult.Expect(
            _disk.Read(ulong.MaxValue, sector) == DiskStatus.OutOfRange, "sector 2^64 - 1 was not refused");
    }
}
