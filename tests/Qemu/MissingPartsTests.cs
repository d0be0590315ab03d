using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;
using VirtioGuest.Qemu.Tests.Matrix;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// Machines with pieces missing, in the combinations that QEMU accepts: the guest works by what is there, at once
/// and not
/// after time-outs, and says right after its first line what it has to do without.
/// </summary>
public sealed class MissingPartsTests : QemuTest
{
    private const string Script = "disks; blk 0 checksum 0 8; net 0 dhcp; exit";
    private const string NoLines =
        "no interrupt controller for lines: devices on lines, serial port and keyboard are polled";

    private const string NoTimer = "no timer that interrupts: the processor never rests";
    private const string NoReference = "no timer to measure the processor's clock with: times are wrong";
    private const string NoDate = "no clock with the date: it is taken for 1970-01-01";

    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(40);

    private static readonly string[] s_microvmParts = ["pic", "pit", "rtc", "isa-serial", "x-option-roms"];
    private static readonly string[] s_pcParts = ["pic", "pit", "acpi", "hpet", "i8042"];

    // Each piece is missing in one of them, alone or with others.
    private static readonly string[] s_few =
    [
        "microvm,acpi=off,pic=off",
        "microvm,acpi=off,pit=off,rtc=off,pic=off",
        "microvm,acpi=off,pic=off,pit=off,rtc=off -apic",
        "microvm,acpi=off,isa-serial=off,x-option-roms=off",
        "microvm,acpi=on,pcie=on,pic=off,pit=off -messages",
        "microvm,acpi=on,pcie=on,ioapic2=off -messages",
        "pc,pic=off -messages",
        "pc,pic=off,pit=off,i8042=off -apic",
        "pc -apic",
        "q35,pic=off,pit=off,acpi=off,hpet=off -messages",
        "q35,graphics=off,smm=off,vmport=off,smbus=off,sata=off,usb=off -messages",
    ];

    private static IEnumerable<string> AllMachines =>
    [
        .. Without("microvm,acpi=off", s_microvmParts),
        .. Without("microvm,acpi=off", s_microvmParts).Select(machine => machine + " -apic"),
        .. Without("microvm,acpi=on,pcie=on", [.. s_microvmParts, "ioapic2"]),
        .. Without("microvm,acpi=on,pcie=on", [.. s_microvmParts, "ioapic2"]).Select(machine => machine + " -messages"),
        .. from board in new[] { "pc", "q35" }
           from machine in Without(board, s_pcParts)
           from more in new[] { string.Empty, " -messages", " -apic" }
           select machine + more,
        .. from board in new[] { "pc", "q35" }
           from part in new[] { "graphics", "smm", "vmport", "smbus", "sata", "usb" }
           select $"{board},{part}=off",
    ];

    [TestCaseSource(nameof(s_few))]
    public void Machine_without(string machine) => Check(machine);

    [NightlyOnly]
    [TestCaseSource(nameof(AllMachines))]
    public void Any_machine_without(string machine) => Check(machine);

    [TestCase("microvm,acpi=off,pic=off")]
    [TestCase("microvm,acpi=off,pic=off,pit=off -apic")]
    [TestCase("pc,pic=off -apic")]
    [TestCase("q35,pic=off")]
    public void What_is_typed_comes_in(string machine)
    {
        QemuGuest guest = Start(Build(machine, NewDisk()));
        guest.WaitForPrompt();
        for (int i = 0; i < 3; i++)
        {
            guest.Type("disks\r");
            guest.WaitForLine("^disk0: 2048 sectors");
        }

        guest.Type("exit\r");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
    }

    [Test]
    public void A_machine_without_PCI_says_so()
    {
        QemuGuest guest = Start(
            new GuestOptions { Cpu = "max" }.WithArguments("-machine", "isapc").WithScript("disks; exit"));

        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
        Assert.That(guest.Serial.Lines, Has.Member("no PCI configuration space: no PCI devices"));
    }

    private void Check(string machine)
    {
        DiskImage disk = NewDisk();
        QemuGuest guest = Start(Build(machine, disk).WithScript(Script));

        int status = guest.WaitForExit(s_deadline);

        Assert.That(status, Is.EqualTo(QemuGuest.Success), guest.Serial.Tail());
        if (machine.Contains("isa-serial=off", StringComparison.Ordinal))
        {
            // Nothing shows anything; the status says that each command did what it should.
            return;
        }

        var transcript = new Transcript(guest.Serial.Lines);

        // With graphics=off SeaBIOS writes to the serial port itself, before the kernel runs.
        Assert.That(guest.Serial.Text, Does.Match(@"\A(SeaBIOS [^\n]*\n[^\n]*ROM\.+)?VirtioGuest "));
        string[] missing = [.. Missing(machine)];
        Assert.That(guest.Serial.Lines.Skip(1).Take(missing.Length), Is.EqualTo(missing));
        Assert.That(guest.Serial.Lines, Has.None.StartsWith("LibOS: ").And.None.Contain("brought up again"));
        Assert.That(transcript.OutputOf("blk 0 checksum 0 8"), Is.EqualTo(new[] { disk.Checksum(0, 8) }));
        Assert.That(transcript.TextOf("net 0 dhcp"), Does.StartWith("net0: 10.0.2.15/24"));
    }

    // "-apic" takes the processor's local APIC away, "-messages" the devices' MSI-X; the rest is QEMU's.
    private static GuestOptions Build(string machine, DiskImage disk)
    {
        string[] words = machine.Split(' ');
        string cpu = words.Contains("-apic") ? "max,-apic" : "max";
        bool isMmio = machine.StartsWith("microvm,acpi=off", StringComparison.Ordinal);
        GuestOptions options = new GuestOptions { Cpu = cpu }.WithArguments("-machine", words[0], "-vga", "none");
        if (!isMmio)
        {
            int? vectors = words.Contains("-messages") ? 0 : null;
            return options
                .WithDisk(new DiskOptions(disk.Path) { Vectors = vectors })
                .WithNic(new NicOptions { Vectors = vectors });
        }

        return options.WithArguments(
            "-global", "virtio-mmio.force-legacy=false",
            "-drive", $"if=none,id=a,format=raw,file={disk.Path},file.locking=off",
            "-device", "virtio-blk-device,drive=a",
            "-netdev", "user,id=n",
            "-device", "virtio-net-device,netdev=n");
    }

    private static IEnumerable<string> Missing(string machine)
    {
        bool isMicrovm = machine.StartsWith("microvm", StringComparison.Ordinal);
        bool Lacks(string part) => machine.Contains(part, StringComparison.Ordinal);
        if (Lacks("-apic") && Lacks("pic=off"))
        {
            yield return NoLines;
        }

        if (Lacks("-apic") && (Lacks("pic=off") || Lacks("pit=off")))
        {
            yield return NoTimer;
        }

        if (Lacks("-apic") && Lacks("pit=off") && Lacks("rtc=off"))
        {
            yield return NoReference;
        }

        if (isMicrovm && Lacks("rtc=off"))
        {
            yield return NoDate;
        }
    }

    private static IEnumerable<string> Without(string machine, string[] parts) =>
        Cover.Product([.. parts.Select(_ => 2)]).Select(values => machine + string.Concat(
            parts.Where((_, i) => values[i] != 0).Select(part => $",{part}=off")));
}
