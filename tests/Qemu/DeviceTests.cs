using System.Globalization;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>What the guest says of its devices, and how their interrupts come.</summary>
public sealed class DeviceTests : QemuTest
{
    [TestCase(MachineType.Pc)]
    [TestCase(MachineType.Q35)]
    public void Devices_are_listed_with_ring_features_and_vectors(MachineType machine)
    {
        Transcript transcript = Run(
            new GuestOptions { Machine = machine, HasScreen = true }.WithDisk(NewDisk()).WithNic(),
            "lspci; lsvirtio; blk 0 checksum 0 2048; net 0 dhcp; threads; exit");

        // 1af4:1001 and 1af4:1000 are transitional devices, 1af4:1042 and 1af4:1041 modern ones (virtio 1.4, 4.1.2.1).
        Assert.That(transcript.OutputOf("lspci"), Has.Some.Match(@"^00:04\.0.*1af4:10(01|42)"));
        Assert.That(transcript.OutputOf("lspci"), Has.Some.Match(@"^00:14\.0.*1af4:10(00|41)"));
        Assert.That(transcript.OutputOf("lspci"), Has.Some.Match("1234:1111"), "QEMU's standard VGA");

        string text = transcript.TextOf("lsvirtio");
        Assert.That(text, Does.Match("(?m)^disk0: virtio-blk,.* packed ring,.*MSI-X"));
        Assert.That(text, Does.Match("(?m)^net0: virtio-net,.* packed ring,.*MSI-X"));
        Assert.That(text, Does.Match(@"(?m)^\s+features: .*\bFLUSH\b.*\bVERSION_1\b.*\bRING_PACKED\b"));
        Assert.That(text, Does.Match(@"(?m)^\s+features: .*\bMAC\b.*\bVERSION_1\b.*\bRING_PACKED\b"));
        foreach (string queue in (string[])["requestq1", "receiveq1", "transmitq1"])
        {
            Assert.That(text, Does.Match($@"(?m)^\s+queue \d {queue}: \d+ descriptors, vector \d"));
        }

        Assert.That(InterruptCount(transcript, "disk0 requestq1", "message"), Is.GreaterThan(0));
        Assert.That(InterruptCount(transcript, "net0 receiveq1", "message"), Is.GreaterThan(0));
    }

    [TestCase(MachineType.Pc, Door.Elf)]
    [TestCase(MachineType.Q35, Door.Elf)]
    [TestCase(MachineType.Q35, Door.IsoBios)]
    [TestCase(MachineType.Pc, Door.BzImage)]
    public void Devices_without_vectors_work_by_their_line(MachineType machine, Door door)
    {
        DiskImage disk = NewDisk();
        GuestOptions options = new GuestOptions { Machine = machine, Door = door }
            .WithDisk(new DiskOptions(disk.Path) { Vectors = 0 }).WithNic(new NicOptions { Vectors = 0 });

        Transcript transcript = Run(
            options, "blk 0 checksum 0 2048; net 0 dhcp; net 0 ping 10.0.2.2 3; lsvirtio; selftest; threads; exit");

        Assert.That(transcript.OutputOf("blk 0 checksum 0 2048"), Is.EqualTo(new[] { disk.Checksum(0, 2048) }));
        Assert.That(transcript.TextOf("net 0 ping 10.0.2.2 3"), Does.EndWith("3 sent, 3 received"));
        Assert.That(
            transcript.TextOf("lsvirtio"),
            Does.Match(@"(?m)^disk0: .*, INTx line \d+, ").And.Not.Match(@"(?m)^\w+: .*MSI-X"));
        Assert.That(InterruptCount(transcript, "disk0", "line"), Is.GreaterThan(0));
        Assert.That(InterruptCount(transcript, "net0", "line"), Is.GreaterThan(0));
        Expect.PassedSelfTest(transcript);
    }

    [Test]
    public void Devices_that_share_a_line_all_work()
    {
        // On pc the line is chosen by slot modulo 4: these four sit on one.
        DiskImage[] disks = [NewDisk(), NewDisk()];
        GuestOptions options = new GuestOptions().WithArguments(
            "-drive", $"if=none,id=a,format=raw,file={disks[0].Path}",
            "-device", "virtio-blk-pci,drive=a,addr=0x4,packed=on,vectors=0",
            "-drive", $"if=none,id=b,format=raw,file={disks[1].Path}",
            "-device", "virtio-blk-pci,drive=b,addr=0x8,packed=on,vectors=0",
            "-device", "e1000,addr=0xc",
            "-netdev", "user,id=n",
            "-device", "virtio-net-pci,netdev=n,addr=0x10,packed=on,vectors=0,romfile=");

        Transcript transcript = Run(
            options, "blk 0 checksum 0 2048; blk 1 checksum 0 2048; net 0 dhcp; net 0 ping 10.0.2.2 3; exit");

        Assert.That(transcript.OutputOf("blk 0 checksum 0 2048"), Is.EqualTo(new[] { disks[0].Checksum(0, 2048) }));
        Assert.That(transcript.OutputOf("blk 1 checksum 0 2048"), Is.EqualTo(new[] { disks[1].Checksum(0, 2048) }));
        Assert.That(transcript.TextOf("net 0 ping 10.0.2.2 3"), Does.EndWith("3 sent, 3 received"));
    }

    [TestCase("vectors=3")]
    [TestCase("queue-size=16,event_idx=off,indirect_desc=off")]
    [TestCase("num-queues=4,vectors=2")]
    public void Unusual_disk_works(string properties)
    {
        DiskImage disk = NewDisk();

        Transcript transcript = Run(
            new GuestOptions().WithDisk(new DiskOptions(disk.Path) { Properties = properties }),
            "blk 0 checksum 0 2048; blk 0 fill 5 100 5; exit");

        Assert.That(transcript.Start, Has.Some.Match(Expect.BoundDisk(0, disk)));
        Assert.That(transcript.OutputOf("blk 0 fill 5 100 5"), Is.EqualTo(new[] { "filled 100 sectors" }));
        Assert.That(disk.Read(5, 100), Is.EqualTo(SectorPattern.Make(5, 100, 5)));
    }

    [Test]
    public void Devices_behind_a_bridge_are_found()
    {
        DiskImage disk = NewDisk();
        GuestOptions options = new GuestOptions { Machine = MachineType.Q35 }.WithArguments(
            "-device", "pcie-root-port,id=bridge,addr=0x2,chassis=1,slot=1",
            "-drive", $"if=none,id=a,format=raw,file={disk.Path}",
            "-device", "virtio-blk-pci,drive=a,bus=bridge,packed=on");

        Transcript transcript = Run(options, "lspci; blk 0 checksum 0 2048; exit");

        Assert.That(transcript.OutputOf("lspci"), Has.Some.Match(@"^01:00\.0.*1af4:1042"));
        Assert.That(transcript.OutputOf("blk 0 checksum 0 2048"), Is.EqualTo(new[] { disk.Checksum(0, 2048) }));
    }

    [Test]
    public void Self_test_leaves_the_disks_as_they_were()
    {
        DiskImage[] disks = [NewDisk(), NewDisk(1)];
        byte[][] before = [.. disks.Select(disk => disk.ReadAll())];

        Transcript transcript = Run(
            new GuestOptions().WithDisk(disks[0]).WithDisk(disks[1]).WithNic(), "selftest; exit");

        TapReport report = Expect.PassedSelfTest(transcript);
        Assert.That(report.Results.Select(result => result.Name), Has.Some.Match(new Regex("disk|blk|net")));
        Assert.That(disks.Select(disk => disk.ReadAll()), Is.EqualTo(before));
    }

    // What `threads` tells of an interrupt: vector, who has it, how it comes, how often it came.
    private static long InterruptCount(Transcript transcript, string name, string source)
    {
        Match match = Regex.Match(
            transcript.TextOf("threads"), $@"(?m)^\s*\d+ {name}\b.*\b{source}\b.*?\s(\d+)\s*(masked.*)?$");
        Assert.That(match.Success, Is.True, $"No {source} for {name}:\n{transcript.TextOf("threads")}");
        Assert.That(match.Groups[2].Success, Is.False, match.Value);
        return long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
    }
}
