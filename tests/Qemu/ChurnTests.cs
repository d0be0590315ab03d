using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// Disks of many kinds that are written, read, discarded, zeroed and flushed with many operations in flight. The guest
/// compares all that it reads, and the host all that is on the image afterwards.
/// </summary>
public sealed class ChurnTests : QemuTest
{
    private const int Sectors = 8192;
    private const string LargeBlocks = "logical_block_size=4096,physical_block_size=4096";
    private const string SmallRanges = "discard_granularity=8192,max-discard-sectors=24,max-write-zeroes-sectors=20";

    // Several disks in one machine, which takes as long as one.
    private static readonly Dictionary<string, DiskOptions[]> s_kinds = new()
    {
        ["every form of the ring"] =
        [
            .. from packed in new[] { true, false }
               from indirect in new[] { "on", "off" }
               from eventIndex in new[] { "on", "off" }
               select Kind($"indirect_desc={indirect},event_idx={eventIndex}", packed),
        ],
        ["many queues and few vectors"] =
        [
            .. from queues in new[] { 1, 2, 4, 8 }
               from vectors in new[] { 2, 0 }
               select Kind($"num-queues={queues}", packed: queues != 4) with { Vectors = vectors },
        ],
        ["small queues"] =
        [
            Kind("queue-size=4"), Kind("queue-size=8"), Kind("queue-size=8", packed: false),
            Kind("queue-size=16,indirect_desc=off,event_idx=off"), Kind("queue-size=1024,seg-max-adjust=on"),
        ],
        ["blocks of 4096 bytes"] =
        [
            Kind(LargeBlocks), Kind(LargeBlocks, packed: false), Kind(LargeBlocks + ",discard=off,write-zeroes=off"),
            Kind(LargeBlocks) with { Drive = "discard=unmap,detect-zeroes=unmap" },
        ],
        ["a thread of QEMU's for the disk"] =
        [
            Kind("iothread=io"), Kind("iothread=io", packed: false), Kind("iothread=io,queue-size=8"),
        ],
        ["small ranges at a time"] = [Kind(SmallRanges), Kind(LargeBlocks + "," + SmallRanges, packed: false)],
        ["what is given up is gone"] =
        [
            Kind("discard=on") with { Drive = "discard=unmap" },
            Kind("discard=off") with { Drive = "discard=unmap,cache=writethrough" },
            Kind("write-zeroes=off") with { Drive = "cache=unsafe" },
            Kind("config-wce=off", packed: false) with { Drive = "discard=unmap,detect-zeroes=unmap" },
        ],
    };

    private static IEnumerable<string> Kinds => s_kinds.Keys;

    private static ulong Operations => NightlyOnlyAttribute.IsNightly ? 10_000UL : 400UL;

    [TestCaseSource(nameof(Kinds))]
    public void All_that_was_written_is_there(string kinds)
    {
        GuestOptions options = new GuestOptions { Machine = MachineType.Q35 }
            .WithArguments("-object", "iothread,id=io");
        Check(s_kinds[kinds], options, (so, disk) => so.WithDisk(disk));
    }

    /// <summary>A device's reset, and a queue's where QEMU has it, with requests in flight.</summary>
    [Test]
    public void Resets_in_the_middle_lose_nothing()
    {
        DiskOptions[] kinds =
        [
            Kind(""), Kind("", packed: false), Kind("indirect_desc=off,event_idx=off,queue-size=16"),
            Kind("num-queues=4"), Kind("num-queues=2", packed: false), Kind("queue_reset=off"),
        ];
        var machine = new GuestOptions { Machine = MachineType.Q35 };
        Check(kinds, machine, (so, disk) => so.WithDisk(disk), resets: true);
    }

    [Test]
    public void Sixteen_disks_do_not_get_into_each_other_s_way()
    {
        Check([.. Enumerable.Repeat(Kind(""), 16)], new GuestOptions(), (so, disk) => so.WithDisk(disk));
    }

    [Test]
    public void All_that_was_written_over_memory_mapped_registers_is_there()
    {
        GuestOptions options = new GuestOptions().WithArguments(
            "-machine", "microvm,acpi=off", "-global", "virtio-mmio.force-legacy=false");
        Check([Kind(""), Kind("", packed: false)], options, (so, disk) =>
        {
            string id = Path.GetFileName(disk.Path);
            return so.WithArguments(
                "-drive", $"if=none,id={id},format=raw,file={disk.Path},file.locking=off",
                "-device", $"virtio-blk-device,drive={id},packed={(disk.IsPacked ? "on" : "off")}");
        });
    }

    [Test]
    public void All_that_was_written_without_interrupts_is_there()
    {
        GuestOptions options = new GuestOptions().WithArguments("-machine", "microvm,acpi=on,pcie=on");
        DiskOptions polled = Kind("") with { Vectors = 0 };
        Check([polled, polled with { IsPacked = false }], options, (so, disk) => so.WithDisk(disk));
    }

    [Test]
    public void Disk_that_takes_no_writes_is_not_churned()
    {
        DiskImage disk = NewDisk(64);
        byte[] before = disk.ReadAll();
        Transcript transcript = Run(
            new GuestOptions().WithDisk(new DiskOptions(disk.Path) { IsReadOnly = true }),
            "blk 0 churn 0 64 1 10; exit",
            QemuGuest.Failure);
        Assert.That(transcript.TextOf("blk 0 churn 0 64 1 10"), Is.EqualTo("error: disk0: the disk is read-only"));
        Assert.That(disk.ReadAll(), Is.EqualTo(before));
    }

    [Test]
    public void Churn_is_ended_by_a_key_and_the_disk_is_used_on()
    {
        DiskImage disk = NewDisk(Sectors);
        byte[] before = disk.ReadAll();
        Churn churn = new(Churn.NewSeed(), 200_000) { Count = Sectors };
        QemuGuest guest = Start(new GuestOptions().WithDisk(disk));
        guest.WaitForPrompt();
        guest.Type(churn.Command() + "\n");
        guest.WaitForLine("^durable: [0-9]{3,}$");
        churn = churn.Interrupt(guest);
        Assert.That(churn.FindLoss(before, disk.ReadAll(), churn.Operations), Is.Null);

        Churn next = new(1, 200) { Count = Sectors };
        guest.Type(next.Command() + "; exit\n");
        guest.WaitForLine($"^{next.Success}$");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Failure));
    }

    [TestCase(1_000)]
    [TestCase(700 * 512)]
    [TestCase((9000 * 512) + 511)]
    public void File_that_ends_in_a_part_of_a_sector_keeps_what_was_written(int bytes)
    {
        DiskImage disk = NewDisk((bytes / 512) + 1);
        using (FileStream file = File.OpenWrite(disk.Path))
        {
            file.SetLength(bytes);
        }

        QemuGuest guest = Start(new GuestOptions().WithDisk(disk));
        guest.WaitForPrompt();
        guest.Type("disks\n");
        ulong sectors = ulong.Parse(guest.WaitForLine("^disk0: ([0-9]+) sectors").Groups[1].Value);
        Assert.That(sectors, Is.InRange((ulong)bytes / 512, (ulong)(bytes + 511) / 512));
        byte[] before = [.. disk.ReadAll(), .. new byte[512]];
        Churn churn = new(Churn.NewSeed(), 300) { Count = sectors };
        guest.Type(churn.Command() + "; exit\n");
        guest.WaitForLine($"^{churn.Success}$");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
        byte[] after = [.. disk.ReadAll(), .. new byte[512]];
        int length = (int)sectors * 512;
        Assert.That(churn.FindLoss(before.AsSpan(0, length), after.AsSpan(0, length), churn.Operations), Is.Null);
    }

    [Test]
    public void Last_sectors_of_a_huge_disk_are_where_they_belong()
    {
        const ulong Many = 1UL << 33;
        const ulong First = Many - 4096;

        // The most that QEMU gives a disk.
        const ulong Most = (1UL << 54) - (1UL << 21);
        DiskImage disk = NewEmptyDisk((long)Many);
        string far = $"blk 1 checksum {Most - 8} 8";
        Churn churn = new(Churn.NewSeed(), 500) { First = First, Count = 4096 };
        Transcript transcript = Run(
            new GuestOptions().WithDisk(disk).WithArguments(
                "-blockdev", $"driver=null-co,node-name=far,size={Most * 512},read-zeroes=on",
                "-device", "virtio-blk-pci,drive=far,packed=on,addr=0x10"),
            $"disks; {churn.Command()}; blk 0 checksum 0 4096; {far}; exit");

        Assert.That(transcript.TextOf("disks"), Does.StartWith($"disk0: {Many} sectors (4 TiB)"));
        Assert.That(transcript.TextOf(churn.Command()), Does.EndWith(churn.Success));
        Assert.That(transcript.TextOf("blk 0 checksum 0 4096"), Is.EqualTo(disk.Checksum(0, 4096)));
        Assert.That(disk.Read(0, 4096).AsSpan().ContainsAnyExcept((byte)0), Is.False);

        byte[] after = disk.Read((long)First, 4096);
        Assert.That(churn.FindLoss(new byte[4096 * 512], after, churn.Operations, First), Is.Null);
        Assert.That(transcript.TextOf(far), Is.EqualTo(disk.Checksum(0, 8)));
    }

    private static DiskOptions Kind(string properties, bool packed = true) => new(string.Empty)
    {
        IsPacked = packed,
        Properties = properties.Length == 0 ? null : properties,
    };

    private void Check(
        DiskOptions[] kinds,
        GuestOptions options,
        Func<GuestOptions, DiskOptions, GuestOptions> with,
        bool resets = false)
    {
        DiskImage[] disks = [.. kinds.Select(_ => NewDisk(Sectors))];
        byte[][] before = [.. disks.Select(disk => disk.ReadAll())];
        Churn[] churns =
        [
            .. kinds.Select(kind => new Churn(Churn.NewSeed(), Operations)
            {
                Count = Sectors,
                BlockSize = Has(kind, "logical_block_size=4096") ? 4096u : 512u,
                HasDiscard = !Has(kind, "discard=off"),
                HasWriteZeroes = !Has(kind, "write-zeroes=off"),
                Resets = resets,
            }),
        ];
        for (int i = 0; i < kinds.Length; i++)
        {
            options = with(options, kinds[i] with { Path = disks[i].Path });
        }

        string[] commands = [.. churns.Select((churn, i) => churn.Command(i))];

        QemuGuest guest = Start(options.WithScript(string.Join("; ", commands) + "; exit"));
        guest.WaitForExit(TimeSpan.FromMinutes(5));
        Transcript transcript = new(guest.Serial.Lines);

        Assert.Multiple(() =>
        {
            for (int i = 0; i < kinds.Length; i++)
            {
                string kind = $"disk{i}, {kinds[i]}";
                Assert.That(
                    transcript.OutputOf(commands[i])[0],
                    Is.EqualTo(
                        $"disk{i}: blocks of {churns[i].BlockSize} bytes, 32 at a time, "
                        + $"discard {(churns[i].HasDiscard ? "used" : "not offered")}, "
                        + $"write zeroes {(churns[i].HasWriteZeroes ? "used" : "not offered")}"));
                Assert.That(transcript.OutputOf(commands[i])[^1], Is.EqualTo(churns[i].Success), kind);
                if (resets)
                {
                    string queueResets = Has(kinds[i], "queue_reset=off") ? "0" : "[1-9][0-9]*";
                    Assert.That(
                        transcript.OutputOf(commands[i])[^2],
                        Does.Match($"^reset the device [1-9][0-9]* times, a queue {queueResets} times$"),
                        kind);
                }

                Assert.That(churns[i].FindLoss(before[i], disks[i].ReadAll(), Operations), Is.Null, kind);
            }
        });
    }

    private static bool Has(DiskOptions kind, string property) =>
        kind.Properties?.Contains(property, StringComparison.Ordinal) == true;
}
