using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Devices.Block;
using VirtioGuest.Volumes;
using VirtioGuest.Volumes.Tests;

namespace VirtioGuest.Cosmos.Tests.Block;

/// <summary>Partition tables as they are read from a virtio disk.</summary>
public sealed class DiskSectorsTests
{
    private const int Sectors = 2048;

    [TestCase(512)]
    [TestCase(4096)]
    public void Partitions_are_read_in_blocks_of_the_disk(int blockSize)
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(Sectors, prepare: each =>
        {
            each.OfferedFeatures |= BlockFeature.BlockSize;
            each.BlockSize = (uint)blockSize;
        });
        new ImageDisk(Sectors * 512 / blockSize, blockSize)
            .PutGuidTable(8, 128, new GuidEntry(0, 40, 99), new GuidEntry(7, 100, 199)).Content.CopyTo(model.Disk);
        pc.Boot();
        ulong scale = (ulong)blockSize / 512;
        var disk = new DiskSectors(pc.Disk);

        PartitionTable table = PartitionTable.Read(disk, pc.Buffer((int)disk.BlockSize));

        Assert.That(table.Failure, Is.Null);
        Assert.That(
            table.Partitions.Select(each => (each.FirstSector, each.SectorCount)),
            Is.EqualTo(new[] { (40 * scale, 60 * scale), (100 * scale, 100 * scale) }));
    }

    [Test]
    public void A_failure_of_the_disk_is_that_of_the_table()
    {
        using Pc pc = new();
        pc.AddDisk(Sectors).Faults = new RequestLog { Status = BlockStatus.IoError };
        pc.Boot();

        PartitionTable table = PartitionTable.Read(new DiskSectors(pc.Disk), pc.Buffer(512));

        Assert.That(table.Failure?.ToString(), Is.EqualTo("the device reports an I/O error"));
    }
}
