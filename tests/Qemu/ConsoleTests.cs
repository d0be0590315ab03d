using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>A person at the console: typing on the serial line and the keyboard, looking at the screen.</summary>
public sealed class ConsoleTests : QemuTest
{
    [TestCase(Door.Elf)]
    [TestCase(Door.IsoBios)]
    public void Commands_can_be_typed_over_the_serial_line(Door door)
    {
        QemuGuest guest = Start(new GuestOptions { Door = door });
        guest.WaitForPrompt();

        guest.Type("mem\r");
        guest.WaitForLine("^mem$|^vg> mem$");
        guest.WaitForPrompt();
        guest.Type("thrx\u007feads\n");
        guest.WaitForLine("threads$");
        guest.WaitForPrompt();
        guest.Type("nosuch\r\n");
        guest.WaitForLine("^error: ");
        guest.WaitForPrompt();
        guest.Type("exit\r");

        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Failure), "one command has failed");
    }

    [Test]
    public void Shell_is_interactive_after_a_script()
    {
        QemuGuest guest = Start(new GuestOptions().WithScript("mem; disks"));
        guest.WaitForLine("^vg> mem$", guest.BootDeadline);
        guest.WaitForLine("^vg> disks$");
        guest.WaitForPrompt();

        guest.Type("threads; exit\r");

        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
    }

    [Test]
    public void Input_that_comes_in_one_burst_is_not_lost()
    {
        QemuGuest guest = Start(new GuestOptions());
        guest.WaitForPrompt();

        // More than the 16 bytes of a serial port's own buffer, and than a few lines of the guest's.
        const int Count = 40;
        for (int i = 0; i < Count; i++)
        {
            guest.Type("nosuch\r");
        }

        guest.Type("exit\r");
        guest.WaitForExit();

        int errors = guest.Serial.Text.Split("error: ").Length - 1;
        Assert.That(errors, Is.EqualTo(Count));
    }

    [TestCase(Door.Elf, MachineType.Pc)]
    [TestCase(Door.IsoBios, MachineType.Q35)]
    [TestCase(Door.BzImage, MachineType.Pc)]
    public void Commands_can_be_typed_on_the_keyboard(Door door, MachineType machine)
    {
        DiskImage disk = NewDisk();
        QemuGuest guest = Start(new GuestOptions { Door = door, Machine = machine, HasScreen = true }.WithDisk(disk));
        guest.WaitForPrompt();

        guest.PressKeys("BLX\b\b\bblk 0 checksum 0 0x10\n");
        guest.WaitForLine($"^{disk.Checksum(0, 16)}$");
        guest.WaitForPrompt();
        guest.PressKeys("exit\n");

        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
    }

    [TestCase(Door.IsoBios, MachineType.Pc)]
    [TestCase(Door.IsoBios, MachineType.Q35)]
    [TestCase(Door.Elf, MachineType.Pc)]
    public void Text_screen_shows_what_the_serial_line_shows(Door door, MachineType machine)
    {
        QemuGuest guest = Start(new GuestOptions { Door = door, Machine = machine, HasScreen = true });
        guest.WaitForPrompt();
        string start = guest.WaitForTextScreen("vg>");
        Screen before = guest.CaptureScreen();

        Assert.That(start, Does.Contain("VirtioGuest "));
        Assert.That(before.CountForeground(), Is.GreaterThan(100));

        // Two screens full, so that the first line has to scroll away.
        guest.Type("help; help; lspci; threads; help; help\r");
        guest.WaitForLine("help$");
        guest.WaitForPrompt();
        guest.Type("end-of-text\r");
        guest.WaitForLine("^error: .*end-of-text");
        guest.WaitForPrompt();

        string end = guest.WaitForTextScreen("vg> end-of-text\n");
        Assert.That(end, Does.Not.Contain("VirtioGuest 0"));
        guest.WaitForScreen(screen => screen.CountDifferences(before) > 100, "another text");
    }

    [TestCase(MachineType.Pc)]
    [TestCase(MachineType.Q35)]
    public void Framebuffer_shows_text_on_UEFI(MachineType machine)
    {
        // Pixels of text: the least that the first lines, and then the list of commands, cannot do without.
        const int Least = 500;
        QemuGuest guest = Start(new GuestOptions { Door = Door.IsoUefi, Machine = machine, HasScreen = true });
        guest.WaitForFirstLine();
        guest.WaitForPrompt();
        Screen before = guest.WaitForScreen(screen => screen.CountForeground() > Least, "the first lines");

        guest.PressKeys("help\n");
        guest.WaitForLine("help$");
        guest.WaitForPrompt();

        guest.WaitForScreen(screen => screen.CountForeground() > before.CountForeground() + Least, "more text");
        guest.PressKeys("exit\n");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
    }
}
