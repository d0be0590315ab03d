using VirtioGuest.Commands.SelfTest;

namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>What stands for the test of a file where there is no file system.</summary>
internal sealed class NoVolumeTest : SelfTestCase
{
    /// <summary>Creates the test.</summary>
    internal NoVolumeTest()
        : base("a file is written, read back and deleted")
    {
    }

    /// <inheritdoc/>
    public override SelfTestResult Run() => SelfTestResult.Skipped("no disk has a FAT file system");
}
