using VirtioGuest.Hal;
using VirtioGuest.Volumes;

namespace VirtioGuest.Cosmos.Block;

/// <summary>A virtio disk as partition tables and contents are read from it.</summary>
public sealed class DiskSectors : ReadableDisk
{
    private readonly DiskAccess _disk;

    /// <summary>Shows a disk.</summary>
    public DiskSectors(DiskAccess disk)
    {
        _disk = disk;
    }

    /// <inheritdoc/>
    public override ulong SectorCount => _disk.SectorCount;

    /// <inheritdoc/>
    public override uint BlockSize => _disk.Device.BlockSize;

    /// <inheritdoc/>
    public override Failure? Read(ulong firstSector, byte[] destination) =>
        _disk.TryRead(firstSector, (uint)destination.Length / SectorSize, destination);
}
