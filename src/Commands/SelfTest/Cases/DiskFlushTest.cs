using VirtioGuest.Commands.Block;

namespace VirtioGuest.Commands.SelfTest.Cases;

/// <summary>A flush is answered.</summary>
public sealed class DiskFlushTest : SelfTestCase
{
    private readonly SectorDevice _disk;

    /// <summary>Creates the test.</summary>
    public DiskFlushTest(SectorDevice disk)
        : base(disk.Name + ": a flush is answered")
    {
        _disk = disk;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        string? failure = _disk.Flush();
        return failure is null ? SelfTestResult.Passed : SelfTestResult.Failed(failure);
    }
}
