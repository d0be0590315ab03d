using System.Collections.Generic;
using Cosmos.HAL.BlockDevice;
using Cosmos.System.FileSystem;
using Cosmos.System.FileSystem.Listing;
using Cosmos.System.FileSystem.VFS;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Volumes;
using Partition = VirtioGuest.Volumes.Partition;

namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>Cosmos' virtual file system over the FAT32 partitions of the virtio disks.</summary>
/// <remarks>Other disks are unknown to it, and those of which <see cref="MountablePartitions"/> has none.</remarks>
internal sealed class VirtioFileSystems : CosmosVFS
{
    private readonly List<MountedVolume> _volumes = new();

    /// <summary>Registers the file system and mounts the partitions. To be called once.</summary>
    internal static List<MountedVolume> Register()
    {
        var files = new VirtioFileSystems();
        if (BlockDevice.Devices.Count != 0)
        {
            VFSManager.RegisterVFS(files);
        }

        return files._volumes;
    }

    /// <summary>Makes Cosmos free the clusters of a file when it deletes it, and take no others.</summary>
    /// <remarks>
    /// Cosmos' FAT driver looks at the file's chain once more after it has freed it, and extends what it finds to the
    /// length of the file. With a length of one byte there is nothing to extend, and all of the chain is freed still.
    /// </remarks>
    internal static void Shorten(DirectoryEntry file)
    {
        if (file.mSize > 1)
        {
            file.mSize = 1;
        }
    }

    public override bool DeleteFile(DirectoryEntry aPath)
    {
        Shorten(aPath);
        return base.DeleteFile(aPath);
    }

    protected override void InitializePartitions()
    {
        var mounted = new List<Disk>();
        for (int i = 0; i < Disks.Count; i++)
        {
            Disk disk = Disks[i];
            if (disk.Host is VirtioBlockDevice device && Mount(disk, device))
            {
                mounted.Add(disk);
            }
        }

        // Whatever path Cosmos looks up, it reads the partition tables of all its disks, and one that it cannot deal
        // with hangs it. So it keeps those disks only that have been checked.
        Disks.Clear();
        for (int i = 0; i < mounted.Count; i++)
        {
            Disks.Add(mounted[i]);
        }
    }

    /// <returns>Whether a file system of the disk is mounted.</returns>
    private bool Mount(Disk disk, VirtioBlockDevice device)
    {
        int before = _volumes.Count;
        var sector = new byte[DiskAccess.SectorLength];
        List<Partition> partitions = MountablePartitions.Find(device.Disk, sector);
        if (partitions.Count == 0 || disk.Partitions.Count != partitions.Count)
        {
            return false;
        }

        for (int i = 0; i < partitions.Count; i++)
        {
            if (!MountablePartitions.HasFat32(device.Disk, partitions[i], sector))
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

        return _volumes.Count != before;
    }
}

/// <summary>A partition with a mounted file system.</summary>
internal sealed class MountedVolume
{
    internal MountedVolume(VirtioBlockDevice device, Partition partition, string root)
    {
        Device = device;
        Partition = partition;
        Root = root;
    }

    internal VirtioBlockDevice Device { get; }

    internal Partition Partition { get; }

    /// <summary>How its paths start, for example <c>0:\</c>.</summary>
    internal string Root { get; }
}
