using NUnit.Framework;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Volumes.Tests;

namespace VirtioGuest.Commands.Tests;

/// <summary><c>parts</c>: tables and contents as people read them.</summary>
[TestFixture]
internal sealed class PartitionCommandTests
{
    private const int Sectors = 4096;

    [Test]
    public void A_GUID_table_is_shown_with_names_types_and_contents()
    {
        FakeSectorDevice disk = Disk("disk0", new ImageDisk(Sectors)
            .PutGuidTable(new GuidEntry(0, 2048, 3071, "root"), new GuidEntry(4, 3072, 4000, "", 4))
            .Put16((2048 * 512) + 1024 + 56, 0xEF53).Put32((2048 * 512) + 1024 + 4, 512)
            .PutText((2048 * 512) + 1024 + 120, "data").PutUuid((2048 * 512) + 1024 + 104));

        const string Uuid = "00010203-0405-0607-0809-0a0b0c0d0e0f";
        const string Content = $"ext2 \"data\", 512 KiB in blocks of 1024 bytes, ID {Uuid}";
        Assert.That(new CommandBench(disk).Run("parts"), Is.EqualTo(
            $"""
            disk0: GUID partition table, 2 partitions
            disk0p1: sectors 2048 to 3071 (512 KiB), Linux filesystem "root", {Content}
            disk0p5: sectors 3072 to 4000 (464.5 KiB), Linux filesystem, bootable, empty (zeroes)
            """));
    }

    [Test]
    public void What_is_wrong_is_told_below_the_table()
    {
        ImageDisk image = new ImageDisk(Sectors).PutGuidTable(new GuidEntry(0, 2048, 2048), new GuidEntry(1, 40, 9999));
        image.Content[1024 + 56] ^= 1;
        image.Put32((2048 * 512) + 1, 1);

        Assert.That(new CommandBench(Disk("disk0", image)).Run("parts 0"), Is.EqualTo(
            """
            disk0: GUID partition table, 1 partition
            disk0: partition 2 reaches beyond the disk
            disk0: the primary entries are damaged, the backup is used
            disk0p1: sectors 2048 to 2048 (512 bytes), Linux filesystem, unknown
            """));
    }

    [Test]
    public void A_file_system_larger_than_its_place_is_told_of()
    {
        FakeSectorDevice disk = Disk("disk0", new ImageDisk(Sectors)
            .PutText(1024 + 120, "data").Put16(1024 + 56, 0xEF53).Put32(1024 + 4, 2049));
        Assert.That(
            new CommandBench(disk).Run("parts"),
            Does.StartWith("disk0: no partition table, ext2 \"data\", 2.0 MiB in blocks of 1024 bytes, more than there "
                + "is room for"));
    }

    [Test]
    public void Disks_without_a_table_show_what_they_have_as_a_whole_and_others_follow_one_that_fails()
    {
        FakeSectorDevice bad = Disk("disk1", new ImageDisk(Sectors));
        bad.UnreadableSector = 0;
        CommandBench bench = Bench(
            Disk("disk0", new ImageDisk(Sectors)),
            bad,
            Disk("disk2", new ImageDisk(Sectors).PutEntry(0, 0x0C, 2048, 100, status: 0x80)),
            Disk("disk3", new ImageDisk(Sectors).PutBootSignature()),
            new FakeSectorDevice(0, "disk4"));

        Assert.That(bench.Run("parts"), Is.EqualTo(
            """
            disk0: no partition table, empty (zeroes)
            disk1: the device is in trouble
            disk2: master boot record, 1 partition
            disk2p1: sectors 2048 to 2147 (50 KiB), FAT32 (LBA), bootable, empty (zeroes)
            disk3: master boot record, no partitions
            disk4: no sectors
            error: not read in full: disk1
            """));
        Assert.That(bench.Run("parts 2"), Does.StartWith("disk2: ").And.Not.Contain("disk0"));
    }

    [Test]
    public void A_partition_that_cannot_be_read_says_so_in_its_line()
    {
        FakeSectorDevice disk = Disk(
            "disk0", new ImageDisk(Sectors).PutEntry(0, 0x83, 2048, 100).PutEntry(1, 0x83, 3000, 100));
        disk.UnreadableSector = 2048;
        Assert.That(new CommandBench(disk).Run("parts"), Is.EqualTo(
            """
            disk0: master boot record, 2 partitions
            disk0p1: sectors 2048 to 2147 (50 KiB), Linux, not readable: the device is in trouble
            disk0p2: sectors 3000 to 3099 (50 KiB), Linux, empty (zeroes)
            error: not read in full: disk0
            """));
    }

    [Test]
    public void A_disk_of_large_blocks_is_read_in_them()
    {
        FakeSectorDevice disk = Disk("disk0", new ImageDisk(Sectors / 8, 4096).PutGuidTable(new GuidEntry(0, 40, 41)));
        disk.Block = 4096;
        Assert.That(
            new CommandBench(disk).Run("parts"), Does.EndWith("disk0p1: sectors 320 to 335 (8 KiB), Linux filesystem, "
            + "empty (zeroes)"));
    }

    [TestCase("parts x", "usage: parts [D]")]
    [TestCase("parts 0 0", "usage: parts [D]")]
    [TestCase("parts 1", "error: there is no disk1")]
    public void Wrong_arguments_are_told(string command, string answer) =>
        Assert.That(new CommandBench(new FakeSectorDevice(8)).Run(command), Is.EqualTo(answer));

    [Test]
    public void Without_disks_there_are_no_partitions() =>
        Assert.That(new CommandBench().Run("parts"), Is.EqualTo("no disks"));

    [Test]
    public void An_interrupted_list_ends_between_partitions()
    {
        CommandBench bench = Bench(
            Disk("disk0", new ImageDisk(Sectors).PutEntry(0, 0x83, 8, 1).PutEntry(1, 0x83, 9, 1)));
        bench.System.LooksUntilInterrupt = 3;
        Assert.That(
            bench.Run("parts"),
            Does.Contain("disk0p1").And.Not.Contain("disk0p2").And.EndWith("error: interrupted"));
    }

    private static CommandBench Bench(params SectorDevice[] disks) => new(disks, null, null, []);

    private static FakeSectorDevice Disk(string name, ImageDisk image)
    {
        var disk = new FakeSectorDevice(image.Content.Length / 512, name);
        image.Content.CopyTo(disk.Content, 0);
        return disk;
    }
}
