using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>How the machine goes down: QEMU tells what the guest did.</summary>
public sealed class PowerTests : QemuTest
{
    private const string Shutdown = "guest-shutdown";
    private const string Reset = "guest-reset";

    [TestCase(Door.Elf, MachineType.Pc, "exit")]
    [TestCase(Door.Elf, MachineType.Q35, "exit")]
    [TestCase(Door.Elf, MachineType.Pc, "poweroff")]
    [TestCase(Door.BzImage, MachineType.Q35, "poweroff")]
    [TestCase(Door.IsoBios, MachineType.Pc, "poweroff")]
    [TestCase(Door.IsoUefi, MachineType.Q35, "poweroff")]
    public void Machine_without_exit_device_is_switched_off(Door door, MachineType machine, string command)
    {
        GuestOptions options = new() { Door = door, Machine = machine, HasExitDevice = false };

        Assert.That(EndOf(options, command), Is.EqualTo((0, Shutdown)));
    }

    [Test]
    public void Poweroff_leaves_the_exit_device_alone()
    {
        Assert.That(EndOf(new GuestOptions(), "nosuch; poweroff"), Is.EqualTo((0, Shutdown)));
    }

    [TestCase("exit")]
    [TestCase("poweroff")]
    public void Machine_without_ACPI_is_reset(string command)
    {
        GuestOptions options = new() { HasAcpi = false, HasExitDevice = false };

        Assert.That(EndOf(options, command), Is.EqualTo((0, Reset)));
    }

    [TestCase(MachineType.Pc)]
    [TestCase(MachineType.Q35)]
    public void Reboot_resets_the_machine_and_it_comes_up_again(MachineType machine)
    {
        QemuGuest guest = Start(new GuestOptions { Machine = machine, EndsOnReset = false }.WithDisk(NewDisk()));
        guest.WaitForFirstLine();
        guest.WaitForPrompt();

        guest.Type("reboot\r");
        guest.WaitForFirstLine();
        guest.WaitForPrompt();

        Assert.That(guest.Monitor.WaitForEvent("RESET", Deadlines.Command)?["guest"]?.GetValue<bool>(), Is.True);
        guest.Type("blk 0 checksum 0 1; exit\r");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success), "the disk works after the reset as well");
    }

    private (int Status, string? Reason) EndOf(GuestOptions options, string script)
    {
        QemuGuest guest = Start(options.WithScript(script));
        int status = guest.WaitForExit();
        return (status, guest.Monitor.WaitForEvent("SHUTDOWN", Deadlines.Command)?["reason"]?.GetValue<string>());
    }
}
