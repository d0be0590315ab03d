using System;
using System.Text.Json.Nodes;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>Disks that are slow, and for a while do not answer at all. Slow is not broken.</summary>
public sealed class SlowDiskTests : QemuTest
{
    private const int Sectors = 2048;

    /// <summary>How many sectors a transfer has: the first passes at once, whatever the rate.</summary>
    private const int Transfer = 256;

    [Test]
    public void Disk_that_takes_long_for_all_but_never_for_one_is_within_the_limit()
    {
        // 2 s for each transfer but the first, of which 5 are with the device at once.
        DiskImage disk = NewDisk(Sectors);
        GuestOptions options = Throttled(disk, "throttling.bps-total=65536") with { CommandLine = "timeout=6" };
        Transcript transcript = Run(options, $"blk 0 checksum 0 {5 * Transfer}; exit");
        Assert.That(
            transcript.OutputOf($"blk 0 checksum 0 {5 * Transfer}"),
            Is.EqualTo(new[] { disk.Checksum(0, 5 * Transfer) }));
    }

    [Test]
    public void Disk_that_does_not_answer_within_the_limit_is_reset_and_used_on()
    {
        DiskImage disk = NewDisk(Sectors);
        QemuGuest guest = Start(Throttled(disk, "throttling.bps-total=1024") with { CommandLine = "timeout=3" });
        guest.WaitForPrompt();
        Command(guest, $"blk 0 checksum 0 {Transfer}", disk.Checksum(0, Transfer));

        Command(guest, "blk 0 checksum 7 1", "error: disk0: the device did not answer in time and was reset");

        Assert.That(
            guest.Serial.Text,
            Does.Match(@"(?m)^warning: disk0: a read of sector 7 was not answered for [3-5].* s, which is the limit$"));
        Assert.That(guest.Serial.Text, Does.Contain("disk0: brought up again, attempt 1 of 3\n"));
        Hasten(guest);
        Command(guest, $"blk 0 checksum 0 {Sectors}", disk.Checksum(0, Sectors));
        guest.Type("exit\n");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Failure));
    }

    [Test]
    public void Machine_that_is_paused_for_longer_than_the_limit_loses_nothing()
    {
        DiskImage disk = NewDisk(Sectors);
        QemuGuest guest = Start(Throttled(disk, "throttling.bps-total=32768") with { CommandLine = "timeout=7" });
        guest.WaitForPrompt();
        guest.Type($"blk 0 checksum 0 {2 * Transfer}\n");
        Thread.Sleep(1000);
        Pause(guest, 9);
        guest.WaitForLine($"^{disk.Checksum(0, 2 * Transfer)}$");
        Assert.That(guest.Serial.Text, Does.Not.Contain("warning"));
    }

    [Test]
    public void Machine_that_is_paused_again_and_again_while_much_is_in_flight_loses_nothing()
    {
        DiskImage disk = NewDisk(8192);
        byte[] before = disk.ReadAll();
        Churn churn = new(Churn.NewSeed(), 2_000);
        QemuGuest guest = Start(
            new GuestOptions { CommandLine = "timeout=3" }
                .WithDisk(new DiskOptions(disk.Path) { Drive = "cache=unsafe" }));
        guest.WaitForPrompt();
        guest.Type(churn.Command() + "; exit\n");
        guest.WaitForLine("^durable: [0-9]+$");
        Pause(guest, 5);
        for (int pause = 0; pause < 10; pause++)
        {
            Thread.Sleep(pause);
            Pause(guest, 0);
        }

        guest.WaitForLine($"^{churn.Success}$");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
        Assert.That(guest.Serial.Text, Does.Not.Contain("warning"));
        Assert.That(churn.FindLoss(before, disk.ReadAll(), churn.Operations), Is.Null);
    }

    [Test]
    public void Disk_that_is_slow_for_a_while_loses_nothing()
    {
        DiskImage disk = NewDisk(8192);
        byte[] before = disk.ReadAll();
        Churn churn = new(Churn.NewSeed(), 1_000);
        QemuGuest guest = Start(Throttled(disk, "throttling.iops-total=100000"));
        guest.WaitForPrompt();
        guest.Type(churn.Command() + "; exit\n");
        guest.WaitForLine("^durable: [0-9]+$");
        Limit(guest, "iops", 20);
        Thread.Sleep(1500);
        Hasten(guest);
        guest.WaitForLine($"^{churn.Success}$");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
        Assert.That(churn.FindLoss(before, disk.ReadAll(), churn.Operations), Is.Null);
    }

    /// <summary>QEMU lets go what it holds back when the device is reset, so that the disk is usable at once.</summary>
    [Test]
    public void Disk_that_gets_stuck_with_much_in_flight_is_reset_and_used_on()
    {
        DiskImage disk = NewDisk(8192);
        byte[] before = disk.ReadAll();
        Churn churn = new(Churn.NewSeed(), 200_000);
        QemuGuest guest = Start(
            Throttled(disk, "cache=unsafe,throttling.iops-total=100000") with { CommandLine = "timeout=3" });
        guest.WaitForPrompt();
        guest.Type(churn.Command() + "\n");
        guest.WaitForLine("^durable: [0-9]+$");

        // Four seconds for a sector.
        Limit(guest, "bps", 128);
        guest.WaitForLine(
            @"^error: disk0: operation \d+, a [a-z ]+( of \d+ sectors starting at \d+)?: "
            + "the device did not answer in time and was reset$");
        ulong done = Churn.Durable(guest.Serial.Text)[^1];
        guest.WaitForText("^vg> ");
        Hasten(guest);
        byte[] between = disk.ReadAll();
        Assert.That(churn.FindLoss(before, between, done), Is.Null);

        Churn next = new(churn.Seed + 1, 300);
        Command(guest, next.Command(), next.Success);
        Assert.That(next.FindLoss(between, disk.ReadAll(), next.Operations), Is.Null);
        guest.Type("exit\n");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Failure));
    }

    [TestCase("timeout=soon")]
    [TestCase("timeout=-1")]
    public void Limit_that_is_none_is_named(string word)
    {
        DiskImage disk = NewDisk(Sectors);
        GuestOptions options = new GuestOptions { CommandLine = word }.WithDisk(disk);
        Transcript transcript = Run(options, "blk 0 checksum 0 1; exit");
        Assert.That(transcript.OutputOf("blk 0 checksum 0 1"), Is.EqualTo(new[] { disk.Checksum(0, 1) }));
        Assert.That(
            transcript.Start,
            Does.Contain($"error: {word}: takes seconds, 1 to 86400, or 0 for no limit; there is none now"));
    }

    [Test]
    [NightlyOnly]
    public void Disk_of_16_KiB_a_second_is_named_and_waited_for()
    {
        // QEMU lets the first read through, whose requests it makes one of, and has the next pay for it: 64 seconds.
        DiskImage disk = NewDisk(Sectors);
        QemuGuest guest = Start(Throttled(disk, "throttling.bps-total=16384"));
        guest.WaitForPrompt();
        guest.Type($"blk 0 checksum 0 {Sectors}\n");
        guest.WaitForLine($"^{disk.Checksum(0, Sectors)}$");
        guest.Type("blk 0 checksum 7 1\n");
        guest.WaitForLine(@"^warning: disk0: a read of sector \d+ has not been answered for 3\d s, still waiting$",
            TimeSpan.FromSeconds(60));
        guest.WaitForLine($"^{disk.Checksum(7, 1)}$", TimeSpan.FromSeconds(90));
        guest.Type("exit\n");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
        Assert.That(guest.Serial.Text, Does.Match(@"disk0: the read of sector \d+ was answered after \d+"));
    }

    [Test]
    [NightlyOnly]
    public void Throttled_machine_that_is_paused_for_forty_seconds_loses_nothing()
    {
        DiskImage disk = NewDisk(Sectors);
        QemuGuest guest = Start(Throttled(disk, "throttling.iops-total=40"));
        guest.WaitForPrompt();
        for (int i = 0; i < 20; i++)
        {
            guest.Type($"blk 0 checksum 0 {Sectors}\n");
        }

        Thread.Sleep(1000);
        Pause(guest, 40);
        guest.Type("exit\n");
        Assert.That(guest.WaitForExit(TimeSpan.FromSeconds(60)), Is.EqualTo(QemuGuest.Success));
        Assert.That(guest.Serial.Text, Does.Not.Contain("warning"));
    }

    private static GuestOptions Throttled(DiskImage disk, string limit) => new GuestOptions().WithArguments(
        "-drive", $"if=none,id=slow,format=raw,file={disk.Path},file.locking=off,{limit}",
        "-device", "virtio-blk-pci,drive=slow,packed=on");

    private static void Pause(QemuGuest guest, int seconds)
    {
        guest.Monitor.Execute("stop");
        Thread.Sleep(seconds * 1000);
        guest.Monitor.Execute("cont");
    }

    private static void Hasten(QemuGuest guest) => Limit(guest, "iops", 0);

    // Operations or bytes a second; 0 for no limit.
    private static void Limit(QemuGuest guest, string limited, int number)
    {
        JsonObject limits = new() { ["device"] = "slow" };
        foreach (string name in (string[])["bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"])
        {
            limits[name] = name == limited ? number : 0;
        }

        guest.Monitor.Execute("block_set_io_throttle", limits);
    }

    private static void Command(QemuGuest guest, string command, string line)
    {
        guest.Type(command + "\n");
        guest.WaitForLine($"^{line}$");
        guest.WaitForText("^vg> ");
    }
}
