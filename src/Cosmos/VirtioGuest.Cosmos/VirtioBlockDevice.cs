using Cosmos.HAL.BlockDevice;
using VirtioGuest.Cosmos.Block;

namespace VirtioGuest.Cosmos;

/// <summary>A virtio disk for Cosmos' file systems. Made by <see cref="VirtioDrivers.Register()"/>.</summary>
/// <remarks><see cref="DiskAccess"/> says what calls do and how they fail.</remarks>
public sealed class VirtioBlockDevice : BlockDevice
{
    internal VirtioBlockDevice(DiskAccess disk)
    {
        Disk = disk;
        mBlockSize = DiskAccess.SectorLength;
        mBlockCount = disk.SectorCount;
        disk.Listener = new CapacityCopy(this);
    }

    /// <summary>The disk, with what a <see cref="BlockDevice"/> has no member for.</summary>
    public DiskAccess Disk { get; }

    /// <inheritdoc/>
    public override BlockDeviceType Type => BlockDeviceType.HardDrive;

    /// <inheritdoc/>
    public override void ReadBlock(ulong aBlockNo, ulong aBlockCount, ref byte[] aData) =>
        Disk.Read(aBlockNo, aBlockCount, aData);

    /// <inheritdoc/>
    public override void WriteBlock(ulong aBlockNo, ulong aBlockCount, ref byte[] aData) =>
        Disk.Write(aBlockNo, aBlockCount, aData);

    private sealed class CapacityCopy : CapacityListener
    {
        private readonly VirtioBlockDevice _device;

        internal CapacityCopy(VirtioBlockDevice device)
        {
            _device = device;
        }

        public override void OnCapacity(ulong sectors) => _device.mBlockCount = sectors;
    }
}
