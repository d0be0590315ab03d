using System;
using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Hal;

namespace VirtioGuest.Volumes.Tests;

/// <summary>
/// What holds for every disk that was sound before somebody changed a few bytes, some of them with sums made right
/// again. A failure prints the seed and the smallest list of changes.
/// </summary>
[TestFixture]
internal sealed class MutationTests
{
    private const int Blocks = 512;
    private const int Longest = 2 * 1024 * 1024;

    private static readonly int[] s_valuesOfInterest = [0, 1, 2, 4, 5, 0x0F, 0x10, 0x7F, 0x80, 0x83, 0xEE, 0xFE, 0xFF];

    [Test]
    public void A_changed_GUID_table_gives_partitions_on_the_disk_in_bounded_time() =>
        Prop.ForAll(Changes(PlacesOfGuidTable), Resummed(), (changes, isSummed) =>
        {
            ImageDisk disk = new ImageDisk(Blocks).PutGuidTable(
                new GuidEntry(0, 40, 99, "root"), new GuidEntry(1, 100, 199), new GuidEntry(127, 200, 300, "last"));
            Apply(disk, changes);
            if (isSummed)
            {
                disk.SumHeader(1).SumHeader(Blocks - 1);
            }

            CheckTable(disk, mostReads: 3 * Blocks);
        }).Check(Many);

    [Test]
    public void A_changed_chain_of_records_gives_partitions_on_the_disk_in_bounded_time() =>
        Prop.ForAll(Changes(PlacesOfRecords), changes =>
        {
            ImageDisk disk = new ImageDisk(Blocks)
                .PutEntry(0, 0x83, 8, 92).PutEntry(1, 0x05, 100, 100).PutEntry(2, 0x0F, 300, 200)
                .PutEntry(0, 0x82, 10, 20, block: 100).PutEntry(1, 0x05, 50, 50, block: 100)
                .PutEntry(0, 0x07, 10, 30, block: 150).PutEntry(0, 0x07, 10, 30, block: 300);
            Apply(disk, changes);
            CheckTable(disk, mostReads: 129);
        }).Check(Many);

    [TestCaseSource(typeof(SoundVolumes), nameof(SoundVolumes.All))]
    public void A_changed_volume_is_something_or_other_in_bounded_time(SoundVolume volume)
    {
        Assert.That(volume.Make().Recognise().Format, Is.EqualTo(volume.Format));

        Prop.ForAll(Changes(volume.Places), changes =>
        {
            ImageDisk disk = volume.Make();
            Apply(disk, changes);
            CheckContent(disk, 0, disk.SectorCount);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(400));
    }

    private static Config Many => Config.QuickThrowOnFailure.WithMaxTest(2000);

    private static int[] PlacesOfGuidTable =>
    [
        .. Enumerable.Range(446, 66), .. Enumerable.Range(512, 92), .. Enumerable.Range(1024, 256),
        .. Enumerable.Range((Blocks - 1) * 512, 92), .. Enumerable.Range((Blocks - 33) * 512, 256),
    ];

    private static int[] PlacesOfRecords =>
    [
        .. Enumerable.Range(446, 66), .. Enumerable.Range((100 * 512) + 446, 66),
        .. Enumerable.Range((150 * 512) + 446, 66), .. Enumerable.Range((300 * 512) + 446, 66),
    ];

    private static Arbitrary<bool> Resummed() => ArbMap.Default.ArbFor<bool>();

    /// <summary>Changes as numbers, so that they shrink: which place, and which value.</summary>
    private static Arbitrary<Change[]> Changes(int[] places)
    {
        Gen<int> value = Gen.OneOf(Gen.Elements(s_valuesOfInterest), Gen.Choose(0, 255));
        Gen<Change> change = from place in Gen.Elements(places) from to in value select new Change(place, (byte)to);
        return Arb.From(
            change.NonEmptyListOf().Select(list => list.ToArray()),
            changes => changes.Length == 1 ? [] : Enumerable.Range(0, changes.Length)
                .Select(without => changes.Where((_, index) => index != without).ToArray()));
    }

    private static void Apply(ImageDisk disk, Change[] changes)
    {
        foreach (Change change in changes)
        {
            disk.Content[change.Place] = change.Value;
        }
    }

    private static void CheckTable(ImageDisk disk, int mostReads)
    {
        PartitionTable table = disk.ReadTable();

        Require(table.Failure is null, "a disk that is read without a failure has none");
        Require(disk.Reads <= mostReads, $"{disk.Reads} reads");
        Require(table.Notes.Count <= 8, $"{table.Notes.Count} notes");
        foreach (Partition partition in table.Partitions)
        {
            Require(
                partition.FirstSector > 0 && partition.SectorCount > 0 && partition.FirstSector < disk.SectorCount
                && partition.SectorCount <= disk.SectorCount - partition.FirstSector,
                $"a partition of {partition.SectorCount} sectors from {partition.FirstSector}");
            Require(partition.Name.All(each => each is >= ' ' and <= '~'), partition.Name);
            CheckContent(disk, partition.FirstSector, partition.SectorCount);
        }
    }

    private static void CheckContent(ImageDisk disk, ulong first, ulong count)
    {
        int before = disk.Reads;
        VolumeContent content = VolumeContent.Recognise(disk, first, count, disk.Block, out Failure? failure);

        Require(failure is null, "a disk that is read without a failure has none");
        Require(disk.Reads - before <= 40, $"{disk.Reads - before} reads");
        Require((content.Label + content.Id + content.Format).All(each => each is >= ' ' and <= '~'), content.Label);
        Require(content.BlockSize <= 256 * Longest, $"blocks of {content.BlockSize} bytes");
    }

    private static void Require(bool condition, string what)
    {
        if (!condition)
        {
            throw new InvalidOperationException(what);
        }
    }

    private sealed record Change(int Place, byte Value);
}

/// <summary>A sound volume of each format, and the places of it that are worth changing.</summary>
internal static class SoundVolumes
{
    public static SoundVolume[] All =>
    [
        new("ext2", 1024, 352, disk => disk.Put16(1024 + 56, 0xEF53).Put32(1024 + 4, 256).PutText(1024 + 120, "data")),
        new("FAT12", 0, 512, disk => Fat.Put(disk, 0, 512)),
        new("FAT32", 0, 512, disk => Fat.Put(disk, 0, 70_000, table: 500, isWide: true)),
        new("exFAT", 0, 512, disk => disk
            .PutText(3, "EXFAT   ").PutBootSignature().Put64(72, 512).Put8(108, 9, 3)),
        new("NTFS", 0, 512, disk => disk
            .PutText(3, "NTFS    ").PutBootSignature().Put16(11, 512).Put8(13, 8).Put64(40, 511)),
        new("Linux swap", 1024, 80, disk => disk
            .PutText(4086, "SWAPSPACE2").Put32(1024, 1).Put32(1028, 15).PutText(1052, "swap")),
        new("ISO 9660", 32768, 136, disk => disk
            .Put8(32768, 1).PutText(32769, "CD001").Put32(32768 + 80, 100).Put16(32768 + 128, 2048)),
        new("XFS", 0, 120, disk => disk.PutText(0, "XFSB").Put8(6, 0x10).Put8(14, 1).PutText(108, "big")),
        new("Btrfs", 65536, 512, disk => disk.PutText(65536 + 64, "_BHRfS_M").Put32(65536 + 144, 4096)),
        new("LUKS2", 0, 210, disk => disk.PutText(0, "LUKS\u00BA\u00BE").Put8(7, 2).PutText(24, "secret")),
        new("LVM2 physical volume", 512, 512, disk => disk
            .PutText(512, "LABELONE").Put32(532, 32).PutText(536, "LVM2 001").PutText(544, new string('a', 32))),
    ];
}

/// <summary>A way to make a sound volume on a disk of 512 blocks.</summary>
internal sealed record SoundVolume(string Format, int From, int Length, Func<ImageDisk, ImageDisk> Put)
{
    public int[] Places => [.. Enumerable.Range(From, Length)];

    public ImageDisk Make() => Put(new ImageDisk(512));

    public override string ToString() => Format;
}
