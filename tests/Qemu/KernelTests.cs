using System;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>The same commands in both kernels, the unikernel and the one of Cosmos, checked by the host.</summary>
/// <remarks>Few machines with long scripts: a Cosmos kernel takes its time to come up.</remarks>
[TestFixtureSource(typeof(GuestKernel), nameof(GuestKernel.All))]
public sealed class KernelTests : QemuTest
{
    private const int Sectors = 512;

    private readonly GuestKernel _kernel;

    /// <summary>Tests of a kernel.</summary>
    public KernelTests(GuestKernel kernel)
    {
        _kernel = kernel;
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Disk_and_network_do_what_the_host_sees(bool isPacked)
    {
        string ring = isPacked ? "packed" : "split";
        DiskImage disk = NewDisk(Sectors);
        disk.Write(400, SectorPattern.Make(400, 100, 9));
        byte[] expected = disk.ReadAll();
        SectorPattern.Make(100, 200, 0xABCDEF).CopyTo(expected, 100 * DiskImage.SectorSize);
        string[] before = [disk.Checksum(0, Sectors), .. HexDump.Format(disk.Read(17, 2), 17 * DiskImage.SectorSize)];

        Transcript transcript = Run(
            _kernel.Machine.WithDisk(new DiskOptions(disk.Path) { IsPacked = isPacked })
                .WithNic(new NicOptions { IsPacked = isPacked }),
            $"disks; blk 0 checksum 0 {Sectors}; blk 0 read 0x11 2; blk 0 verify 400 100 9; "
            + "blk 0 fill 100 200 0xABCDEF; blk 0 verify 100 200 0xABCDEF; blk 0 flush; "
            + "net 0 status; net 0 dhcp; net 0 status; net 0 ping 10.0.2.2 3; selftest; exit");

        Assert.Multiple(() =>
        {
            Assert.That(transcript.Start, Has.Some.Match(_kernel.FirstLine));
            Assert.That(transcript.Start, Has.Some.Match(_kernel.BoundDisk(0, disk, ring)));
            Assert.That(transcript.Start, Has.Some.Match(_kernel.BoundNic(0, ring)));
            Assert.That(
                transcript.OutputOf("disks"), Has.Some.Match($@"^disk0: {Sectors} sectors .*, write\w+, 1 queue"));
            Assert.That(transcript.TextOf($"blk 0 checksum 0 {Sectors}"), Is.EqualTo(before[0]));
            Assert.That(transcript.OutputOf("blk 0 read 0x11 2"), Is.EqualTo(before[1..]));
            Assert.That(transcript.TextOf("blk 0 verify 400 100 9"), Is.EqualTo("verified 100 sectors"));
            Assert.That(transcript.TextOf("blk 0 fill 100 200 0xABCDEF"), Is.EqualTo("filled 200 sectors"));
            Assert.That(transcript.TextOf("blk 0 verify 100 200 0xABCDEF"), Is.EqualTo("verified 200 sectors"));
            Assert.That(disk.ReadAll().AsSpan().SequenceEqual(expected), Is.True, "what the host finds on the disk");
        });
        Assert.Multiple(() =>
        {
            Assert.That(transcript.TextOf("net 0 status"), Does.Contain(QemuCommandLine.MacAddress(0)));
            Assert.That(transcript.TextOf("net 0 status"), Does.Contain("net0: no address"));
            Assert.That(transcript.TextOf("net 0 dhcp"), Does.Match(_kernel.Lease(0)));
            Assert.That(transcript.TextOf("net 0 status", 1), Does.Contain("net0: 10.0.2.15/24"));
            Assert.That(
                transcript.TextOf("net 0 ping 10.0.2.2 3"),
                Does.Match(@"\A(reply from 10\.0\.2\.2: seq [123], \d+\.\d+ ms\n){3}3 sent, 3 received\z"));
        });
        TapReport report = Expect.PassedSelfTest(transcript);
        string[] ran = [.. report.Results.Where(result => !result.IsSkipped).Select(result => result.Name)];
        Assert.That(ran, Has.Some.StartsWith("disk0: ").And.Some.StartsWith("net0: "));
    }

    [Test]
    public void Failed_commands_are_told_and_change_nothing()
    {
        DiskImage disk = NewDisk(64);
        byte[] before = disk.ReadAll();
        string[] errors =
        [
            "nosuch", "blk 7 checksum 0 1", "net 7 status", "blk 0 verify 0 1 1", "blk 0 read 63 2",
            "blk 0 fill 64 1 1", "blk 0 fill 0 65 1", "blk 0 checksum 0xFFFFFFFFFFFFFFFF 2",
            "blk 0 fill 1 0xFFFFFFFFFFFFFFFF 1",
        ];
        string[] usages =
        [
            "blk", "blk 0", "blk 0 read 0", "blk 0 read x 1", "blk 0 read 0 1 2", "blk 0 read -1 1", "blk 0 nosuch",
            "blk 0 checksum 0 18446744073709551616", "net 0 ping 10.0.2.256 1", "net 0 ping 10.0.2.2", "disks nosuch",
        ];

        Transcript transcript = Run(
            _kernel.Machine.WithDisk(disk).WithNic(),
            string.Join(';', errors.Concat(usages))
            + ";net 0 dhcp;net 0 ping 10.0.2.99 1;blk 0 checksum 0 64;crash exception",
            QemuGuest.Failure);

        Assert.Multiple(() =>
        {
            foreach (string command in errors)
            {
                Expect.Refusal(transcript, command, "error: ");
            }

            foreach (string command in usages)
            {
                Expect.Refusal(transcript, command, "usage: ");
            }

            Assert.That(transcript.TextOf("blk 0 verify 0 1 1"), Does.StartWith("error: sector 0 differs at byte 0"));
            Assert.That(
                transcript.TextOf("net 0 ping 10.0.2.99 1"),
                Does.StartWith("no reply: seq 1").And.Contain("1 sent, 0 received"));
            Assert.That(transcript.TextOf("blk 0 checksum 0 64"), Is.EqualTo(disk.Checksum(0, 64)));
            Assert.That(
                transcript.OutputOf("crash exception"),
                Has.Some.Match(@"^Unhandled exception\. System\.InvalidOperationException: \S"));
        });
        Assert.That(disk.ReadAll(), Is.EqualTo(before));
    }

    [Test]
    public void Several_devices_are_told_apart()
    {
        // On pc the line is chosen by slot modulo 4: the first and the last disk share one with the first card.
        DiskImage[] disks = [NewDisk(100), NewDisk(Sectors), NewDisk(64), NewEmptyDisk(0), NewDisk(1)];
        GuestOptions options = _kernel.Machine.WithDisk(disks[0])
            .WithDisk(new DiskOptions(disks[1].Path) { IsPacked = false })
            .WithDisk(new DiskOptions(disks[2].Path) { IsReadOnly = true })
            .WithDisk(disks[3])
            .WithDisk(new DiskOptions(disks[4].Path) { Properties = "queue-size=16,event_idx=off,indirect_desc=off" })
            .WithNic().WithNic();
        string[] sums = [.. disks.Select((disk, i) => $"blk {i} checksum 0 {disk.Sectors}")];
        string[] checksums = [.. disks.Select(disk => disk.Checksum(0, (int)disk.Sectors))];
        byte[][] before = [.. disks.Select(disk => disk.ReadAll())];
        SectorPattern.Make(1, 200, 3).CopyTo(before[1], DiskImage.SectorSize);

        Transcript transcript = Run(
            options,
            $"disks; {string.Join("; ", sums)}; blk 1 fill 1 200 3; blk 2 fill 0 1 1; blk 3 read 0 1; net 1 dhcp; "
            + "net 0 status; net 1 ping 10.0.2.2 1; net 0 dhcp; net 0 ping 10.0.2.2 1; selftest; exit",
            QemuGuest.Failure);

        Assert.Multiple(() =>
        {
            for (int i = 0; i < disks.Length; i++)
            {
                Assert.That(
                    transcript.Start, Has.Some.Match(_kernel.BoundDisk(i, disks[i], i == 1 ? "split" : "packed")));
                Assert.That(transcript.OutputOf("disks"), Has.Some.Match($"^disk{i}: {disks[i].Sectors} sectors"));
                Assert.That(transcript.TextOf(sums[i]), Is.EqualTo(checksums[i]));
            }

            Expect.Refusal(transcript, "blk 2 fill 0 1 1", "error: ");
            Expect.Refusal(transcript, "blk 3 read 0 1", "error: ");
            Assert.That(transcript.TextOf("net 0 status"), Does.Not.Contain("10.0.2.15"), "net0 has no address yet");
            Assert.That(transcript.TextOf("net 1 dhcp"), Does.Match(_kernel.Lease(1)));
            Assert.That(transcript.TextOf("net 1 ping 10.0.2.2 1"), Does.EndWith("1 sent, 1 received"));
            Assert.That(transcript.TextOf("net 0 ping 10.0.2.2 1"), Does.EndWith("1 sent, 1 received"));
        });
        Expect.PassedSelfTest(transcript);
        Assert.That(disks.Select(disk => disk.ReadAll()), Is.EqualTo(before));
    }

    [Test]
    public void Machine_without_devices_comes_up_and_takes_what_is_typed()
    {
        QemuGuest guest = Start(_kernel.Machine);
        guest.WaitForLine(_kernel.FirstLine, guest.BootDeadline);
        guest.WaitForPrompt();

        guest.Type("disks; selftest\r");
        guest.WaitForLine("^no disks$");
        guest.WaitForLine(@"^1\.\.\d+$");
        guest.WaitForPrompt();
        guest.Type("blk 0 read 0 1\r");
        guest.WaitForLine("^error: there is no disk0$");
        guest.WaitForPrompt();
        guest.Type("exit\r");

        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Failure));
        Transcript transcript = new(guest.Serial.Lines);
        Assert.That(transcript.Start, Has.None.Match("virtio-"));
        Assert.That(Regex.Count(guest.Serial.Text, "(?m)^not ok "), Is.Zero);
    }

    [Test]
    public void Devices_that_cannot_be_driven_are_named_and_skipped()
    {
        QemuGuest guest = Start(
            _kernel.Machine.WithArguments("-device", "virtio-serial-pci,addr=0x5")
                .WithDisk(new DiskOptions(NewDisk(1).Path) { IsPacked = false, Properties = "disable-modern=on" })
                .WithScript("disks; poweroff"));

        Assert.That(guest.WaitForExit(), Is.Zero);
        Assert.That(
            guest.Monitor.WaitForEvent("SHUTDOWN", Deadlines.Command)?["reason"]?.GetValue<string>(),
            Is.EqualTo("guest-shutdown"));
        Transcript transcript = new(guest.Serial.Lines);
        Assert.That(
            transcript.Start,
            Has.Some.Match(@"^00:04\.0: virtio-blk offers the legacy interface only: skipped$")
                .And.Some.Match(@"^00:05\.0: virtio-console has no driver: skipped$"));
        Assert.That(transcript.TextOf("disks"), Is.EqualTo("no disks"));
    }
}
