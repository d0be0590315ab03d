using System.Collections.Generic;
using Cosmos.HAL.BlockDevice;
using Cosmos.System.FileSystem;
using Cosmos.System.FileSystem.VFS;
using VirtioGuest.Cosmos.Block;

namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>Cosmos' virtual file system, over the FAT partitions of the virtio disks.</summary>
/// <remarks>Other disks stay unmounted, and so does what <see cref="MountablePartitions"/> does not trust.</remarks>
internal sealed class VirtioFileSystems : CosmosVFS
{
    private readonly List<MountedVolume> _volumes = new List<MountedVolume>();

    /// <summary>Registers the file system, which may be done once.</summary>
    /// <returns>What is mounted.</returns>
    internal static List<MountedVolume> Register()
    {
        VirtioFileSystems files = new VirtioFileSystems();
        if (BlockDevice.Devices.Count != 0)
        {
            VFSManager.RegisterVFS(files);
        }

        return files._volumes;
    }

    /// <inheritdoc/>
    protected override void InitializePartitions()
    {
        for (int i = 0; i < Disks.Count; i++)
        {
            Disk disk = Disks[i];
            if (disk.Host is VirtioBlockDevice device)
            {
                Mount(disk, device);
            }
        }
    }

    private void Mount(Disk disk, VirtioBlockDevice device)
    {
        byte[] sector = new byte[DiskAccess.SectorLength];
        List<PartitionExtent> partitions = MountablePartitions.Find(device.Disk, sector);
        if (partitions.Count == 0 || disk.Partitions.Count != partitions.Count)
        {
            return;
        }

        for (int i = 0; i < partitions.Count; i++)
        {
            if (!MountablePartitions.HasFat(device.Disk, partitions[i], sector))
            {
                continue;
            }

            disk.MountPartition(i);
            ManagedPartition mounted = disk.Partitions[i];
            if (mounted.HasFileSystem)
            {
                _volumes.Add(new MountedVolume(device, partitions[i], mounted.RootPath));
            }
        }
    }
}
