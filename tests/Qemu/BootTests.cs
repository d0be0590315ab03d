using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>Every door on every machine: the first line, the devices, real input and output, the exit status.</summary>
public sealed class BootTests : QemuTest
{
    private static readonly Door[] s_doors = [Door.Elf, Door.BzImage, Door.IsoBios, Door.IsoUefi];
    private static readonly MachineType[] s_machines = [MachineType.Pc, MachineType.Q35];

    [Test]
    public void Every_door_on_every_machine_finds_its_devices_and_uses_them(
        [ValueSource(nameof(s_doors))] Door door, [ValueSource(nameof(s_machines))] MachineType machine)
    {
        DiskImage disk = NewDisk();

        // With its boot ROM, firmware has used the network card before the kernel does.
        GuestOptions options = new GuestOptions { Door = door, Machine = machine }
            .WithDisk(disk).WithNic(new NicOptions { HasBootRom = true });

        Transcript transcript = Run(options, "blk 0 checksum 0 2048; net 0 dhcp; net 0 ping 10.0.2.2 1; exit");

        Expect.FirstLine(transcript, door);
        Assert.That(transcript.Start, Has.Some.Match(Expect.BoundDisk(0, disk)));
        Assert.That(transcript.Start, Has.Some.Match(Expect.BoundNic(0)));
        Assert.That(transcript.OutputOf("blk 0 checksum 0 2048"), Is.EqualTo(new[] { disk.Checksum(0, 2048) }));
        Assert.That(transcript.TextOf("net 0 dhcp"), Does.StartWith("net0: 10.0.2.15/24, gateway 10.0.2.2"));
        Assert.That(transcript.TextOf("net 0 ping 10.0.2.2 1"), Does.EndWith("1 sent, 1 received"));
    }

    [TestCase(Door.Elf, "qemu64", 1)]
    [TestCase(Door.Elf, "max", 1)]
    [TestCase(Door.Elf, "max", 2)]
    [TestCase(Door.IsoBios, "max", 1)]
    public void Self_test_passes_on_processor(Door door, string cpu, int processors)
    {
        DiskImage disk = NewDisk();
        GuestOptions options = new GuestOptions { Door = door, Cpu = cpu, Processors = processors }
            .WithDisk(disk).WithNic();

        Transcript transcript = Run(options, "selftest; exit");

        Expect.FirstLine(transcript, door);
        Expect.PassedSelfTest(transcript);
    }

    [TestCase(Door.Elf, MachineType.Pc)]
    [TestCase(Door.IsoBios, MachineType.Q35)]
    public void Machine_without_devices_boots(Door door, MachineType machine)
    {
        GuestOptions options = new() { Door = door, Machine = machine };

        Transcript transcript = Run(options, "disks; lsvirtio; lspci; selftest; exit");

        Expect.FirstLine(transcript, door);
        Assert.That(transcript.Start, Has.None.Match("virtio"));
        Assert.That(transcript.OutputOf("lspci"), Has.Some.Match("^00:00.0.*8086"));
        Expect.PassedSelfTest(transcript);
    }

    [Test]
    public void Time_that_counts_instructions_works()
    {
        DiskImage disk = NewDisk();
        GuestOptions options = new GuestOptions().WithDisk(disk).WithNic()
            .WithArguments("-icount", "shift=0,sleep=off");

        Transcript transcript = Run(options, "blk 0 checksum 0 2048; net 0 dhcp; selftest; exit");

        Assert.That(transcript.OutputOf("blk 0 checksum 0 2048"), Is.EqualTo(new[] { disk.Checksum(0, 2048) }));
        Expect.PassedSelfTest(transcript);
    }

    [Test]
    public void Nothing_comes_before_the_first_line()
    {
        // By the other doors a boot loader comes first, and says so.
        foreach (Door door in (Door[])[Door.Elf, Door.BzImage])
        {
            QemuGuest guest = Start(new GuestOptions { Door = door, Script = "exit" });
            guest.WaitForExit();

            Assert.That(guest.Serial.Text, Does.StartWith("VirtioGuest "), $"by {door}");
        }
    }
}
