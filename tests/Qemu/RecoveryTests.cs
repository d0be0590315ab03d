using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// Devices that get into trouble while the kernel works with them. QEMU's devices ask for a reset when they find a ring
/// that makes no sense; the test writes such things into the guest's memory behind the driver's back.
/// </summary>
public sealed class RecoveryTests : QemuTest
{
    private const int Attempts = 3;
    private const ulong InFlight = 64;

    [TestCase("pc")]
    [TestCase("q35")]
    [TestCase("microvm,acpi=off")]
    [TestCase("microvm,acpi=on,pcie=on")]
    public void Disk_that_asks_for_a_reset_is_read_on(string machine)
    {
        DiskImage disk = NewDisk();
        QemuGuest guest = StartWithMemory(machine, Disk(machine, disk), out GuestMemory memory);
        Command(guest, "blk 0 checksum 0 2048", disk.Checksum(0, 2048));
        string before = Holdings(guest);
        Assert.That(before, Does.Contain("\ndisk0"));
        for (int attempt = 1; attempt <= Attempts; attempt++)
        {
            // The request itself takes one descriptor. The device does not complete it once it has seen the next.
            DeviceRing.Find(guest, memory, "virtio-blk", 0).BreakPackedDescriptor(ahead: 1);
            Command(guest, "blk 0 checksum 7 100", disk.Checksum(7, 100));
            Command(guest, "blk 0 checksum 0 2048", disk.Checksum(0, 2048));
            Assert.That(guest.Serial.Text, Does.Contain($"disk0: brought up again, attempt {attempt} of {Attempts}\n"));
        }

        Assert.That(Holdings(guest), Is.EqualTo(before), "nothing is lost on the way");
        Assert.That(
            Regex.Count(guest.Serial.Text, "(?m)^warning: disk0: the device asks for a reset$"), Is.EqualTo(Attempts));
        Command(guest, "blk 0 fill 5 300 9", "filled 300 sectors");
        Assert.That(disk.Read(5, 300), Is.EqualTo(SectorPattern.Make(5, 300, 9)));
        guest.Type("lsvirtio\n");
        guest.WaitForLine($"^    brought up again: {Attempts} times, .* because of: the device asks for a reset$");
        guest.WaitForLine("^    quarantined: 0 bytes$");

        DeviceRing.Find(guest, memory, "virtio-blk", 0).BreakPackedDescriptor(ahead: 1);
        Command(guest, "blk 0 checksum 7 100", "error: disk0: the device misbehaved and is out of use");
        Assert.That(
            guest.Serial.Text,
            Does.Contain($"warning: disk0: given up: it was in trouble after each of {Attempts} attempts\n"));
        Command(guest, "disks", @"disk0: .*, out of use");
        guest.Type("exit\n");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Failure));
    }

    /// <summary>
    /// The disk is slow, so that what is in flight is with it, and the ring is quiet enough to be broken between two
    /// requests. QEMU does what it has when it is reset, and tells nobody: the driver has all of it done once more.
    /// </summary>
    [TestCase("pc", "on")]
    [TestCase("q35", "off")]
    [TestCase("microvm,acpi=off", "on")]
    public void Disk_that_asks_for_resets_while_much_is_in_flight_loses_nothing_and_doubles_nothing(
        string machine, string packed)
    {
        DiskImage disk = NewDisk(8192);
        byte[] before = disk.ReadAll();
        Churn churn = new(Churn.NewSeed(), 200_000);
        QemuGuest guest = StartWithMemory(
            machine, Disk(machine, disk, packed, "throttling.iops-total=150"), out GuestMemory memory);
        guest.Type(churn.Command() + "\n");
        for (int attempt = 1; attempt <= Attempts; attempt++)
        {
            // A request is handed to the device once more, not twice: what was in flight the last time has to be done.
            ulong done = LastDurable(guest);
            WaitUntil(() => LastDurable(guest) > done + InFlight, "the work goes on");
            WaitUntil(() => BreakRing(guest, memory, packed, attempt), "the device finds what is broken");
        }

        guest.Monitor.ExecuteText($"block_set_io_throttle {(machine.StartsWith('m') ? "a" : "disk0")} 0 0 0 0 0 0");
        Thread.Sleep(200);
        churn = churn.Interrupt(guest);
        Assert.That(churn.FindLoss(before, disk.ReadAll(), churn.Operations), Is.Null);
        guest.Type("lsvirtio; exit\n");
        guest.WaitForLine($"^    brought up again: {Attempts} times, .*$");
        guest.WaitForLine("^    quarantined: 0 bytes$");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Failure));
    }

    [TestCase("pc", "on", null)]
    [TestCase("pc", "off", null)]
    [TestCase("q35", "on", 0)]
    [TestCase("microvm,acpi=off", "off", null)]
    public void Card_that_asks_for_a_reset_keeps_its_lease(string machine, string packed, int? vectors)
    {
        GuestOptions options = machine == "microvm,acpi=off"
            ? new GuestOptions().WithArguments(
                "-global", "virtio-mmio.force-legacy=false",
                "-netdev", "user,id=n", "-device", $"virtio-net-device,netdev=n,packed={packed}")
            : new GuestOptions().WithNic(new NicOptions { IsPacked = packed == "on", Vectors = vectors });
        QemuGuest guest = StartWithMemory(machine, options, out GuestMemory memory);
        Command(guest, "net 0 dhcp", @"net0: 10\.0\.2\.15/24, .*");
        for (int attempt = 1; attempt <= Attempts; attempt++)
        {
            DeviceRing ring = DeviceRing.Find(guest, memory, "virtio-net", 0);
            if (packed == "on")
            {
                ring.BreakPackedDescriptor(ahead: 0);
            }
            else
            {
                ring.BreakSplitAvailable();
            }

            // The answer meets the broken ring: it is lost, as frames may be.
            guest.Type("net 0 ping 10.0.2.2 1\n");
            guest.WaitForLine($"^net0: brought up again, attempt {attempt} of {Attempts}$");
            guest.WaitForText("^1 sent, [01] received\n");
            Command(guest, "net 0 ping 10.0.2.2 3", "3 sent, 3 received");
        }

        Command(guest, "net 0 status", @"net0: 10\.0\.2\.15/24.*");
        guest.Type("exit\n");
        Assert.That(guest.WaitForExit(), Is.AnyOf(QemuGuest.Success, QemuGuest.Failure));
    }

    [Test]
    public void Card_that_breaks_the_rules_is_used_on()
    {
        QemuGuest guest = StartWithMemory("q35", new GuestOptions().WithNic(), out GuestMemory memory);
        Command(guest, "net 0 dhcp", @"net0: 10\.0\.2\.15/24, .*");

        // The device fills the next buffer, and the driver looks at the one behind it.
        DeviceRing.Find(guest, memory, "virtio-net", 0).ForgePackedUsed(ahead: 1);

        guest.Type("net 0 ping 10.0.2.2 1\n");
        guest.WaitForLine("^warning: net0: receiveq1: the device used a buffer ID out of range$");
        guest.WaitForLine("^net0: brought up again, attempt 1 of 3$");
        guest.WaitForText("^vg> ");
        Command(guest, "net 0 ping 10.0.2.2 3", "3 sent, 3 received");
        guest.Type("selftest\n");
        guest.WaitForText("^1\\.\\.\\d+");
        guest.WaitForText("^vg> ");
        Assert.That(guest.Serial.Text, Does.Not.Contain("not ok"));
    }

    // Types a command and waits for a whole line that it prints, and for the next prompt.
    private static void Command(QemuGuest guest, string command, string line)
    {
        guest.Type(command + "\n");
        guest.WaitForLine($"^{line}$");
        guest.WaitForText("^vg> ");
    }

    // What devices have of the memory, and who waits for which interrupt. A thread whose interrupt was given back needs
    // a turn to end.
    private static string Holdings(QemuGuest guest)
    {
        guest.Type("mem; threads\n");
        string devices = guest.WaitForLine("^  devices: .*$").Value;
        string threads = guest.WaitForText(@"^  id name(.*\n)*?vec .*\n(.*\n)*?vg> ").Value;
        IEnumerable<string> names = Regex.Matches(threads, @"(?m)^ *\d+ (disk0 ?\w*)")
            .Select(match => match.Groups[1].Value);
        return devices + string.Concat(names.Order().Select(name => "\n" + name));
    }

    private static ulong LastDurable(QemuGuest guest) =>
        Churn.Durable(guest.Serial.Text) is [.., ulong last] ? last : 0;

    private static void WaitUntil(Func<bool> condition, string what) =>
        Assert.That(SpinWait.SpinUntil(condition, Deadlines.Command), Is.True, what);

    // Whether the device was reset because of it: where the driver comes before it, it overwrites what was broken. A
    // broken descriptor in a packed ring with another available one behind it makes QEMU 7.2 look for ever, because it
    // forgets that the device is broken (virtio_blk_handle_vq): so it is one, and the device looks while the driver
    // waits (ioeventfd=off).
    private static bool BreakRing(QemuGuest guest, GuestMemory memory, string packed, int attempt)
    {
        DeviceRing ring = DeviceRing.Find(guest, memory, "virtio-blk", 0);
        if (packed == "on")
        {
            ring.BreakPackedDescriptor(ahead: 1);
        }
        else if (!ring.BreakNextSplitAvailable(TimeSpan.FromMilliseconds(100)))
        {
            return false;
        }

        return SpinWait.SpinUntil(
            () => guest.Serial.Text.Contains(
                $"disk0: brought up again, attempt {attempt} of {Attempts}\n", StringComparison.Ordinal),
            TimeSpan.FromMilliseconds(100));
    }

    private static GuestOptions Disk(string machine, DiskImage disk, string packed = "on", string? drive = null)
    {
        return machine == "microvm,acpi=off"
            ? new GuestOptions().WithArguments(
                "-global", "virtio-mmio.force-legacy=false",
                "-drive",
                $"if=none,id=a,format=raw,file={disk.Path},file.locking=off" + (drive is null ? "" : "," + drive),
                "-device", "virtio-blk-device,drive=a,packed=" + packed)
            : new GuestOptions().WithDisk(new DiskOptions(disk.Path)
            {
                IsPacked = packed == "on",
                Drive = drive,
                Properties = packed == "on" && drive is not null ? "ioeventfd=off" : null,
            });
    }

    private QemuGuest StartWithMemory(string machine, GuestOptions options, out GuestMemory memory)
    {
        memory = new GuestMemory(Path.Combine(Folder, "ram"));
        QemuGuest guest = Start(memory.Put(options, machine));
        guest.WaitForPrompt();
        return guest;
    }
}
