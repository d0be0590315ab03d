using System;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// What comes in over the serial line and what goes out arrives whole, at whatever speed, and Ctrl+C is heard
/// meanwhile.
/// </summary>
public sealed class SerialLineTests : QemuTest
{
    private const int Sectors = 400;
    private const int LinesOfDump = (Sectors * 32) + 1;

    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(2);

    [Test]
    public void Lines_that_are_pasted_at_once_are_all_carried_out([Values] SerialBackend backend)
    {
        const int Count = 700;
        DiskImage disk = NewEmptyDisk(2048);
        QemuGuest guest = Start(new GuestOptions { Serial = backend }.WithDisk(disk));
        guest.WaitForPrompt();

        guest.Type(Fills(Count) + "exit\r");

        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
        Assert.That(disk.Read(0, 2048), Is.EqualTo(Filled(Count, 2048)));
    }

    [Test]
    [NightlyOnly]
    public void Paste_that_is_larger_than_any_buffer_is_carried_out([Values] SerialBackend backend)
    {
        const int Count = 20_000;
        DiskImage disk = NewEmptyDisk(Count);
        QemuGuest guest = Start(new GuestOptions { Serial = backend }.WithDisk(disk));
        guest.WaitForPrompt();

        guest.Type(Fills(Count) + "exit\r");

        Assert.That(guest.WaitForExit(4 * Deadlines.Command), Is.EqualTo(QemuGuest.Success));
        Assert.That(disk.Read(0, Count), Is.EqualTo(Filled(Count, Count)));
    }

    [TestCase(Door.Elf)]
    [TestCase(Door.BzImage)]
    public void What_is_typed_before_the_kernel_is_up_is_carried_out(Door door)
    {
        DiskImage disk = NewEmptyDisk(64);
        QemuGuest guest = Start(new GuestOptions { Door = door }.WithDisk(disk));

        guest.Type(Fills(64) + "exit\r");

        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
        Assert.That(disk.Read(0, 64), Is.EqualTo(Filled(64, 64)));
    }

    [Test]
    public void Output_arrives_whole_however_slow_the_reader_is([Values] SerialBackend backend)
    {
        // A terminal loses what is not read when its other end goes, so that one is ended by hand.
        bool isEndedByHand = backend == SerialBackend.Terminal;
        string command = $"blk 0 read 0 {Sectors}";
        DiskImage disk = NewDisk();
        QemuGuest guest = Start(
            new GuestOptions { Serial = backend }.WithDisk(disk).WithScript(command + (isEndedByHand ? "" : "; exit")));

        guest.PauseReading();
        Thread.Sleep(s_pause);
        Assert.That(guest.IsRunning, Is.True, "it waits for its reader");
        guest.ResumeReading();

        if (isEndedByHand)
        {
            guest.WaitForLine($"^{Sectors * 512:x8}$", guest.BootDeadline);
            guest.Type("exit\r");
        }

        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
        string[] dump = new Transcript(guest.Serial.Lines).OutputOf(command).Take(LinesOfDump).ToArray();
        Assert.That(dump, Is.EqualTo(HexDump.Format(disk.Read(0, Sectors), 0)));
    }

    [Test]
    public void Report_of_a_failure_arrives_whole_however_slow_the_reader_is()
    {
        QemuGuest guest = Start(
            new GuestOptions().WithDisk(NewDisk()).WithScript($"blk 0 read 0 {Sectors}; crash exception"));

        guest.PauseReading();
        Thread.Sleep(s_pause);
        guest.ResumeReading();

        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Failure));
        Transcript transcript = new(guest.Serial.Lines);
        Assert.That(transcript.OutputOf($"blk 0 read 0 {Sectors}"), Has.Count.EqualTo(LinesOfDump));
        Assert.That(transcript.TextOf("crash exception"), Does.Contain("Unhandled exception"));
        Assert.That(guest.Serial.Lines[^1], Is.EqualTo("LibOS: the program aborted"));
    }

    [Test]
    public void Line_is_taken_whole_or_refused_aloud()
    {
        DiskImage disk = NewDisk();
        QemuGuest guest = Start(new GuestOptions().WithDisk(disk));
        guest.WaitForPrompt();

        guest.Type("blk\t0\tchecksum\t0 8\r");
        guest.WaitForLine($"^{disk.Checksum(0, 8)}$");
        guest.Type("blk 0 fill 0 1 5\u00e9\r");
        guest.WaitForLine("^error: .*0xe9.*not run$");
        guest.Type("blk 0 fill 0 1 5\u001b[1\r");
        guest.WaitForLine("^error: .*0x1b.*not run$");
        guest.Type("blk 0 fill 0 1 5\0\r");
        guest.WaitForLine("^error: .*0x00.*not run$");
        guest.Type(new string('x', 66_000) + "\r");
        guest.WaitForLine("^error: .*longer than 64 KiB.*not run$");
        guest.Type("blk 0 checksum 0 8\r");
        guest.WaitForLine($"^{disk.Checksum(0, 8)}$");
        guest.Type("\u0004");

        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Failure), "lines were refused");
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Control_C_ends_a_command_that_waits_for_a_slow_disk(bool byKeyboard)
    {
        DiskImage disk = NewDisk();
        QemuGuest guest = Start(new GuestOptions { HasScreen = byKeyboard }.WithArguments(
            "-drive", $"if=none,id=slow,format=raw,file={disk.Path},throttling.bps-total=4096",
            "-device", "virtio-blk-pci,drive=slow"));
        guest.WaitForPrompt();

        guest.Type("blk 0 read 0 2048; threads\r");
        guest.WaitForLine("read 0 2048; threads$");
        Thread.Sleep(500);
        long start = Environment.TickCount64;
        TypeControlC(guest, byKeyboard);
        guest.WaitForLine("^error: interrupted");
        Assert.That(Environment.TickCount64 - start, Is.LessThan(5000));
        guest.WaitForPrompt();
        guest.Type("disks; exit\r");

        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Failure), "an interrupted command has failed");
        Assert.That(guest.Serial.Text, Does.Contain("disk0: 2048 sectors").And.Not.Contain("interrupt wakes"));
        Assert.That(guest.Serial.Lines, Has.None.Match("^[0-9a-f]{8}$"), "no offset at the end of what was cut");
    }

    [Test]
    public void Control_C_drops_what_was_typed_ahead_and_ends_a_script()
    {
        QemuGuest guest = Start(
            new GuestOptions().WithDisk(NewEmptyDisk(8_000_000)).WithScript("blk 0 checksum 0 8000000; exit"));
        guest.WaitForLine("^vg> blk 0 checksum", guest.BootDeadline);

        guest.Type("threads\r\u0003mem\rexit\r");

        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Failure));
        Transcript transcript = new(guest.Serial.Lines);
        Assert.That(transcript.Commands, Is.EqualTo(new[] { "blk 0 checksum 0 8000000", "mem", "exit" }));
        Assert.That(transcript.OutputOf("blk 0 checksum 0 8000000"), Is.EqualTo(new[] { "error: interrupted" }));
    }

    private static void TypeControlC(QemuGuest guest, bool byKeyboard)
    {
        if (byKeyboard)
        {
            guest.Monitor.Execute("send-key", new JsonObject
            {
                ["keys"] = new JsonArray(
                    new JsonObject { ["type"] = "qcode", ["data"] = "ctrl" },
                    new JsonObject { ["type"] = "qcode", ["data"] = "c" }),
            });
        }
        else
        {
            guest.Type("\u0003");
        }
    }

    private static string Fills(int count)
    {
        StringBuilder lines = new();
        for (int sector = 0; sector < count; sector++)
        {
            lines.Append(CultureInfo.InvariantCulture, $"blk 0 fill {sector} 1 {SeedOf(sector)}\r");
        }

        return lines.ToString();
    }

    private static byte[] Filled(int count, int sectors)
    {
        byte[] bytes = new byte[sectors * DiskImage.SectorSize];
        for (int sector = 0; sector < count; sector++)
        {
            SectorPattern.Make((ulong)sector, 1, SeedOf(sector)).CopyTo(bytes, sector * DiskImage.SectorSize);
        }

        return bytes;
    }

    private static ulong SeedOf(int sector)
    {
        return ((ulong)sector * 7919) + 1;
    }
}
