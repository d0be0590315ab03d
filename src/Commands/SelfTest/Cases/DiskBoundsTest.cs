using VirtioGuest.Commands.Block;

namespace VirtioGuest.Commands.SelfTest.Cases;

/// <summary>A range that does not lie on the disk is refused.</summary>
public sealed class DiskBoundsTest : SelfTestCase
{
    private readonly SectorDevice _disk;

    /// <summary>Creates the test.</summary>
    public DiskBoundsTest(SectorDevice disk)
        : base(disk.Name + ": reads beyond the end are refused")
    {
        _disk = disk;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        var sector = new byte[SectorDevice.SectorSize];
        if (_disk.Read(_disk.SectorCount, sector) != SectorDevice.OutOfRange)
        {
            return SelfTestResult.Failed("the sector after the last was not refused");
        }

        return SelfTestResult.Expect(
            _disk.Read(ulong.MaxValue, sector) == SectorDevice.OutOfRange, "sector 2^64 - 1 was not refused");
    }
}
