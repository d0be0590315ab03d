using VirtioGuest.Commands.SelfTest.Cases;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Shell;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>Reading a disk's ends twice, blocking and awaited, gives the same.</summary>
internal sealed class AwaitedReadTest : DiskReadTest
{
    private const uint SectorSize = ShellDisk.SectorSize;

    private readonly ShellDisk _disk;

    /// <summary>Creates the test.</summary>
    public AwaitedReadTest(ShellDisk disk)
        : base(disk, "blocking and awaited reads agree")
    {
        _disk = disk;
    }

    /// <inheritdoc/>
    protected override string? ReadAgain(ulong firstSector, byte[] destination)
    {
        DiskStatus status = _disk.Disk.ReadAsync(firstSector, destination).AsTask().GetAwaiter().GetResult();
        return _disk.Failure(status, firstSector, (uint)destination.Length / SectorSize);
    }
}
