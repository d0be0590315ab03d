using System;
using System.Buffers.Binary;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>A file system of Cosmos on a disk of ours.</summary>
public sealed class CosmosVolumeTests : QemuTest
{
    private const int PartitionStart = 2048;
    private const int PartitionLength = 98304;
    private const int TableStart = PartitionStart + 32;
    private const int TableLength = 756;

    [Test]
    public void Files_are_listed_shown_written_and_deleted_and_the_host_finds_them_so()
    {
        DiskImage disk = NewVolume();
        string hosts = Path.Combine(Folder, "hosts.txt");
        File.WriteAllText(hosts, "a line of the host\n" + new string('x', 3000) + "\nthe end\n");
        Tool.Run("mcopy", "mtools", "-i", Partition(disk), hosts, "::HOSTS.TXT");
        Tool.Run("mcopy", "mtools", "-i", Partition(disk), hosts, "::DOOMED.TXT");

        Transcript transcript = Run(
            GuestKernel.Cosmos.Machine.WithDisk(disk),
            "ls; cat hosts.txt; write note.txt first words; write Note.txt other   words; cat NOTE.TXT; "
            + "rm doomed.txt; ls; cat doomed.txt; cat 9:\\a; rm; exit",
            QemuGuest.Failure);

        Assert.Multiple(() =>
        {
            Assert.That(
                transcript.OutputOf("ls"), Is.EqualTo(new[] { "      3028 HOSTS.TXT", "      3028 DOOMED.TXT" }));
            Assert.That(transcript.TextOf("cat hosts.txt"), Is.EqualTo(File.ReadAllText(hosts).TrimEnd()));
            Assert.That(transcript.TextOf("cat NOTE.TXT"), Is.EqualTo("other words"));
            Assert.That(
                transcript.OutputOf("ls", 1), Is.EqualTo(new[] { "      3028 HOSTS.TXT", "        12 note.txt" }));
            Assert.That(transcript.TextOf("cat doomed.txt"), Does.Match(@"^error: there is no file \d:\\doomed\.txt$"));
            Assert.That(transcript.TextOf("cat 9:\\a"), Does.StartWith("error: there is no file system at 9:\\"));
            Assert.That(transcript.TextOf("rm"), Is.EqualTo("usage: rm FILE"));
        });
        string list = Tool.Run("mdir", "mtools", "-b", "-i", Partition(disk), "::");
        Assert.That(list, Does.Contain("HOSTS.TXT").And.Not.Contain("DOOMED"));
        Assert.That(Tool.Run("mtype", "mtools", "-i", Partition(disk), "::note.txt"), Is.EqualTo("other words\n"));
        Assert.That(UsedEntries(disk), Is.EqualTo(2 + 1 + 6 + 1), "medium, root directory, hosts.txt, note.txt");
    }

    // Cosmos has room for four.
    [Test]
    public void A_disk_with_five_partitions_leaves_the_files_of_another_within_reach()
    {
        DiskImage many = NewEmptyDisk(16384);
        Tool.RunWith(
            "label: gpt\nsize=1MiB\nsize=1MiB\nsize=1MiB\nsize=1MiB\nsize=1MiB\n",
            "/sbin/sfdisk", "fdisk", "--quiet", "--no-reread", many.Path);

        Transcript transcript = Run(
            GuestKernel.Cosmos.Machine.WithDisk(many).WithDisk(NewVolume()),
            "parts 0; write note.txt words; ls; exit", QemuGuest.Success);

        Assert.Multiple(() =>
        {
            Assert.That(transcript.OutputOf("parts 0")[0], Is.EqualTo("disk0: GUID partition table, 5 partitions"));
            Assert.That(transcript.TextOf("ls"), Is.EqualTo("         6 note.txt"));
        });
    }

    // Cosmos' driver would take the number of a cluster for that of a sector.
    [Test]
    public void FAT16_is_shown_and_not_mounted()
    {
        DiskImage disk = NewEmptyDisk(PartitionStart + PartitionLength);
        disk.Write(0, PartitionTable());
        Tool.Run(
            "mformat", "mtools", "-i", Partition(disk),
            "-T", $"{PartitionLength}", "-H", $"{PartitionStart}", "-c", "4", "-v", "TRIAL", "::");

        Transcript transcript = Run(GuestKernel.Cosmos.Machine.WithDisk(disk), "parts; ls; exit", QemuGuest.Failure);

        Assert.Multiple(() =>
        {
            Assert.That(transcript.TextOf("parts"), Does.Contain(", FAT16 \"TRIAL\", "));
            Assert.That(transcript.TextOf("ls"), Is.EqualTo("error: no disk has a FAT32 file system"));
        });
    }

    // 0xF0 is the medium that mformat writes where it is told of no hidden sectors.
    [TestCase(true, 0xF8)]
    [TestCase(false, 0xF8)]
    [TestCase(true, 0xF0)]
    public void File_system_is_mounted_tried_and_left_as_it_was(bool isPacked, byte medium)
    {
        DiskImage disk = NewVolume();
        byte[] table = disk.Read(TableStart, 1);
        table[0] = medium;
        disk.Write(TableStart, table);
        byte[] before = disk.ReadAll();

        Transcript transcript = Run(
            GuestKernel.Cosmos.Machine.WithDisk(new DiskOptions(disk.Path) { IsPacked = isPacked }), "selftest; exit");

        Assert.That(transcript.Start, Has.Some.Match(@"^disk0: FAT file system at \d:\\$"));
        TapReport report = Expect.PassedSelfTest(transcript);
        TapResult[] files = [.. report.Results.Where(result => result.Name.Contains("a file is written"))];
        Assert.That(files, Has.Length.EqualTo(1));
        Assert.That(files[0].IsSkipped, Is.False);
        Assert.That(disk.ReadAll().AsSpan().SequenceEqual(before), Is.True, "what the host finds on the disk");
    }

    [Test]
    public void A_hundred_commands_leave_memory_for_more() => RunChecksums(100);

    // What is read alone is five times the machine's memory.
    [Test]
    [NightlyOnly]
    public void Ten_thousand_commands_do_not_use_up_memory() => RunChecksums(10_000);

    [Test]
    [NightlyOnly]
    public void Where_memory_runs_out_it_is_said_and_ends_as_a_crash_does()
    {
        // A line this long is held by a list, out of sight of Cosmos' collector: so there is no collecting.
        string script = string.Concat(Enumerable.Repeat("blk 0 checksum 0 128;", 2000)) + new string('x', 600);
        QemuGuest guest = Start(
            (GuestKernel.Cosmos.Machine with { MemoryMegabytes = 128 }).WithDisk(NewDisk(128)).WithScript(script));

        Assert.That(guest.WaitForExit(Deadlines.CosmosScript), Is.EqualTo(QemuGuest.Failure));
        Assert.That(
            guest.Serial.Text,
            Does.Match(@"Unhandled exception\. System\.InsufficientMemoryException: memory has run out: \d+ KiB are"));
    }

    private void RunChecksums(int count)
    {
        DiskImage disk = NewDisk(128);
        string sum = disk.Checksum(0, 128);
        QemuGuest guest = Start((GuestKernel.Cosmos.Machine with { MemoryMegabytes = 128 }).WithDisk(disk));
        guest.WaitForPrompt();

        // Typed, because a script has 64 KiB at most; QEMU holds back what the kernel has not read.
        Task typing = Task.Run(() => guest.Type(
            string.Concat(Enumerable.Repeat("blk 0 checksum 0 128\r", count)) + "selftest;exit\r"));

        Assert.That(guest.WaitForExit(Deadlines.CosmosScript), Is.EqualTo(QemuGuest.Success));
        Assert.That(typing.IsCompletedSuccessfully, Is.True);
        Assert.That(guest.Serial.Lines.Count(line => line == sum), Is.EqualTo(count));
    }

    private DiskImage NewVolume()
    {
        DiskImage disk = NewEmptyDisk(PartitionStart + PartitionLength);
        disk.Write(0, PartitionTable());
        Tool.Run(
            "mformat", "mtools", "-i", Partition(disk), "-F",
            "-T", $"{PartitionLength}", "-H", $"{PartitionStart}", "-c", "1", "-v", "TRIAL", "::");
        return disk;
    }

    private static int UsedEntries(DiskImage disk)
    {
        uint[] entries = MemoryMarshal.Cast<byte, uint>(disk.Read(TableStart, TableLength)).ToArray();
        return entries.Count(entry => (entry & 0x0FFF_FFFF) != 0);
    }

    private static string Partition(DiskImage disk) => $"{disk.Path}@@{PartitionStart * DiskImage.SectorSize}";

    // A master boot record with one entry: FAT32 by logical block address.
    private static byte[] PartitionTable()
    {
        const int Entry = 446;
        byte[] sector = new byte[DiskImage.SectorSize];
        sector[Entry + 4] = 0x0C;
        BinaryPrimitives.WriteUInt32LittleEndian(sector.AsSpan(Entry + 8), PartitionStart);
        BinaryPrimitives.WriteUInt32LittleEndian(sector.AsSpan(Entry + 12), PartitionLength);
        sector[510] = 0x55;
        sector[511] = 0xAA;
        return sector;
    }
}
