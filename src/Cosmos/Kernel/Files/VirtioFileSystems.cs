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
    private readonly List<MountedVolume> _volumes = new();

    /// <summary>Registers the file system, which may be done once.</summary>
    /// <returns>What is mounted.</returns>
    internal static List<MountedVolume> Register()
    {
        var files = new VirtioFileSystems();
        if (BlockDevice.Devices.Count != 0)
        {
            VFSManager.RegisterVFS(files);
        }

        return files._volumes;
    }

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
        var sector = new byte[DiskAccess.SectorLength];
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

/// <summary>A partition with a file system that is in use.</summary>
internal sealed class MountedVolume
{
    /// <summary>Takes note of one.</summary>
    /// <param name="device">The disk.</param>
    /// <param name="partition">Where on it.</param>
    /// <param name="root">How its paths start, for example <c>0:\</c>.</param>
    internal MountedVolume(VirtioBlockDevice device, PartitionExtent partition, string root)
    {
        Device = device;
        Partition = partition;
        Root = root;
    }

    /// <summary>The disk.</summary>
    internal VirtioBlockDevice Device { get; }

    /// <summary>Where on it.</summary>
    internal PartitionExtent Partition { get; }

    /// <summary>How its paths start.</summary>
    internal string Root { get; }
}
