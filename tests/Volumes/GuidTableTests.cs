using System.Linq;
using NUnit.Framework;

namespace VirtioGuest.Volumes.Tests;

/// <summary>GUID partition tables: sound, damaged here, damaged there, and lying.</summary>
[TestFixture]
internal sealed class GuidTableTests
{
    private const int Blocks = 512;

    [TestCase(512, 128, 128)]
    [TestCase(512, 4, 256)]
    [TestCase(512, 8, 1024)]
    [TestCase(4096, 128, 128)]
    [TestCase(4096, 5, 4096)]
    public void Partitions_are_found_whatever_the_size_of_an_entry_and_of_a_block(int blockSize, int count, int length)
    {
        var disk = new ImageDisk(Blocks, blockSize);
        ulong sectors = (ulong)blockSize / 512;
        disk.PutGuidTable(
            count,
            length,
            new GuidEntry(0, 40, 99, "root"),
            new GuidEntry(3, 100, 199, "B\u00FCro \u0007", 4) { Type = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B" });

        PartitionTable table = disk.ReadTable();

        Assert.That(table.Kind, Is.EqualTo(PartitionTableKind.Guid));
        Assert.That(Describe(table), Is.EqualTo(new[]
        {
            $"1: {40 * sectors}+{60 * sectors} Linux filesystem \"root\"",
            $"4: {100 * sectors}+{100 * sectors} EFI system \"B?ro ?\" bootable",
        }));
        Assert.That(table.Notes, Is.Empty);
        Assert.That(table.IsBackup, Is.False);
    }

    [Test]
    public void A_type_without_a_name_is_shown_as_people_write_it()
    {
        PartitionTable table = new ImageDisk(Blocks)
            .PutGuidTable(new GuidEntry(0, 40, 99) { Type = "01234567-89AB-CDEF-0123-456789ABCDEF" }).ReadTable();
        Assert.That(table.Partitions[0].Type, Is.EqualTo("type 01234567-89ab-cdef-0123-456789abcdef"));
    }

    [TestCase(512, "the primary header is missing, the backup is used", TestName = "signature")]
    [TestCase(512 + 9, "the primary header is damaged, the backup is used", TestName = "revision")]
    [TestCase(512 + 24, "the primary header is damaged, the backup is used", TestName = "place")]
    [TestCase(512 + 13, "the primary header is damaged, the backup is used", TestName = "length")]
    [TestCase(1024 + 57, "the primary entries are damaged, the backup is used", TestName = "entry")]
    [TestCase(1024 + (127 * 128), "the primary entries are damaged, the backup is used", TestName = "last entry")]
    public void The_backup_is_used_where_the_table_is_damaged(int offset, string note)
    {
        ImageDisk disk = new ImageDisk(Blocks).PutGuidTable(new GuidEntry(0, 40, 99, "root"));
        disk.Content[offset] ^= 0x20;

        PartitionTable table = disk.ReadTable();

        Assert.That(Describe(table), Is.EqualTo(new[] { "1: 40+60 Linux filesystem \"root\"" }));
        Assert.That(table.Notes, Is.EqualTo(new[] { note }));
        Assert.That(table.IsBackup, Is.True);
        Assert.That(table.Failure, Is.Null);
    }

    // A copy of another place has a sound sum.
    [TestCase(24, 2u, "the primary header is damaged, the backup is used")]
    [TestCase(12, 17u, "the primary header is damaged, the backup is used")]
    public void A_header_with_a_right_sum_is_not_enough(int offset, uint value, string note)
    {
        PartitionTable table = new ImageDisk(Blocks)
            .PutGuidTable(new GuidEntry(0, 40, 99)).Put32(512 + offset, value).SumHeader(1).ReadTable();
        Assert.That(table.Notes, Is.EqualTo(new[] { note }));
        Assert.That(table.Partitions, Has.Count.EqualTo(1));
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(33)]
    public void The_backup_is_used_where_the_table_cannot_be_read(int block)
    {
        ImageDisk disk = new ImageDisk(Blocks).PutGuidTable(new GuidEntry(0, 40, 99));
        disk.BadBlock = (ulong)block;

        PartitionTable table = disk.ReadTable();

        Assert.That(table.Partitions, Has.Count.EqualTo(1));
        Assert.That(table.Notes, Is.EqualTo(new[] { "the primary table cannot be read, the backup is used" }));
        Assert.That(table.Failure, Is.Null);
    }

    [Test]
    public void A_disk_that_has_grown_keeps_its_table_and_the_backup_that_the_header_names()
    {
        ImageDisk disk = new ImageDisk(Blocks).PutGuidTable(new GuidEntry(0, 40, 99)).Grow(100);
        Assert.That(disk.ReadTable().Partitions, Has.Count.EqualTo(1));
        Assert.That(disk.ReadTable().Notes, Is.EqualTo(new[] { "the backup header is missing" }));

        disk.Content[1024] ^= 1;
        PartitionTable table = disk.ReadTable();

        Assert.That(table.Partitions, Has.Count.EqualTo(1));
        Assert.That(table.Notes, Is.EqualTo(new[] { "the primary entries are damaged, the backup is used" }));
    }

    [Test]
    public void A_damaged_backup_is_told_of()
    {
        ImageDisk disk = new ImageDisk(Blocks).PutGuidTable(new GuidEntry(0, 40, 99));
        disk.BadBlock = Blocks - 1;
        Assert.That(disk.ReadTable().Notes, Is.EqualTo(new[] { "the backup header cannot be read" }));
        disk.BadBlock = null;
        disk.Content[^500] ^= 1;
        Assert.That(disk.ReadTable().Notes, Is.EqualTo(new[] { "the backup header is damaged" }));
        Assert.That(disk.ReadTable().Partitions, Has.Count.EqualTo(1));
    }

    [Test]
    public void Where_both_are_damaged_there_are_no_partitions()
    {
        ImageDisk disk = new ImageDisk(Blocks).PutGuidTable(new GuidEntry(0, 40, 99));
        disk.Content[512 + 50] ^= 1;
        disk.Content[^512] ^= 1;

        PartitionTable table = disk.ReadTable();

        Assert.That(table.Partitions, Is.Empty);
        Assert.That(
            table.Notes, Is.EqualTo(new[] { "the primary header is damaged", "the backup header is missing" }));
        Assert.That(table.IsBackup, Is.False);
    }

    [TestCase(512, 4096)]
    [TestCase(4096, 512)]
    public void A_table_for_blocks_of_another_size_is_no_table_but_told_of(int blockSize, int other)
    {
        ImageDisk disk = new ImageDisk(Blocks, other).PutGuidTable(new GuidEntry(0, 40, 99));
        var shown = new ImageDisk(Blocks * other / blockSize, blockSize);
        disk.Content.CopyTo(shown.Content, 0);

        PartitionTable table = shown.ReadTable();

        Assert.That(table.Partitions, Is.Empty);
        Assert.That(table.Notes, Is.EqualTo(new[]
        {
            "the primary header is missing", "the backup header is missing",
            $"there is a table for a disk with blocks of {other} bytes",
        }));
    }

    [Test]
    public void Where_neither_can_be_read_the_device_is_to_blame()
    {
        ImageDisk disk = new ImageDisk(Blocks).PutGuidTable(new GuidEntry(0, 40, 99));
        disk.BadBlock = 1;
        disk.Content[^450] ^= 1;

        PartitionTable table = disk.ReadTable();

        Assert.That(table.Failure, Is.EqualTo(ImageDisk.Trouble));
        Assert.That(
            table.Notes, Is.EqualTo(new[] { "the primary table cannot be read", "the backup header is damaged" }));
    }

    [TestCase(1024, "entries are damaged")]
    [TestCase(1025, "header makes no sense")]
    public void More_entries_than_any_disk_has_are_not_read(int count, string damage)
    {
        ImageDisk disk = new ImageDisk(1024).PutGuidTable(new GuidEntry(0, 40, 99));
        disk.Put32(512 + 80, (uint)count).SumHeader(1);

        Assert.That(disk.ReadTable().Notes[0], Does.Contain(damage));
    }

    // The checksums are right: somebody means it.
    [TestCase(0u, 4u, 2UL, TestName = "no size")]
    [TestCase(64u, 4u, 2UL, TestName = "a size too small")]
    [TestCase(136u, 4u, 2UL, TestName = "an odd size")]
    [TestCase(8192u, 4u, 2UL, TestName = "a size too large")]
    [TestCase(128u, uint.MaxValue, 2UL, TestName = "no end")]
    [TestCase(4096u, 1024u, 2UL, TestName = "an end beyond the disk")]
    [TestCase(128u, 4u, 0UL, TestName = "the boot record's place")]
    [TestCase(128u, 4u, 512UL, TestName = "a place beyond the disk")]
    [TestCase(128u, 4u, ulong.MaxValue, TestName = "a place that wraps")]
    public void A_header_makes_no_sense_whose_entries_have(uint length, uint count, ulong place)
    {
        ImageDisk disk = new ImageDisk(Blocks).PutGuidTable(new GuidEntry(0, 40, 99));
        disk.Put64(512 + 72, place).Put32(512 + 80, count).Put32(512 + 84, length).SumHeader(1);

        PartitionTable table = disk.ReadTable();

        Assert.That(table.Notes, Is.EqualTo(new[] { "the primary header makes no sense, the backup is used" }));
        Assert.That(disk.Reads, Is.LessThan(40));
    }

    [TestCase(99UL, 40UL, "partition 1 has no sectors")]
    [TestCase(0UL, 4UL, "partition 1 begins where the table is")]
    [TestCase(40UL, 512UL, "partition 1 reaches beyond the disk")]
    [TestCase(0UL, ulong.MaxValue, "partition 1 begins where the table is")]
    [TestCase(1UL, ulong.MaxValue, "partition 1 reaches beyond the disk")]
    [TestCase(ulong.MaxValue, ulong.MaxValue, "partition 1 reaches beyond the disk")]
    public void A_partition_that_is_not_on_the_disk_is_left_out(ulong first, ulong last, string note)
    {
        PartitionTable table =
            new ImageDisk(Blocks).PutGuidTable(new GuidEntry(0, first, last), new GuidEntry(1, 40, 49)).ReadTable();

        Assert.That(Describe(table), Is.EqualTo(new[] { "2: 40+10 Linux filesystem \"\"" }));
        Assert.That(table.Notes, Is.EqualTo(new[] { note }));
    }

    [Test]
    public void A_hybrid_record_is_told_of_and_its_other_partitions_are_not_used()
    {
        PartitionTable table = new ImageDisk(Blocks)
            .PutGuidTable(new GuidEntry(0, 40, 99)).PutEntry(0, 0x0C, 40, 10).PutEntry(3, 0xEE, 1, 39).ReadTable();

        Assert.That(table.Partitions, Has.Count.EqualTo(1));
        Assert.That(table.Partitions[0].SectorCount, Is.EqualTo(60));
        Assert.That(table.Notes, Has.Count.EqualTo(1).And.All.StartsWith("the master boot record lists partitions"));
    }

    private static string[] Describe(PartitionTable table) =>
        [.. table.Partitions.Select(each => $"{each.Number}: {each.FirstSector}+{each.SectorCount} {each.Type}"
            + $" \"{each.Name}\"" + (each.IsBootable ? " bootable" : ""))];
}
