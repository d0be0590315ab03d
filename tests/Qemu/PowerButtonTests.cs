using System.Linq;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>The power button, as QEMU's <c>system_powerdown</c> presses it.</summary>
public sealed class PowerButtonTests : QemuTest
{
    [TestCase(Door.Elf, MachineType.Pc)]
    [TestCase(Door.Elf, MachineType.Q35)]
    [TestCase(Door.IsoBios, MachineType.Pc)]
    [TestCase(Door.IsoUefi, MachineType.Q35)]
    public void Machine_at_the_prompt_shuts_down(Door door, MachineType machine)
    {
        Press(Start(new GuestOptions { Door = door, Machine = machine }.WithDisk(NewDisk())));
    }

    [TestCase("microvm")]
    [TestCase("microvm,pcie=on")]
    public void Small_machine_shuts_down(string machine)
    {
        Press(Start(new GuestOptions().WithArguments("-machine", machine)));
    }

    [TestCase(MachineType.Pc)]
    [TestCase(MachineType.Q35)]
    public void Command_that_runs_ends_first(MachineType machine)
    {
        DiskImage disk = NewDisk(65536);
        QemuGuest guest = Start(new GuestOptions { Machine = machine }.WithDisk(disk));
        guest.WaitForPrompt();
        guest.Type("blk 0 fill 0 65536 5; blk 0 fill 0 1 6\n");
        guest.WaitForText("fill 0 1 6\n");
        Assert.That(SpinWait.SpinUntil(() => WritesOf(guest) != 0, Deadlines.Command), Is.True, "nothing is written");
        guest.Monitor.Execute("system_powerdown");

        guest.WaitForLine("^power button: shutting down$");
        ExpectShutdown(guest);
        Assert.That(guest.Serial.Text, Does.Contain("filled 65536 sectors"));
        Assert.That(guest.Serial.Text, Does.Not.Contain("filled 1 sectors"), "nothing new is begun");
        Assert.That(guest.Serial.Text, Does.Not.Contain("abandoned").And.Not.Contain("not flushed"));
    }

    [Test]
    public void Command_that_does_not_end_is_abandoned()
    {
        QemuGuest guest = Start(new GuestOptions().WithNic());
        guest.WaitForPrompt();
        guest.Type("net 0 dhcp; net 0 ping 10.0.2.99 60\n");
        guest.WaitForLine("^no reply: seq 1");
        guest.Monitor.Execute("system_powerdown");

        guest.WaitForLine("^power button: shutting down$");
        guest.WaitForLine("^power button: the command that runs is abandoned$");
        ExpectShutdown(guest);
    }

    [Test]
    public void Disk_that_answers_nothing_does_not_keep_the_machine_on()
    {
        DiskImage disk = NewDisk();
        QemuGuest guest = Start(new GuestOptions().WithArguments(
            "-drive", $"if=none,id=a,format=raw,file={disk.Path},file.locking=off,throttling.iops-total=1",
            "-device", "virtio-blk-pci,drive=a"));
        guest.WaitForPrompt();
        guest.Type("blk 0 read 0 300\n");
        guest.WaitForText("read 0 300\n");
        guest.Monitor.Execute("system_powerdown");

        ExpectShutdown(guest);
    }

    [TestCase(MachineType.Pc)]
    [TestCase(MachineType.Q35)]
    public void Reset_button_starts_the_machine_again(MachineType machine)
    {
        QemuGuest guest = Start(new GuestOptions { Machine = machine, EndsOnReset = false });
        guest.WaitForPrompt();
        guest.Monitor.Execute("system_reset");
        guest.WaitForFirstLine();
        Press(guest);
    }

    /// <summary>How many writes the guest's disks have taken.</summary>
    private static long WritesOf(QemuGuest guest) =>
        guest.Monitor.Execute("query-blockstats")!.AsArray().Sum(disk => (long)disk!["stats"]!["wr_operations"]!);

    private static void Press(QemuGuest guest)
    {
        guest.WaitForPrompt();
        guest.Monitor.Execute("system_powerdown");
        guest.WaitForLine("^power button: shutting down$");
        ExpectShutdown(guest);
        Assert.That(guest.Serial.Text, Does.Not.Contain("the power button does nothing"));
    }

    private static void ExpectShutdown(QemuGuest guest)
    {
        int status = guest.WaitForExit();
        string? reason = guest.Monitor.WaitForEvent("SHUTDOWN", Deadlines.Command)?["reason"]?.GetValue<string>();
        Assert.That((status, reason), Is.EqualTo((0, "guest-shutdown")));
    }
}
