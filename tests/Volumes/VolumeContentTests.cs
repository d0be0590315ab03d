using System;
using NUnit.Framework;
using VirtioGuest.Hal;

namespace VirtioGuest.Volumes.Tests;

/// <summary>What is in a partition or on a disk, by hand-made superblocks.</summary>
[TestFixture]
internal sealed class VolumeContentTests
{
    private const string Uuid = "00010203-0405-0607-0809-0a0b0c0d0e0f";

    // 4096 sectors of 512 bytes, and the partition begins with the second MiB.
    private const ulong First = 2048;
    private const ulong Count = 2048;
    private const int Start = 2048 * 512;

    // Compatible, incompatible and read-only features as mke2fs -t ext2, ext3 and ext4 sets them.
    [TestCase("ext2", 0x38u, 0x2u, 0x3u)]
    [TestCase("ext3", 0x3Cu, 0x2u, 0x3u)]
    [TestCase("ext3", 0x3Cu, 0x6u, 0x3u)]
    [TestCase("ext4", 0x3Cu, 0x2C2u, 0x46Bu)]
    [TestCase("ext4", 0x3Cu, 0x42u, 0x3u)]
    [TestCase("ext4", 0x38u, 0x2u, 0x403u)]
    [TestCase("ext journal", 0x0u, 0x8u, 0x0u)]
    public void Ext_file_systems_are_told_apart_by_their_features(string format, uint usual, uint hard, uint reading)
    {
        VolumeContent content = Recognise(disk => PutExt(disk)
            .Put32(Start + 1024 + 92, usual).Put32(Start + 1024 + 96, hard).Put32(Start + 1024 + 100, reading));

        Check(content, format, "data", Uuid, 4096, 256 * 4096);
    }

    [Test]
    public void An_ext4_of_more_blocks_than_32_bits_count_has_them_all()
    {
        ImageDisk disk = PutExt(New()).Put32(Start + 1024 + 96, 0x82).Put32(Start + 1024 + 336, 1);
        Assert.That(Recognise(disk).Size, Is.EqualTo((256 + (1UL << 32)) * 4096));
        disk.Put32(Start + 1024 + 96, 0x2);
        Assert.That(Recognise(disk).Size, Is.EqualTo(256 * 4096), "the field is something else without the feature");
    }

    [Test]
    public void An_ext_block_size_that_there_is_not_is_no_ext() =>
        Assert.That(Recognise(disk => PutExt(disk).Put32(Start + 1024 + 24, 7)).Format, Is.EqualTo("unknown"));

    // 1 reserved sector, two tables of 16 sectors and 32 sectors of root directory; a sector is a cluster.
    [TestCase("FAT12", 65 + 4084)]
    [TestCase("FAT16", 65 + 4085)]
    [TestCase("FAT16", 65 + 65524)]
    [TestCase("FAT32", 65 + 65525)]
    public void A_FAT_is_what_its_number_of_clusters_makes_it(string format, int total)
    {
        VolumeContent content = Recognise(disk => Fat.Put(disk, (long)First, (uint)total, table: 16));
        Check(content, format, "BOOT", "1234-abcd", 512, (ulong)total * 512);
    }

    [Test]
    public void A_FAT32_has_its_label_where_it_belongs()
    {
        VolumeContent content = Recognise(disk => Fat.Put(disk, (long)First, 70_000, table: 500, isWide: true));
        Check(content, "FAT32", "BOOT", "1234-abcd", 512, 70_000 * 512UL);
        content = Recognise(disk => Fat.Put(disk, (long)First, 70_000, table: 500, isWide: true)
            .PutText(Start + 71, "NO NAME    "));
        Check(content, "FAT32", "", "1234-abcd", 512, 70_000 * 512UL);
    }

    [Test]
    public void A_FAT_from_before_labels_has_none()
    {
        VolumeContent content = Recognise(disk => Fat.Put(disk, (long)First, 2048).Put8(Start + 38, 0));
        Check(content, "FAT12", "", "", 512, 2048 * 512);
    }

    [TestCase(0, 0x00, TestName = "no jump")]
    [TestCase(12, 0x00, TestName = "sectors of 0 bytes")]
    [TestCase(12, 0x03, TestName = "sectors of no power of two")]
    [TestCase(13, 0x00, TestName = "clusters of nothing")]
    [TestCase(13, 0x03, TestName = "clusters of no power of two")]
    [TestCase(14, 0x00, TestName = "no reserved sectors")]
    [TestCase(16, 0x00, TestName = "no table")]
    [TestCase(22, 0x00, TestName = "a table of no sectors")]
    [TestCase(21, 0x12, TestName = "no medium")]
    [TestCase(33, 0x00, TestName = "no room for clusters")]
    [TestCase(510, 0x00, TestName = "no signature")]
    public void It_is_no_FAT_with(int offset, int value) =>
        Assert.That(
            Recognise(disk => Fat.Put(disk, (long)First, 256).Put8(Start + offset, (byte)value)).Format,
            Is.EqualTo("unknown"));

    [Test]
    public void ExFAT_and_NTFS_say_what_they_are()
    {
        VolumeContent content = Recognise(disk => disk
            .Put8(Start, 0xEB, 0x76, 0x90).PutText(Start + 3, "EXFAT   ").Put16(Start + 510, 0xAA55)
            .Put64(Start + 72, 2048).Put32(Start + 100, 0xDEADBEEF).Put8(Start + 108, 9, 3));
        Check(content, "exFAT", "", "dead-beef", 4096, 2048 * 512);

        content = Recognise(disk => disk
            .Put8(Start, 0xEB, 0x52, 0x90).PutText(Start + 3, "NTFS    ").Put16(Start + 510, 0xAA55)
            .Put16(Start + 11, 512).Put8(Start + 13, 8).Put64(Start + 40, 2047).Put64(Start + 72, 0xABC));
        Check(content, "NTFS", "", "0000000000000abc", 4096, 2047 * 512);
    }

    [TestCase(0xF4, 4096u * 512)]
    [TestCase(0xE0, 0u)]
    [TestCase(0x03, 0u)]
    public void NTFS_may_give_the_size_of_its_clusters_as_a_power(int value, uint blockSize)
    {
        VolumeContent content = Recognise(disk => disk
            .PutText(Start + 3, "NTFS    ").Put16(Start + 510, 0xAA55).Put16(Start + 11, 512)
            .Put8(Start + 13, (byte)value).Put64(Start + 40, ulong.MaxValue));
        Assert.That(content.Format, Is.EqualTo(blockSize == 0 ? "unknown" : "NTFS"));
        Assert.That(content.BlockSize, Is.EqualTo(blockSize));
        Assert.That(content.Size, Is.EqualTo(blockSize == 0 ? 0 : ulong.MaxValue), "more than can be counted");
    }

    [TestCase(4096)]
    [TestCase(8192)]
    [TestCase(16384)]
    [TestCase(65536)]
    public void Swap_is_known_by_the_end_of_its_first_page(int page)
    {
        VolumeContent content = Recognise(disk => disk
            .PutText(Start + page - 10, "SWAPSPACE2").Put32(Start + 1024, 1).Put32(Start + 1028, 15)
            .PutUuid(Start + 1036).PutText(Start + 1052, "swap"));
        Check(content, "Linux swap", "swap", Uuid, (ulong)page, 16 * (ulong)page);
    }

    [TestCase(1024, 2)]
    [TestCase(32768, 2)]
    [TestCase(32768 + 128, 3)]
    [TestCase(32768 + 5, 0)]
    [TestCase(4090, 0)]
    public void A_version_or_a_size_that_there_is_not_is_no_format(int offset, int value) =>
        Assert.That(
            Recognise(disk => (offset >= 32768
                ? disk.Put8(Start + 32768, 1).PutText(Start + 32769, "CD001").Put16(Start + 32768 + 128, 2048)
                : disk.PutText(Start + 4086, "SWAPSPACE2").Put32(Start + 1024, 1)).Put8(Start + offset, (byte)value))
                .Format,
            Is.EqualTo("unknown"));

    [Test]
    public void An_image_of_a_CD_is_known_by_its_sixteenth_sector()
    {
        VolumeContent content = Recognise(disk => disk
            .Put8(Start + 32768, 1).PutText(Start + 32769, "CD001").PutText(Start + 32808, "TOOLS   ")
            .Put32(Start + 32768 + 80, 512).Put16(Start + 32768 + 128, 2048));
        Check(content, "ISO 9660", "TOOLS", "", 2048, 1 << 20);
    }

    [Test]
    public void XFS_has_its_highest_bytes_first()
    {
        VolumeContent content = Recognise(disk => disk
            .PutText(Start, "XFSB").Put8(Start + 4, 0, 0, 0x10, 0).Put8(Start + 14, 1, 0)
            .PutUuid(Start + 32).PutText(Start + 108, "big"));
        Check(content, "XFS", "big", Uuid, 4096, 1 << 20);
    }

    [Test]
    public void Btrfs_is_known_by_its_64th_kibibyte()
    {
        VolumeContent content = Recognise(disk => disk
            .PutUuid(Start + 65536 + 32).PutText(Start + 65536 + 64, "_BHRfS_M").Put32(Start + 65536 + 144, 4096)
            .Put64(Start + 65536 + 209, 1 << 20).PutText(Start + 65536 + 299, "pool"));
        Check(content, "Btrfs", "pool", Uuid, 4096, 1 << 20);
    }

    [TestCase(1, "LUKS1", "")]
    [TestCase(2, "LUKS2", "secret")]
    [TestCase(3, "unknown", "")]
    public void LUKS_says_its_version(int version, string format, string label)
    {
        VolumeContent content = Recognise(disk => disk
            .PutText(Start, "LUKS\u00BA\u00BE").Put8(Start + 7, (byte)version).PutText(Start + 24, "secret")
            .PutText(Start + 168, Uuid));
        Check(content, format, label, format == "unknown" ? "" : Uuid, 0, 0);
    }

    [TestCase(0)]
    [TestCase(512)]
    [TestCase(1024)]
    [TestCase(1536)]
    public void A_physical_volume_has_a_label_in_one_of_its_first_four_sectors(int sector)
    {
        VolumeContent content = Recognise(disk => disk
            .PutText(Start + sector, "LABELONE").Put32(Start + sector + 20, 32).PutText(Start + sector + 24, "LVM2 001")
            .PutText(Start + sector + 32, "abcdefghijklmnopqrstuvwxyz012345").Put64(Start + sector + 64, 1 << 20));
        Check(content, "LVM2 physical volume", "", "abcdef-ghij-klmn-opqr-stuv-wxyz-012345", 0, 1 << 20);
    }

    [TestCase(473u)]
    [TestCase(uint.MaxValue)]
    public void A_physical_volume_whose_header_is_elsewhere_is_none(uint header) =>
        Assert.That(
            Recognise(disk => disk.PutText(Start + 512, "LABELONE").Put32(Start + 532, header)
                .PutText(Start + 536, "LVM2 001")).Format,
            Is.EqualTo("unknown"));

    [Test]
    public void Zeroes_are_empty_and_anything_else_is_unknown()
    {
        Assert.That(Recognise(disk => disk.Put8(Start - 1, 1)).Format, Is.EqualTo("empty (zeroes)"));
        Assert.That(Recognise(disk => disk.Put8(Start + 300, 1)).Format, Is.EqualTo("unknown"));
        Assert.That(Recognise(disk => disk.Put8(Start + 65536 + 1, 1)).Format, Is.EqualTo("unknown"));
    }

    [TestCase(1UL)]
    [TestCase(3UL)]
    [TestCase(100UL)]
    public void What_does_not_lie_in_the_range_is_not_looked_at(ulong count)
    {
        ImageDisk disk = New().PutText(Start + 65536 + 64, "_BHRfS_M").Put32(Start + 65536 + 144, 4096);
        disk.PutText(Start + 4086, "SWAPSPACE2");
        Assert.That(disk.Recognise(First, count).Format, Is.EqualTo(count == 100 ? "unknown" : "empty (zeroes)"));
    }

    [TestCase(512)]
    [TestCase(4096)]
    [TestCase(65536)]
    [TestCase(1 << 20)]
    public void The_size_of_a_block_makes_no_difference(int blockSize)
    {
        var disk = new ImageDisk((4096 * 512) / blockSize, blockSize);
        Check(Recognise(PutExt(disk)), "ext2", "data", Uuid, 4096, 1 << 20);
        Assert.That(disk.Reads, Is.LessThan(20));
    }

    [TestCase(0UL)]
    [TestCase(1UL)]
    [TestCase(2UL)]
    [TestCase(3UL)]
    [TestCase(7UL)]
    [TestCase(64UL)]
    [TestCase(128UL)]
    public void A_range_that_cannot_be_read_says_why(ulong block)
    {
        ImageDisk disk = New();
        disk.BadBlock = First + block;
        VolumeContent.Recognise(disk, First, Count, disk.Block, out Failure? failure);
        Assert.That(failure, Is.EqualTo(ImageDisk.Trouble));
    }

    private static ImageDisk New() => new(4096);

    private static ImageDisk PutExt(ImageDisk disk) => disk
        .Put16(Start + 1024 + 56, 0xEF53).Put32(Start + 1024 + 4, 256).Put32(Start + 1024 + 24, 2)
        .PutUuid(Start + 1024 + 104).PutText(Start + 1024 + 120, "data");

    private static VolumeContent Recognise(ImageDisk disk) => disk.Recognise(First, Count);

    private static VolumeContent Recognise(Func<ImageDisk, ImageDisk> put) => Recognise(put(New()));

    private static void Check(
        VolumeContent content, string format, string label, string id, ulong blockSize, ulong size)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(content.Format, Is.EqualTo(format));
            Assert.That(content.Label, Is.EqualTo(label));
            Assert.That(content.Id, Is.EqualTo(id));
            Assert.That(content.BlockSize, Is.EqualTo(blockSize));
            Assert.That(content.Size, Is.EqualTo(size));
        }
    }
}
