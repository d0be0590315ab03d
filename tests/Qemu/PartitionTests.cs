using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>Partitions and file systems that the host's programs made, seen and written by the guest.</summary>
public sealed partial class PartitionTests : QemuTest
{
    private const int Mebibyte = 2048;

    private const string Uuid = "12345678-9abc-4def-8123-456789abcdef";

    [TestCaseSource(typeof(GuestKernel), nameof(GuestKernel.All))]
    public void A_GUID_table_and_its_file_systems_are_shown_and_neighbours_are_left_alone(GuestKernel kernel)
    {
        DiskImage disk = NewEmptyDisk(80 * Mebibyte);
        Partition(
            disk,
            """
            label: gpt
            start=2048, size=40MiB, type=uefi, name="boot"
            size=16MiB, type=linux, name="root"
            size=4MiB, type=swap, name="a long name of thirty-six characters"
            size=8MiB, type=linux
            """);
        PutFat32(disk, 2048, 40 * Mebibyte);
        PutExt(disk, 83968 * 512L, 16, "ext4");
        string before = Dump(disk);

        string[] wanted =
        [
            "disk0: GUID partition table, 4 partitions",
            "disk0p1: sectors 2048 to 83967 (40 MiB), EFI system \"boot\", "
                + "FAT32 \"BOOT\", 40 MiB in blocks of 512 bytes, ID 1234-abcd",
            "disk0p2: sectors 83968 to 116735 (16 MiB), Linux filesystem \"root\", "
                + "ext4 \"data\", 16 MiB in blocks of 1024 bytes, ID " + Uuid,
            "disk0p3: sectors 116736 to 124927 (4 MiB), Linux swap \"a long name of thirty-six characters\", "
                + "empty (zeroes)",
            "disk0p4: sectors 124928 to 141311 (8 MiB), Linux filesystem, empty (zeroes)",
        ];
        Transcript transcript = Run(
            kernel.Machine.WithDisk(disk),
            "parts; blk 0 fill 124928 16384 7; blk 0 fill 116736 8192 8; parts 0; parts 1; parts x; exit",
            QemuGuest.Failure);

        Assert.That(transcript.OutputOf("parts"), Is.EqualTo(wanted));
        Assert.That(transcript.OutputOf("parts 0").Take(3), Is.EqualTo(wanted[..3]));
        Assert.That(transcript.OutputOf("parts 0")[3], Does.EndWith(", unknown"));
        Assert.That(transcript.TextOf("parts 1"), Is.EqualTo("error: there is no disk1"));
        Assert.That(transcript.TextOf("parts x"), Is.EqualTo("usage: parts [D]"));
        Assert.That(Starts(before), Is.EqualTo(new[] { 2048, 83968, 116736, 124928 }));
        Assert.That(Dump(disk), Is.EqualTo(before));
        Assert.That(disk.Read(124928, 16384), Is.EqualTo(SectorPattern.Make(124928, 16384, 7)));
        Assert.That(disk.Read(141312, 1), Is.All.Zero);
        CheckExt(disk, 83968, 16);
        Assert.That(
            Tool.Run("mdir", "mtools", "-b", "-i", $"{disk.Path}@@{2048 * 512}", "::"), Does.Contain("HELLO.TXT"));
    }

    [Test]
    public void Logical_partitions_are_shown_and_one_that_is_zeroed_leaves_the_others_as_they_were()
    {
        DiskImage disk = NewEmptyDisk(64 * Mebibyte);
        Partition(
            disk,
            """
            label: dos
            d1: start=2048, size=8MiB, type=c, bootable
            d2: start=18432, size=50MiB, type=5
            d5: start=20480, size=8MiB, type=83
            d6: start=40960, size=16MiB, type=83
            d7: start=81920, size=8MiB, type=82
            """);
        int[] starts = Starts(Dump(disk));
        PutExt(disk, starts[2] * 512L, 8, "ext2");
        PutExt(disk, starts[3] * 512L, 16, "ext3");

        Transcript transcript = Run(
            new GuestOptions().WithDisk(new DiskOptions(disk.Path) { IsPacked = false }),
            $"parts; blk 0 zero {starts[2]} {8 * Mebibyte}; parts; exit");

        string[] shown = [.. transcript.OutputOf("parts")];
        Assert.That(shown[0], Is.EqualTo("disk0: master boot record, 4 partitions"));
        Assert.That(
            shown.Skip(1).Select(line => Number(FirstSector().Match(line))),
            Is.EqualTo(new[] { starts[0], starts[2], starts[3], starts[4] }));
        Assert.That(shown[1], Does.StartWith("disk0p1: ").And.EndWith("FAT32 (LBA), bootable, empty (zeroes)"));
        Assert.That(shown[2], Does.StartWith("disk0p5: ").And.Contain("Linux, ext2 \"data\", 8 MiB in blocks"));
        Assert.That(shown[3], Does.StartWith("disk0p6: ").And.Contain("Linux, ext3 \"data\", 16 MiB in blocks"));
        Assert.That(shown[4], Does.StartWith("disk0p7: ").And.EndWith("Linux swap, empty (zeroes)"));
        Assert.That(transcript.OutputOf("parts", 1)[2], Does.EndWith("Linux, empty (zeroes)"));
        Assert.That(disk.Read(starts[2], 8 * Mebibyte), Is.All.Zero);
        Assert.That(Starts(Dump(disk)), Is.EqualTo(starts));
        CheckExt(disk, starts[3], 16);
    }

    [Test]
    public void A_table_in_blocks_of_4096_bytes_is_shown_in_sectors()
    {
        DiskImage disk = NewEmptyDisk(64 * Mebibyte);

        // sfdisk takes files for disks of 512-byte blocks, fdisk can be told.
        Tool.RunWith(
            "g\nn\n1\n256\n+16M\nn\n2\n\n+8M\nw\n", "/sbin/fdisk", "fdisk", "--sector-size", "4096", disk.Path);
        PutExt(disk, 1024 * 1024, 16, "ext4", "-b", "4096");

        Transcript transcript = Run(
            new GuestOptions().WithDisk(new DiskOptions(disk.Path)
            {
                Properties = "logical_block_size=4096,physical_block_size=4096",
            }),
            $"disks; parts; blk 0 zero {17 * Mebibyte} {8 * Mebibyte}; exit");

        Assert.That(transcript.OutputOf("parts"), Is.EqualTo(new[]
        {
            "disk0: GUID partition table, 2 partitions",
            "disk0p1: sectors 2048 to 34815 (16 MiB), Linux filesystem, "
                + "ext4 \"data\", 16 MiB in blocks of 4096 bytes, ID " + Uuid,
            "disk0p2: sectors 34816 to 51199 (8 MiB), Linux filesystem, empty (zeroes)",
        }));
        CheckExt(disk, 2048, 16);
        Assert.That(
            Tool.Run("/sbin/fdisk", "fdisk", "--sector-size", "4096", "--list", "-o", "Start,Sectors", disk.Path),
            Does.Match(@"\n\s*256\s+4096\s*\n\s*4352\s+2048\s*\n"));
    }

    [Test]
    public void A_damaged_table_is_told_of_and_a_disk_without_one_is_shown_as_a_whole()
    {
        DiskImage damaged = NewEmptyDisk(8 * Mebibyte);
        Partition(damaged, "label: gpt\nstart=2048, size=2MiB, type=linux, name=\"kept\"\n");
        damaged.Corrupt(512 + 40);
        DiskImage lost = NewEmptyDisk(8 * Mebibyte);
        Partition(lost, "label: gpt\nstart=2048, size=2MiB, type=linux\n");
        lost.Corrupt(512 + 40);
        lost.Corrupt(((lost.Sectors - 1) * 512) + 40);
        DiskImage whole = NewEmptyDisk(8 * Mebibyte);
        PutExt(whole, 0, 8, "ext4");

        Transcript transcript = Run(
            new GuestOptions().WithDisk(damaged).WithDisk(lost).WithDisk(whole).WithDisk(NewEmptyDisk(8)),
            "parts; exit");

        Assert.That(transcript.OutputOf("parts"), Is.EqualTo(new[]
        {
            "disk0: GUID partition table, 1 partition",
            "disk0: the primary header is damaged, the backup is used",
            "disk0p1: sectors 2048 to 6143 (2 MiB), Linux filesystem \"kept\", empty (zeroes)",
            "disk1: GUID partition table, no partitions",
            "disk1: the primary header is damaged",
            "disk1: the backup header is damaged",
            "disk2: no partition table, ext4 \"data\", 8 MiB in blocks of 1024 bytes, ID " + Uuid,
            "disk3: no partition table, empty (zeroes)",
        }));
    }

    private static void Partition(DiskImage disk, string script) =>
        Tool.RunWith(script, "/sbin/sfdisk", "fdisk", "--quiet", "--no-reread", disk.Path);

    private static string Dump(DiskImage disk) => Tool.Run("/sbin/sfdisk", "fdisk", "--dump", disk.Path);

    private static int[] Starts(string dump) =>
        [.. DumpedStart().Matches(dump).Select(Number)];

    private static int Number(Match match) => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);

    private void PutFat32(DiskImage disk, long start, int sectors)
    {
        string text = Path.Combine(Folder, "hello.txt");
        File.WriteAllText(text, "hello\n");
        string place = $"{disk.Path}@@{start * 512}";
        Tool.Run(
            "mformat", "mtools", "-i", place, "-F", "-c", "1", "-T", $"{sectors}", "-h", "64", "-s", "32", "-v", "BOOT",
            "-N", "1234ABCD", "::");
        Tool.Run("mcopy", "mtools", "-i", place, text, "::HELLO.TXT");
    }

    private static void PutExt(DiskImage disk, long offset, int mebibytes, string type, params string[] more) =>
        Tool.Run(
            "/sbin/mke2fs", "e2fsprogs",
            [
                "-q", "-F", "-t", type, "-L", "data", "-U", Uuid, "-E", $"offset={offset}", .. more, disk.Path,
                $"{mebibytes}M",
            ]);

    /// <summary>Has the host's program look for anything that is not as a file system should be.</summary>
    private void CheckExt(DiskImage disk, int start, int mebibytes)
    {
        string part = Path.Combine(Folder, "part.img");
        File.WriteAllBytes(part, disk.Read(start, mebibytes * Mebibyte));
        Tool.Run("/sbin/e2fsck", "e2fsprogs", "-f", "-n", part);
    }

    [GeneratedRegex(@"start=\s*(\d+)")]
    private static partial Regex DumpedStart();

    [GeneratedRegex(@"sectors (\d+) to")]
    private static partial Regex FirstSector();
}
