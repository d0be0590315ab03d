using Cosmos.HAL.BlockDevice;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Cosmos.Kernel.Block;
using VirtioGuest.Cosmos.Kernel.Machine;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>The test of a file on a volume that is mounted.</summary>
internal sealed class VolumeTest : FileTest
{
    private readonly MountedVolume _volume;
    private readonly SectorDevice _disk;
    private readonly UndoLog _log;

    /// <summary>Creates the test.</summary>
    internal VolumeTest(MountedVolume volume, MonotonicClock clock, MemoryKeeper memory)
        : base(volume.Root, clock)
    {
        _volume = volume;
        _disk = new ShellDisk(volume.Device.Disk, memory);
        _log = new UndoLog(_disk);
    }

    /// <inheritdoc/>
    protected override bool IsReadOnly => _disk.IsReadOnly;

    /// <inheritdoc/>
    protected override FileStore Open()
    {
        UndoDevice device = new UndoDevice(_log, _disk.SectorCount);
        Partition partition = new Partition(device, _volume.Partition.FirstSector, _volume.Partition.SectorCount);
        return new FatFileStore(partition, _volume.Root);
    }

    /// <inheritdoc/>
    protected override string? Undo() => _log.Undo();
}

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
