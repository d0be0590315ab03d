using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// Machines that are saved and go on later, in the same QEMU or in another. QEMU loads the state of every device, so
/// those that nobody drives count too: firmware has used some of them.
/// </summary>
public sealed class SavedMachineTests : QemuTest
{
    private const int Sectors = 2048;
    private const string Work = "blk 0 fill 0 2048 7; blk 0 verify 0 2048 7; net 0 ping 10.0.2.2 4";

    // What firmware or the kernel touches at the start and the kernel does not drive afterwards.
    private static readonly Dictionary<string, string[]> s_others = new()
    {
        ["nothing"] = [],
        ["a SATA disk"] =
        [
            "-drive", "if=none,id=o,format=raw,file=OTHER,snapshot=on", "-device", "ahci,id=ahci1",
            "-device", "ide-hd,drive=o,bus=ahci1.0",
        ],
        ["an IDE disk"] =
        [
            "-drive", "if=none,id=o,format=raw,file=OTHER,snapshot=on", "-device", "piix3-ide,id=ide1",
            "-device", "ide-hd,drive=o,bus=ide1.0",
        ],
        ["USB storage"] =
        [
            "-drive", "if=none,id=o,format=raw,file=OTHER,snapshot=on", "-device", "qemu-xhci,id=x",
            "-device", "usb-storage,drive=o,bus=x.0", "-device", "usb-kbd,bus=x.0",
        ],
        ["older USB"] =
        [
            "-device", "usb-ehci,id=e", "-device", "pci-ohci,id=h", "-device", "usb-kbd,bus=h.0",
            "-device", "piix3-usb-uhci,id=u", "-device", "usb-tablet,bus=u.0",
        ],
        ["a SCSI disk"] =
        [
            "-drive", "if=none,id=o,format=raw,file=OTHER,snapshot=on", "-device", "virtio-scsi-pci,id=s",
            "-device", "scsi-hd,drive=o,bus=s.0",
        ],
        ["a legacy disk"] =
        [
            "-drive", "if=none,id=o,format=raw,file=OTHER,snapshot=on",
            "-device", "virtio-blk-pci,drive=o,disable-modern=on,disable-legacy=off",
        ],
        ["network cards"] =
        [
            "-netdev", "user,id=o", "-device", "e1000,netdev=o", "-device", "rtl8139", "-device", "pcnet",
            "-device", "vmxnet3", "-device", "i82559er",
        ],
        ["other virtio"] =
        [
            "-device", "virtio-rng-pci", "-device", "virtio-balloon-pci", "-device", "virtio-serial-pci",
            "-device", "virtio-gpu-pci", "-device", "virtio-keyboard-pci",
        ],
    };

    private static IEnumerable<string> Others => s_others.Keys;

    [TestCase(MachineType.Pc)]
    [TestCase(MachineType.Q35)]
    public void Machine_that_is_put_back_goes_on(MachineType machine)
    {
        DiskImage disk = NewDisk();
        PutBack(Start(WithDevices(disk, snapshot: "on") with { Machine = machine }), disk);
    }

    [Test]
    public void Machine_goes_on_in_another_QEMU()
    {
        Move(WithDevices(NewDisk()) with { Machine = MachineType.Q35 }, work: null);
    }

    [Test]
    public void Machine_that_is_put_back_in_the_middle_of_its_work_finds_what_it_had_written()
    {
        Churn churn = new(Churn.NewSeed(), 4_000);
        QemuGuest guest = Start(WithDevices(NewDisk(8192), snapshot: "on"));
        guest.WaitForPrompt();
        guest.Type(churn.Command() + "\n");
        guest.WaitForLine("^durable: [0-9]{2,}$");
        Assert.That(guest.Monitor.ExecuteText("savevm here"), Is.Empty);
        ulong saved = Churn.Durable(guest.Serial.Text)[^1];
        guest.WaitForLine($"^{churn.Success}$");

        // The disk goes back with the machine, and both go on.
        Assert.That(guest.Monitor.ExecuteText("loadvm here"), Is.Empty);
        guest.WaitForLine($"^{churn.Success}$");
        Assert.That(saved, Is.LessThan(churn.Operations / 2), "it was too late");
        guest.WaitForText("^vg> ");
        guest.Type("exit\n");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
    }

    [TestCase("on")]
    [TestCase("off")]
    public void Machine_that_moves_in_the_middle_of_its_work_loses_nothing(string packed)
    {
        // The first sectors are written once more at the end.
        const int First = 1024;
        DiskImage disk = NewDisk(8192);
        byte[] before = disk.Read(First, 7168);
        Churn churn = new(Churn.NewSeed(), 4_000) { First = First, Count = 7168 };
        Move(WithDevices(disk, packed), churn.Command(), churn.Success);
        Assert.That(churn.FindLoss(before, disk.Read(First, 7168), churn.Operations, First), Is.Null);
    }

    [Test]
    public void Machine_that_is_reset_in_the_middle_of_its_work_has_what_was_flushed()
    {
        DiskImage disk = NewDisk(8192);
        byte[] before = disk.ReadAll();
        Churn churn = new(Churn.NewSeed(), 20_000);
        QemuGuest guest = Start(new GuestOptions { EndsOnReset = false }.WithDisk(disk));
        for (int reset = 0; reset < 3; reset++)
        {
            guest.WaitForPrompt();
            guest.Type(churn.Command() + "\n");
            guest.WaitForLine("^durable: [0-9]{2,}$");
            guest.Monitor.Execute("system_reset");
            guest.WaitForFirstLine();
            guest.WaitForText("^vg> ");
            byte[] after = disk.ReadAll();
            Assert.That(churn.FindLoss(before, after, Churn.Durable(guest.Serial.Text)[^1]), Is.Null);
            before = after;
            churn = new Churn(churn.Seed + 1, churn.Operations);
            guest.Type("\n");
        }
    }

    [Test]
    [NightlyOnly]
    public void Whatever_else_is_there_the_machine_is_put_back(
        [Values] MachineType machine, [ValueSource(nameof(Others))] string others)
    {
        DiskImage disk = NewDisk();
        PutBack(Start(With(others, WithDevices(disk, snapshot: "on") with { Machine = machine })), disk);
    }

    [Test]
    [NightlyOnly]
    public void Machine_moves_while_it_works(
        [Values] MachineType machine, [Values(Door.Elf, Door.IsoBios, Door.IsoUefi)] Door door,
        [Values("on", "off")] string packed, [Values(null, Work)] string? work)
    {
        Move(WithDevices(NewDisk(), packed) with { Machine = machine, Door = door }, work);
    }

    [Test]
    [NightlyOnly]
    public void Machine_with_others_moves(
        [Values] MachineType machine, [ValueSource(nameof(Others))] string others)
    {
        Move(With(others, WithDevices(NewDisk()) with { Machine = machine }), Work);
    }

    [TestCase("microvm,acpi=off", null)]
    [TestCase("microvm,acpi=off", Work)]
    [NightlyOnly]
    public void Small_machine_moves(string machine, string? work)
    {
        GuestOptions options = new GuestOptions().WithArguments(
            "-machine", machine,
            "-global", "virtio-mmio.force-legacy=false",
            "-drive", $"if=none,id=a,format=raw,file={NewDisk().Path},file.locking=off",
            "-device", "virtio-blk-device,drive=a,packed=on",
            "-netdev", "user,id=n", "-device", "virtio-net-device,netdev=n");
        Move(options, work);
    }

    // A snapshot of the machine needs disks that can hold one; a disk that moves along is the same file twice.
    private static GuestOptions WithDevices(DiskImage disk, string packed = "on", string snapshot = "off") =>
        new GuestOptions().WithArguments(
            "-drive", $"if=none,id=a,format=raw,file={disk.Path},file.locking=off,snapshot={snapshot}",
            "-device", $"virtio-blk-pci,drive=a,packed={packed}",
            "-netdev", "user,id=n",
            "-device", $"virtio-net-pci,netdev=n,packed={packed}");

    private GuestOptions With(string others, GuestOptions options)
    {
        string[] arguments = s_others[others];
        string other = arguments.Any(argument => argument.Contains("OTHER", System.StringComparison.Ordinal))
            ? NewDisk().Path
            : string.Empty;
        return options.WithArguments(
            [.. arguments.Select(argument => argument.Replace("OTHER", other, System.StringComparison.Ordinal))]);
    }

    private static void PutBack(QemuGuest guest, DiskImage disk)
    {
        guest.WaitForPrompt();
        Command(guest, "blk 0 checksum 0 2048", $"^{disk.Checksum(0, Sectors)}$");
        Command(guest, "net 0 dhcp", @"^net0: 10\.0\.2\.15/24");

        Assert.That(guest.Monitor.ExecuteText("savevm here"), Is.Empty);
        Command(guest, "blk 0 fill 5 300 9", "^filled 300 sectors$");
        Assert.That(guest.Monitor.ExecuteText("loadvm here"), Is.Empty);

        // The disk goes back with the machine.
        Command(guest, "blk 0 checksum 0 2048", $"^{disk.Checksum(0, Sectors)}$");
        Command(guest, "net 0 ping 10.0.2.2 2", "^2 sent, 2 received");
        Command(guest, "net 0 dhcp", @"^net0: 10\.0\.2\.15/24");
        guest.Type("exit\n");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
    }

    private void Move(GuestOptions options, string? work, string? end = null)
    {
        string state = Path.Combine(Folder, "state");
        QemuGuest guest = Start(options);
        guest.WaitForPrompt();
        Command(guest, "net 0 dhcp", @"^net0: 10\.0\.2\.15/24");
        if (work is not null)
        {
            guest.Type(work + "\n");
            Thread.Sleep(200);
        }

        // Not while it runs: QEMU's emulation of processors can miss that a page was written after it was sent, because
        // the flag of a page and the processor's way past it are not looked at together. Then the guest that goes on
        // has stale pages, whoever it is. What is in flight at the disk is in flight either way.
        guest.Monitor.Execute("stop");
        guest.Monitor.Execute("migrate", new JsonObject { ["uri"] = $"exec:cat > {state}" });
        WaitForStatus(guest, "query-migrate", "completed");
        string said = guest.Serial.Text;
        guest.Dispose();

        // What is typed before the state has come belongs to a serial port that the state replaces.
        QemuGuest next = Start(options.WithArguments("-incoming", $"exec:cat {state}"));
        WaitForStatus(next, "query-status", "paused");
        next.Monitor.Execute("cont");
        if (end is not null)
        {
            Assert.That(said, Does.Not.Contain(end), "it was too late");
            next.WaitForLine($"^{end}$");
        }

        if (work is not null && !said.EndsWith("vg> ", System.StringComparison.Ordinal))
        {
            next.WaitForText("^vg> ");
        }

        Command(next, "blk 0 fill 5 300 9; blk 0 verify 5 300 9", "^filled 300 sectors$");
        Command(next, "net 0 dhcp", @"^net0: 10\.0\.2\.15/24");
        next.Type("exit\n");
        Assert.That(next.WaitForExit(), Is.EqualTo(QemuGuest.Success));
    }

    private static void WaitForStatus(QemuGuest guest, string query, string wanted)
    {
        string status = string.Empty;
        for (int look = 0; look < 600 && status != wanted && status != "failed"; look++)
        {
            Thread.Sleep(50);
            status = guest.Monitor.Execute(query)?["status"]?.GetValue<string>() ?? string.Empty;
        }

        Assert.That(status, Is.EqualTo(wanted));
    }

    private static void Command(QemuGuest guest, string command, string line)
    {
        guest.Type(command + "\n");
        guest.WaitForLine(line);
        guest.WaitForText("^vg> ");
    }
}
