using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>What the guest reads and writes, checked on the host by other code.</summary>
public sealed class DiskTests : QemuTest
{
    private const int Sectors = 4096;

    [TestCase(MachineType.Pc)]
    [TestCase(MachineType.Q35)]
    public void Checksum_of_every_range_is_the_host_s(MachineType machine)
    {
        DiskImage disk = NewDisk(Sectors);
        (int First, int Count)[] ranges =
            [(0, 1), (1, 1), (7, 9), (0, 256), (255, 257), (1000, 2049), (Sectors - 1, 1), (0, Sectors)];
        string[] commands = [.. ranges.Select(range => $"blk 0 checksum {range.First} {range.Count}")];

        Transcript transcript = Run(
            new GuestOptions { Machine = machine }.WithDisk(disk), string.Join("; ", commands) + "; exit");

        for (int i = 0; i < ranges.Length; i++)
        {
            string expected = disk.Checksum(ranges[i].First, ranges[i].Count);
            Assert.That(transcript.OutputOf(commands[i]), Is.EqualTo(new[] { expected }), commands[i]);
        }
    }

    [Test]
    public void Hex_dump_shows_the_host_s_bytes()
    {
        // From 4 GB on, eight digits are not enough for the offset.
        const long Far = 0x1_0000_0000 / DiskImage.SectorSize;
        DiskImage disk = NewDisk(Sectors);
        DiskImage large = NewEmptyDisk(Far + 8);
        large.Write(Far, disk.Read(0, 1));

        Transcript transcript = Run(
            new GuestOptions().WithDisk(disk).WithDisk(large),
            $"blk 0 read 0 1; blk 0 read 0x11 3; blk 0 read {Sectors - 1} 1; blk 1 read {Far - 1} 2; exit");

        Assert.That(transcript.OutputOf("blk 0 read 0 1"), Is.EqualTo(HexDump.Format(disk.Read(0, 1), 0)));
        Assert.That(
            transcript.OutputOf("blk 0 read 0x11 3"),
            Is.EqualTo(HexDump.Format(disk.Read(17, 3), 17 * DiskImage.SectorSize)));
        Assert.That(
            transcript.OutputOf($"blk 0 read {Sectors - 1} 1"),
            Is.EqualTo(HexDump.Format(disk.Read(Sectors - 1, 1), (Sectors - 1) * DiskImage.SectorSize)));
        Assert.That(
            transcript.OutputOf($"blk 1 read {Far - 1} 2"),
            Is.EqualTo(HexDump.Format(large.Read(Far - 1, 2), (Far - 1) * DiskImage.SectorSize)));
    }

    [TestCase(MachineType.Pc, "")]
    [TestCase(MachineType.Q35, "")]
    [TestCase(MachineType.Pc, "queue-size=16,event_idx=off,indirect_desc=off")]
    public void Fill_writes_its_pattern_and_nothing_else(MachineType machine, string properties)
    {
        const ulong LargeSeed = 0xFFFF_FFFF_FFFF_FF00;
        DiskImage disk = NewDisk(Sectors);
        byte[] expected = disk.ReadAll();
        SectorPattern.Make(3, 1, 1).CopyTo(expected, 3 * DiskImage.SectorSize);
        SectorPattern.Make(100, 1000, 0xABCDEF).CopyTo(expected, 100 * DiskImage.SectorSize);
        SectorPattern.Make(Sectors - 5, 5, LargeSeed).CopyTo(expected, (Sectors - 5) * DiskImage.SectorSize);
        DiskOptions options = new(disk.Path) { Properties = properties.Length == 0 ? null : properties };

        Transcript transcript = Run(
            new GuestOptions { Machine = machine }.WithDisk(options),
            "blk 0 fill 3 1 1; blk 0 fill 100 1000 0xABCDEF; " +
            $"blk 0 fill {Sectors - 5} 5 0x{LargeSeed:x}; blk 0 flush; blk 0 verify 100 1000 0xABCDEF; exit");

        Assert.That(transcript.OutputOf("blk 0 fill 3 1 1"), Is.EqualTo(new[] { "filled 1 sectors" }));
        Assert.That(
            transcript.OutputOf("blk 0 fill 100 1000 0xABCDEF"), Is.EqualTo(new[] { "filled 1000 sectors" }));
        Assert.That(
            transcript.OutputOf("blk 0 verify 100 1000 0xABCDEF"), Is.EqualTo(new[] { "verified 1000 sectors" }));
        Assert.That(FirstDifference(disk.ReadAll(), expected), Is.EqualTo(-1));
    }

    [Test]
    public void Verify_takes_the_host_s_pattern_and_names_a_corrupted_byte()
    {
        DiskImage disk = NewDisk(Sectors);
        disk.Write(64, SectorPattern.Make(64, 512, 42));
        disk.Write(1024, SectorPattern.Make(1024, 512, 43));
        disk.Corrupt((1200 * DiskImage.SectorSize) + 77);

        Transcript transcript = Run(
            new GuestOptions().WithDisk(disk),
            "blk 0 verify 64 512 42; blk 0 verify 64 512 41; blk 0 verify 1024 512 43; exit", QemuGuest.Failure);

        Assert.That(transcript.OutputOf("blk 0 verify 64 512 42"), Is.EqualTo(new[] { "verified 512 sectors" }));
        Expect.Refusal(transcript, "blk 0 verify 64 512 41", "error: sector 64 differs at byte 0");
        Expect.Refusal(transcript, "blk 0 verify 1024 512 43", "error: sector 1200 differs at byte 77");
    }

    [Test]
    public void Several_disks_are_told_apart()
    {
        DiskImage[] disks = [NewDisk(100), NewDisk(2000), NewDisk(3000), NewDisk(1)];
        GuestOptions options = disks.Aggregate(new GuestOptions(), (so, disk) => so.WithDisk(disk));
        string[] commands = [.. disks.Select((disk, i) => $"blk {i} checksum 0 {disk.Sectors}")];

        Transcript transcript = Run(options, $"disks; {string.Join("; ", commands)}; blk 2 fill 0 10 9; exit");

        byte[] first = disks[0].ReadAll();
        for (int i = 0; i < disks.Length; i++)
        {
            Assert.That(transcript.Start, Has.Some.Match(Expect.BoundDisk(i, disks[i])));
            Assert.That(transcript.OutputOf("disks"), Has.Some.Match($@"disk{i}\b.*\b{disks[i].Sectors}\b"));
        }

        Assert.That(transcript.OutputOf(commands[0]), Is.EqualTo(new[] { disks[0].Checksum(0, 100) }));
        Assert.That(transcript.OutputOf(commands[1]), Is.EqualTo(new[] { disks[1].Checksum(0, 2000) }));
        Assert.That(transcript.OutputOf(commands[3]), Is.EqualTo(new[] { disks[3].Checksum(0, 1) }));
        Assert.That(first, Is.EqualTo(disks[0].ReadAll()));
        Assert.That(disks[2].Read(0, 10), Is.EqualTo(SectorPattern.Make(0, 10, 9)));
    }

    [Test]
    public void Disk_without_sectors_is_driven_and_has_nothing_to_read()
    {
        DiskImage empty = NewEmptyDisk(0);

        Transcript transcript = Run(
            new GuestOptions().WithDisk(empty),
            "disks; blk 0 read 0 1; blk 0 checksum 0 1; blk 0 fill 0 1 1; selftest; exit", QemuGuest.Failure);

        Assert.That(transcript.Start, Has.Some.Match(Expect.BoundDisk(0, empty)));
        Expect.Refusal(transcript, "blk 0 read 0 1", "error: ");
        Expect.Refusal(transcript, "blk 0 checksum 0 1", "error: ");
        Expect.Refusal(transcript, "blk 0 fill 0 1 1", "error: ");
        Expect.PassedSelfTest(transcript);
        Assert.That(empty.ReadAll(), Is.Empty);
    }

    [Test]
    public void Read_only_disk_is_read_and_refuses_to_be_written()
    {
        DiskImage disk = NewDisk(64);
        byte[] before = disk.ReadAll();

        Transcript transcript = Run(
            new GuestOptions().WithDisk(new DiskOptions(disk.Path) { IsReadOnly = true }),
            "blk 0 checksum 0 64; blk 0 fill 0 1 1; selftest; exit", QemuGuest.Failure);

        Assert.That(transcript.OutputOf("blk 0 checksum 0 64"), Is.EqualTo(new[] { disk.Checksum(0, 64) }));
        Expect.Refusal(transcript, "blk 0 fill 0 1 1", "error: ");
        Expect.PassedSelfTest(transcript);
        Assert.That(disk.ReadAll(), Is.EqualTo(before));
    }

    [Test]
    public void Range_that_leaves_the_disk_changes_nothing()
    {
        DiskImage disk = NewDisk(64);
        byte[] before = disk.ReadAll();
        string[] commands =
        [
            "blk 0 fill 63 2 1", "blk 0 fill 64 1 1", "blk 0 fill 0 65 1", "blk 0 read 64 1",
            "blk 0 checksum 0xFFFFFFFFFFFFFFFF 2", "blk 0 fill 1 0xFFFFFFFFFFFFFFFF 1",
            "blk 0 verify 0x80000000000000 0x80000000000000 1",
        ];

        Transcript transcript = Run(
            new GuestOptions().WithDisk(disk), string.Join(';', commands) + ";exit", QemuGuest.Failure);

        foreach (string command in commands)
        {
            Expect.Refusal(transcript, command, "error: ");
        }

        Assert.That(FirstDifference(disk.ReadAll(), before), Is.EqualTo(-1));
    }

    [Test]
    public void Devices_without_packed_ring_are_driven_by_split_ones()
    {
        DiskImage disk = NewDisk(4096);
        DiskImage other = NewDisk(64);

        Transcript transcript = Run(
            new GuestOptions().WithDisk(new DiskOptions(disk.Path) { IsPacked = false }).WithDisk(other)
                .WithNic(new NicOptions { IsPacked = false }),
            "blk 1 checksum 0 64; blk 0 fill 100 3000 7; net 0 dhcp; net 0 ping 10.0.2.2 2; exit");

        Assert.That(transcript.Start, Has.Some.Match(Expect.BoundDisk(0, disk, "split")));
        Assert.That(transcript.Start, Has.Some.Match(Expect.BoundDisk(1, other)));
        Assert.That(transcript.Start, Has.Some.Match(@"^net0: virtio-net at 00:14\.0, .*split ring"));
        Assert.That(transcript.OutputOf("blk 1 checksum 0 64"), Is.EqualTo(new[] { other.Checksum(0, 64) }));
        Assert.That(disk.Read(100, 3000), Is.EqualTo(SectorPattern.Make(100, 3000, 7)));
        Assert.That(transcript.TextOf("net 0 ping 10.0.2.2 2"), Does.EndWith("2 sent, 2 received"));
    }

    private static long FirstDifference(ReadOnlySpan<byte> actual, ReadOnlySpan<byte> expected)
    {
        int common = actual.CommonPrefixLength(expected);
        return common == actual.Length && common == expected.Length ? -1 : common;
    }
}
