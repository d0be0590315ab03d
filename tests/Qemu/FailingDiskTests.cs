using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>Disks that fail a request, or change their size, while many requests are in flight.</summary>
public sealed class FailingDiskTests : QemuTest
{
    private const int Sectors = 8192;

    private static readonly string[] s_operations = ["read", "write", "flush", "discard", "write-zeroes"];

    [Test]
    public void Operation_that_fails_is_named_and_nothing_else_is_lost([ValueSource(nameof(s_operations))] string what)
    {
        DiskImage disk = NewDisk(Sectors);
        byte[] before = disk.ReadAll();
        Churn churn = new(Churn.NewSeed(), 400);
        Churn next = new(churn.Seed + 1, 200);
        QemuGuest guest = Start(Failing(disk, what, errno: 5));
        guest.WaitForPrompt();
        guest.Type(churn.Command() + "\n");
        string words = what.Replace("write-zeroes", "write of zeroes", StringComparison.Ordinal);
        string number = guest.WaitForLine(
            $@"^error: disk0: operation (\d+), a {words}( of \d+ sectors starting at \d+)?: "
            + "the device reports an I/O error$").Groups[1].Value;
        guest.WaitForText("^vg> ");

        byte[] between = disk.ReadAll();
        Assert.That(churn.FindLoss(before, between, ulong.Parse(number)), Is.Null);
        guest.Type("lsvirtio\n");
        guest.WaitForLine("^    errors: 1$");
        guest.Type(next.Command() + "; exit\n");
        guest.WaitForLine($"^{next.Success}$");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Failure));
        Assert.That(next.FindLoss(between, disk.ReadAll(), next.Operations), Is.Null);
    }

    /// <summary>QEMU stops the machine and does the request again when it goes on.</summary>
    [TestCase("write", 28, "")]
    [TestCase("read", 5, ",rerror=stop,werror=stop")]
    [TestCase("write", 5, ",rerror=stop,werror=stop")]
    [TestCase("flush", 5, ",rerror=stop,werror=stop")]
    public void Machine_that_is_stopped_by_an_error_loses_nothing(string what, int errno, string properties)
    {
        DiskImage disk = NewDisk(Sectors);
        byte[] before = disk.ReadAll();
        Churn churn = new(Churn.NewSeed(), 400);
        QemuGuest guest = Start(Failing(disk, what, errno, properties));
        guest.WaitForPrompt();
        guest.Type(churn.Command() + "; exit\n");
        JsonObject? error = guest.Monitor.WaitForEvent("BLOCK_IO_ERROR", Deadlines.Command);
        Assert.That(error?["action"]?.GetValue<string>(), Is.EqualTo("stop"));
        Assert.That(guest.Monitor.WaitForEvent("STOP", Deadlines.Command), Is.Not.Null);
        guest.Monitor.Execute("cont");

        guest.WaitForLine($"^{churn.Success}$");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
        Assert.That(churn.FindLoss(before, disk.ReadAll(), churn.Operations), Is.Null);
    }

    [Test]
    public void Disk_that_grows_is_seen_at_once_and_disturbs_nothing()
    {
        DiskImage disk = NewDisk(Sectors);
        byte[] before = disk.ReadAll();
        Churn churn = new(Churn.NewSeed(), 4000);
        QemuGuest guest = Start(new GuestOptions().WithDisk(disk));
        guest.WaitForPrompt();
        guest.Type(churn.Command() + "\n");
        guest.WaitForLine("^durable: ");
        Resize(guest, Sectors + 7);
        Resize(guest, 2 * Sectors);
        guest.WaitForLine($"^{churn.Success}$");
        guest.WaitForText("^vg> ");
        Command(guest, "disks", $"disk0: {2 * Sectors} sectors .*");
        Resize(guest, 3 * Sectors);
        Command(guest, "disks", $"disk0: {3 * Sectors} sectors .*");

        byte[] after = disk.ReadAll();
        Assert.That(churn.FindLoss(before, after.AsSpan(0, before.Length), churn.Operations), Is.Null);
        Assert.That(after.AsSpan(before.Length).ContainsAnyExcept((byte)0), Is.False);
        Churn next = new(churn.Seed + 1, 200) { First = Sectors, Count = 2 * Sectors };
        Command(guest, next.Command(), next.Success);
        Assert.That(next.FindLoss(after, disk.ReadAll(), next.Operations), Is.Null);
    }

    [Test]
    public void Disk_that_shrinks_fails_what_lies_beyond_and_nothing_else()
    {
        const int Left = (Sectors / 2) + 1;
        DiskImage disk = NewDisk(Sectors);
        byte[] before = disk.ReadAll();
        Churn churn = new(Churn.NewSeed(), 40_000);
        QemuGuest guest = Start(new GuestOptions().WithDisk(disk));
        guest.WaitForPrompt();
        guest.Type(churn.Command() + "\n");
        guest.WaitForLine("^durable: [0-9]{2,}$");
        Resize(guest, Left);
        string[] numbers =
        [
            .. guest.WaitForLine(
                @"^error: disk0: operation \d+, a [a-z ]+ of (\d+) sectors starting at (\d+): "
                + "(?:a sector lies beyond the end of the disk|the device reports an I/O error)$")
                .Groups.Values.Skip(1).Select(group => group.Value),
        ];
        Assert.That(int.Parse(numbers[0]) + int.Parse(numbers[1]), Is.GreaterThan(Left));
        guest.WaitForText("^vg> ");
        byte[] after = disk.ReadAll();
        Assert.That(after, Has.Length.EqualTo(Left * 512));
        Assert.That(
            churn.FindLoss(before.AsSpan(0, after.Length), after, Churn.Durable(guest.Serial.Text)[^1]), Is.Null);

        Command(guest, $"blk 0 checksum 0 {Left}", disk.Checksum(0, Left));
        Command(
            guest, $"blk 0 read {Left} 1", $"error: disk0: 1 sectors starting at {Left} reach beyond .* {Left}");
        Churn next = new(churn.Seed + 1, 200) { Count = Left };
        Command(guest, next.Command(), next.Success);
        Assert.That(next.FindLoss(after, disk.ReadAll(), next.Operations), Is.Null);
    }

    // Reads, writes and flushes are counted; of the others the first fails.
    private GuestOptions Failing(DiskImage disk, string what, int errno, string properties = "")
    {
        (string happening, int number) = what switch
        {
            "read" => ("read_aio", 30),
            "write" => ("write_aio", 30),
            "flush" => ("flush_to_disk", 4),
            _ => ("none", 1),
        };
        string rules = Path.Combine(Folder, "rules");
        File.WriteAllLines(rules, [
            .. Enumerable.Range(1, number - 1).Select(state =>
                $"[set-state]\nevent = \"{happening}\"\nstate = \"{state}\"\nnew_state = \"{state + 1}\""),
            "[inject-error]", $"event = \"{happening}\"", $"state = \"{number}\"", $"iotype = \"{what}\"",
            $"errno = \"{errno}\"", "once = \"on\"",
        ]);
        return new GuestOptions().WithArguments(
            "-blockdev", $"driver=file,node-name=file,filename={disk.Path},locking=off,discard=unmap",
            "-blockdev", $"driver=blkdebug,node-name=bad,image=file,discard=unmap,config={rules}",
            "-blockdev", "driver=raw,node-name=disk,file=bad,discard=unmap",
            "-device", "virtio-blk-pci,drive=disk,packed=on,request-merging=off" + properties);
    }

    private static void Resize(QemuGuest guest, int sectors) =>
        guest.Monitor.Execute("block_resize", new JsonObject { ["device"] = "disk0", ["size"] = sectors * 512 });

    private static void Command(QemuGuest guest, string command, string line)
    {
        guest.Type(command + "\n");
        guest.WaitForLine($"^{line}$");
        guest.WaitForText("^vg> ");
    }
}
