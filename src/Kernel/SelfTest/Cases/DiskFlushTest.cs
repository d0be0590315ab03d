using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>A flush is answered.</summary>
internal sealed class DiskFlushTest : SelfTestCase
{
    private readonly Disk _disk;

    /// <summary>Creates the test.</summary>
    public DiskFlushTest(Disk disk)
        : base(disk.Name + ": a flush is answered")
    {
        _disk = disk;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        DiskStatus status = _disk.Flush();
        return SelfTestResult.Expect(status == DiskStatus.Ok, status.Describe());
    }
}
