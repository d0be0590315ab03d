using System;
using System.Buffers.Binary;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Cosmos.Kernel.Files;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Devices.Block;
using VirtioGuest.Volumes;
using VirtioGuest.Volumes.Tests;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>Disks that Cosmos' file systems may mount, and those that would break them.</summary>
public sealed class MountablePartitionsTests
{
    private const int Sectors = 256;

    [Test]
    public void Primary_partitions_may_be_mounted() =>
        Assert.That(Find(disk =>
        {
            Put(disk, 0, 0x0C, 8, 100);
            Put(disk, 2, 0x83, 200, 50);
        }), Is.EqualTo(new[] { 8UL, 200UL }));

    [Test]
    public void A_disk_without_a_table_has_nothing_to_mount() =>
        Assert.That(Find(disk => disk[..1024].Fill(0xA5)), Is.Empty);

    [Test]
    public void Logical_partitions_are_none_to_Cosmos() =>
        Assert.That(Find(disk =>
        {
            Put(disk, 0, 0x0C, 8, 100);
            Put(disk, 1, 0x05, 120, 50);
            Put(disk[(120 * 512)..], 0, 0x0C, 1, 40);
            disk[(120 * 512) + 510] = 0x55;
            disk[(120 * 512) + 511] = 0xAA;
        }), Is.EqualTo(new[] { 8UL }));

    [TestCase(64, false)]
    [TestCase(128, true)]
    [TestCase(512, true)]
    [TestCase(1024, false)]
    public void A_GUID_table_may_have_no_entry_across_sectors(int entryLength, bool isMounted) =>
        Assert.That(
            Find(disk => PutGuidTable(disk, entryLength, 1)), isMounted ? Has.One.EqualTo(40) : Is.Empty);

    [Test]
    public void A_disk_with_more_than_four_partitions_is_left_alone() =>
        Assert.That(Find(disk => PutGuidTable(disk, 128, 5)), Is.Empty);

    [Test]
    public void A_damaged_GUID_table_is_left_alone_although_the_backup_is_sound() =>
        Assert.That(Find(disk =>
        {
            PutGuidTable(disk, 128, 1);
            disk[1024 + 40] ^= 1;
        }), Is.Empty);

    [Test]
    public void A_GUID_table_that_the_boot_record_does_not_cover_is_left_alone() =>
        Assert.That(Find(disk =>
        {
            PutGuidTable(disk, 128, 1);
            Put(disk, 0, 0x0C, 8, 100);
        }), Is.Empty);

    [Test]
    public void A_disk_with_a_stale_GUID_header_without_entry_size_is_not_mounted() =>
        Assert.That(Find(disk =>
        {
            Put(disk, 0, 0x0C, 8, 100);
            "EFI PART"u8.CopyTo(disk[512..]);
        }), Is.Empty);

    [Test]
    public void A_disk_that_cannot_be_read_has_nothing_to_mount()
    {
        using Pc pc = new();
        pc.AddDisk(16).Faults = new RequestLog { Status = BlockStatus.IoError };
        pc.Boot();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(MountablePartitions.Find(pc.Disk, pc.Buffer(512)), Is.Empty);
            Assert.That(
                MountablePartitions.HasFat32(pc.Disk, new Partition(1, 1, 15), pc.Buffer(512)), Is.False);
        }
    }

    [Test]
    public void A_partition_has_FAT32_where_its_first_sector_says_so()
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(130_000);
        FatBootSectorTests.Fat32().CopyTo(model.Disk[(8 * 512)..]);
        pc.Boot();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                MountablePartitions.HasFat32(pc.Disk, new Partition(1, 8, 129024), pc.Buffer(512)), Is.True);
            Assert.That(
                MountablePartitions.HasFat32(pc.Disk, new Partition(1, 8, 129023), pc.Buffer(512)), Is.False);
            Assert.That(
                MountablePartitions.HasFat32(pc.Disk, new Partition(1, 9, 129024), pc.Buffer(512)), Is.False);
        }
    }

    private delegate void Fill(Span<byte> disk);

    private static ulong[] Find(Fill fill)
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(Sectors);
        model.Disk[510] = 0x55;
        model.Disk[511] = 0xAA;
        fill(model.Disk);
        pc.Boot();
        return [.. MountablePartitions.Find(pc.Disk, pc.Buffer(512)).Select(each => each.FirstSector)];
    }

    private static void Put(Span<byte> disk, int entry, byte type, uint first, uint count)
    {
        Span<byte> place = disk.Slice(446 + (entry * 16), 16);
        place[4] = type;
        BinaryPrimitives.WriteUInt32LittleEndian(place[8..], first);
        BinaryPrimitives.WriteUInt32LittleEndian(place[12..], count);
    }

    private static void PutGuidTable(Span<byte> disk, int entryLength, int partitions)
    {
        GuidEntry[] entries = [.. Enumerable.Range(0, partitions)
            .Select(each => new GuidEntry(each, (ulong)(40 + (each * 8)), (ulong)(47 + (each * 8))))];
        new ImageDisk(Sectors).PutGuidTable(8, entryLength, entries).Content.CopyTo(disk);
    }
}
