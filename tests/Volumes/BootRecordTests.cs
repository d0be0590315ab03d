using System;
using System.Linq;
using NUnit.Framework;

namespace VirtioGuest.Volumes.Tests;

/// <summary>Master boot records: sound, absent and broken.</summary>
[TestFixture]
internal sealed class BootRecordTests
{
    private const int Blocks = 1024;

    [TestCase(512, 1UL)]
    [TestCase(4096, 8UL)]
    public void Primary_partitions_are_found_in_blocks_of_the_disk(int blockSize, ulong sectors)
    {
        PartitionTable table = new ImageDisk(Blocks, blockSize)
            .PutEntry(0, 0x0C, 8, 100, status: 0x80).PutEntry(2, 0x83, 130, 894).ReadTable();

        Assert.That(table.Kind, Is.EqualTo(PartitionTableKind.MasterBootRecord));
        Assert.That(Describe(table), Is.EqualTo(new[]
        {
            $"1: {8 * sectors}+{100 * sectors} FAT32 (LBA) bootable", $"3: {130 * sectors}+{894 * sectors} Linux",
        }));
        Assert.That(table.Notes, Is.Empty);
    }

    [TestCase(0x05)]
    [TestCase(0x0F)]
    [TestCase(0x85)]
    public void Logical_partitions_follow_the_links_of_an_extended_one(int type)
    {
        PartitionTable table = new ImageDisk(Blocks)
            .PutEntry(0, 0x83, 8, 92).PutEntry(1, (byte)type, 100, 900)
            .PutEntry(0, 0x82, 10, 20, block: 100).PutEntry(1, 0x05, 200, 100, block: 100)
            .PutEntry(0, 0x07, 10, 30, block: 300).PutEntry(1, 0x05, 400, 100, block: 300)
            .PutEntry(0, 0x42, 1, 9, block: 500)
            .ReadTable();

        Assert.That(Describe(table), Is.EqualTo(new[]
        {
            "1: 8+92 Linux", "5: 110+20 Linux swap", "6: 310+30 NTFS or exFAT", "7: 501+9 Windows dynamic disk",
        }));
        Assert.That(table.Notes, Is.Empty);
    }

    [Test]
    public void A_record_without_a_partition_takes_no_number()
    {
        PartitionTable table = new ImageDisk(Blocks)
            .PutEntry(0, 0x05, 100, 100).PutEntry(1, 0x05, 300, 100)
            .PutEntry(1, 0x05, 50, 50, block: 100).PutEntry(0, 0x83, 10, 20, block: 150)
            .PutEntry(0, 0x82, 10, 20, block: 300).ReadTable();

        Assert.That(Describe(table), Is.EqualTo(new[] { "5: 160+20 Linux", "6: 310+20 Linux swap" }));
    }

    [TestCase(50u, 50u, "the chain of logical partitions leads back to where it was")]
    [TestCase(50u, 2000u, "the chain of logical partitions leads beyond the disk")]
    [TestCase(300u, 0u, "the chain of logical partitions leads to no record")]
    public void Logical_partitions_end_where_their_links_lead_to_none(uint first, uint second, string note)
    {
        ImageDisk disk = new ImageDisk(Blocks)
            .PutEntry(0, 0x05, 100, 900)
            .PutEntry(0, 0x83, 10, 20, block: 100).PutEntry(1, 0x05, first, 100, block: 100)
            .PutEntry(1, 0x05, second, 100, block: 150);

        PartitionTable table = disk.ReadTable();

        Assert.That(Describe(table), Is.EqualTo(new[] { "5: 110+20 Linux" }));
        Assert.That(table.Notes, Is.EqualTo(new[] { note }));
        Assert.That(disk.Reads, Is.LessThan(5));
    }

    [Test]
    public void A_chain_without_end_is_followed_for_so_long()
    {
        var disk = new ImageDisk(Blocks);
        disk.PutEntry(0, 0x05, 1, 1000);
        for (uint i = 1; i < 1000; i++)
        {
            disk.PutEntry(1, 0x05, i, 1, block: i);
        }

        Assert.That(disk.ReadTable().Notes, Is.EqualTo(new[] { "the chain of logical partitions does not end" }));
        Assert.That(disk.Reads, Is.EqualTo(129));
    }

    [Test]
    public void Two_extended_partitions_may_not_share_a_chain()
    {
        PartitionTable table = new ImageDisk(Blocks)
            .PutEntry(0, 0x05, 100, 100).PutEntry(1, 0x0F, 100, 100)
            .PutEntry(0, 0x83, 10, 20, block: 100).ReadTable();

        Assert.That(Describe(table), Is.EqualTo(new[] { "5: 110+20 Linux" }));
        Assert.That(table.Notes, Has.Count.EqualTo(1));
    }

    [TestCase(0u, 10u, "partition 1 begins where the table is")]
    [TestCase(8u, 0u, "partition 1 has no sectors")]
    [TestCase(1024u, 1u, "partition 1 reaches beyond the disk")]
    [TestCase(1000u, 25u, "partition 1 reaches beyond the disk")]
    [TestCase(uint.MaxValue, uint.MaxValue, "partition 1 reaches beyond the disk")]
    public void A_partition_that_is_not_on_the_disk_is_left_out(uint first, uint count, string note)
    {
        PartitionTable table = new ImageDisk(Blocks).PutEntry(0, 0x0C, first, count).ReadTable();
        Assert.That(table.Partitions, Is.Empty);
        Assert.That(table.Notes, Is.EqualTo(new[] { note }));
    }

    [Test]
    public void An_entry_with_a_status_that_there_is_not_is_left_out()
    {
        PartitionTable table = new ImageDisk(Blocks)
            .PutEntry(0, 0x0C, 8, 10, status: 0x13).PutEntry(1, 0x83, 20, 10).ReadTable();
        Assert.That(Describe(table), Is.EqualTo(new[] { "2: 20+10 Linux" }));
        Assert.That(table.Notes, Is.EqualTo(new[] { "partition 1 has a status that there is not" }));
    }

    [Test]
    public void Partitions_that_overlap_are_given_and_told_of()
    {
        PartitionTable table = new ImageDisk(Blocks)
            .PutEntry(0, 0x83, 8, 10).PutEntry(1, 0x83, 18, 10).PutEntry(2, 0x83, 27, 10).ReadTable();
        Assert.That(table.Partitions, Has.Count.EqualTo(3));
        Assert.That(table.Notes, Is.EqualTo(new[] { "partition 3 overlaps partition 2" }));
    }

    [Test]
    public void More_notes_than_can_be_of_use_are_cut_short()
    {
        var disk = new ImageDisk(Blocks);
        disk.PutEntry(0, 0x05, 1, 1000);
        for (uint i = 1; i < 20; i++)
        {
            disk.PutEntry(0, 0x83, 5000, 1, block: i).PutEntry(1, 0x05, i, 1, block: i);
        }

        Assert.That(disk.ReadTable().Notes, Has.Count.EqualTo(8));
        Assert.That(disk.ReadTable().Notes[^1], Is.EqualTo("and more is wrong"));
    }

    [Test]
    public void A_disk_without_a_boot_signature_has_no_table()
    {
        PartitionTable table = new ImageDisk(Blocks).PutEntry(0, 0x83, 8, 100).Put16(510, 0xAA54).ReadTable();
        Assert.That(table.Kind, Is.EqualTo(PartitionTableKind.None));
        Assert.That(table.Partitions, Is.Empty);
    }

    [TestCase(true)]
    [TestCase(false)]
    public void The_boot_sector_of_a_file_system_is_no_table(bool hasCode)
    {
        ImageDisk disk = Fat.Put(new ImageDisk(Blocks), 0, total: Blocks);
        if (hasCode)
        {
            disk.Content.AsSpan(446, 64).Fill(0x5A);
        }

        Assert.That(disk.ReadTable().Kind, Is.EqualTo(PartitionTableKind.None));
    }

    [Test]
    public void A_record_with_partitions_is_one_although_a_file_system_is_there_as_well()
    {
        PartitionTable table = Fat.Put(new ImageDisk(Blocks), 0, total: Blocks).PutEntry(0, 0x83, 8, 100).ReadTable();
        Assert.That(Describe(table), Is.EqualTo(new[] { "1: 8+100 Linux" }));
    }

    [TestCase(0)]
    [TestCase(1)]
    public void A_disk_too_small_for_a_partition_is_not_even_read(int blocks)
    {
        var disk = new ImageDisk(blocks);
        Assert.That(disk.ReadTable().Kind, Is.EqualTo(PartitionTableKind.None));
        Assert.That(disk.Reads, Is.Zero);
    }

    [Test]
    public void What_was_found_before_a_failure_is_kept()
    {
        ImageDisk disk = new ImageDisk(Blocks)
            .PutEntry(0, 0x83, 8, 92).PutEntry(1, 0x05, 100, 900)
            .PutEntry(0, 0x82, 10, 20, block: 100).PutEntry(1, 0x05, 200, 100, block: 100);
        disk.BadBlock = 300;

        PartitionTable table = disk.ReadTable();

        Assert.That(Describe(table), Is.EqualTo(new[] { "1: 8+92 Linux", "5: 110+20 Linux swap" }));
        Assert.That(table.Failure, Is.EqualTo(ImageDisk.Trouble));
    }

    [Test]
    public void A_disk_that_cannot_be_read_says_why()
    {
        PartitionTable table = new ImageDisk(Blocks) { BadBlock = 0 }.ReadTable();
        Assert.That(table.Failure, Is.EqualTo(ImageDisk.Trouble));
        Assert.That(table.Kind, Is.EqualTo(PartitionTableKind.None));
    }

    private static string[] Describe(PartitionTable table) =>
        [.. table.Partitions.Select(each => $"{each.Number}: {each.FirstSector}+{each.SectorCount} {each.Type}"
            + (each.IsBootable ? " bootable" : ""))];
}
