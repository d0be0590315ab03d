using System;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>The harness itself, with boot sectors of a few bytes in the place of the kernel.</summary>
public sealed class HarnessTests : QemuTest
{
    private static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(300);

    [Test]
    public void Exit_status_and_all_serial_output_arrive()
    {
        QemuGuest guest = Start(BootSector.Exit(Folder, "one\r\n\u001b[1;32mtwo\u001b[0m\nlast", 0x10));

        Assert.That(guest.WaitForLine("^t(w)o$").Groups[1].Value, Is.EqualTo("w"));
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
        Assert.That(guest.Serial.Lines, Is.EqualTo(new[] { "one", "two", "last" }));
        Assert.That(File.ReadAllText(guest.Serial.Path), Does.StartWith("one\r\n\u001b[1;32m"));
    }

    [Test]
    public void Guest_that_says_nothing_more_is_killed_and_its_log_is_in_the_message()
    {
        QemuGuest guest = Start(BootSector.Halt(Folder, "here it stops\n"));
        guest.WaitForLine("^here it stops$");

        AssertionException failure = Assert.Throws<AssertionException>(() => guest.WaitForLine("never", s_short))!;

        Assert.That(failure.Message, Does.Contain("No 'never' within").And.Contain("here it stops"));
        Assert.That(guest.IsRunning, Is.False);
        Assert.That(Processes(), Does.Not.Contain(Folder));
    }

    [Test]
    public void Guest_that_does_not_end_is_killed()
    {
        QemuGuest guest = Start(BootSector.Halt(Folder, "halted\n"));
        guest.WaitForLine("^halted$");

        AssertionException failure = Assert.Throws<AssertionException>(() => guest.WaitForExit(s_short))!;

        Assert.That(failure.Message, Does.Contain("still runs"));
        Assert.That(guest.IsRunning, Is.False);
    }

    [Test]
    public void Wait_for_a_line_ends_when_the_guest_ends()
    {
        QemuGuest guest = Start(BootSector.Exit(Folder, "bye\n", 0x11));
        long start = Environment.TickCount64;

        AssertionException failure = Assert.Throws<AssertionException>(() => guest.WaitForLine("never"))!;

        Assert.That(failure.Message, Does.Contain("status 35"));
        Assert.That(Environment.TickCount64 - start, Is.LessThan(Deadlines.Command.TotalMilliseconds / 2));
    }

    [Test]
    public void Disposed_guest_leaves_no_process()
    {
        QemuGuest guest = Start(BootSector.Halt(Folder, "alive\n"));
        guest.WaitForLine("^alive$");
        Assert.That(Processes(), Does.Contain(Folder));

        guest.Dispose();

        Assert.That(Processes(), Does.Not.Contain(Folder));
    }

    [Test]
    public void Typed_bytes_reach_the_serial_port()
    {
        QemuGuest guest = Start(BootSector.Echo(Folder, "ready> "));
        guest.WaitForText("ready> $");

        guest.Type("ab\b c\n");

        Match line = guest.WaitForLine("^ready> (.*)$|^(.*c)$");
        Assert.That(line.Value, Is.EqualTo("a c"), "text after the prompt that was waited for, backspace carried out");
    }

    [Test]
    public void Reset_ends_QEMU_or_is_an_event()
    {
        GuestOptions options = BootSector.Reset(Folder, "again\n");
        QemuGuest ending = Start(options);
        Assert.That(ending.WaitForExit(), Is.Zero);
        Assert.That(
            ending.Monitor.WaitForEvent("SHUTDOWN", Deadlines.Command)?["reason"]?.GetValue<string>(),
            Is.EqualTo("guest-reset"));

        QemuGuest looping = Start(options with { EndsOnReset = false });
        looping.WaitForLine("^again$");
        looping.WaitForLine("^again$");
        Assert.That(looping.Monitor.WaitForEvent("RESET", Deadlines.Command)?["guest"]?.GetValue<bool>(), Is.True);
    }

    [Test]
    public void Machine_that_resets_itself_without_a_word_is_started_once_more_where_that_is_asked_for()
    {
        GuestOptions silent = BootSector.Reset(Folder, string.Empty) with { RetriesSilentReset = true };
        Assert.That(Start(silent).WaitForExit(), Is.Zero);
        Assert.That(Machines, Is.EqualTo(2), "once more, and not again and again");

        Start(silent with { RetriesSilentReset = false }).WaitForExit();
        Start(BootSector.Reset(Folder, "a word\n") with { RetriesSilentReset = true }).WaitForExit();
        Assert.That(Machines, Is.EqualTo(4));
    }

    [Test]
    public void Screen_and_text_buffer_are_readable()
    {
        QemuGuest guest = Start(BootSector.Halt(Folder, "up\n") with { HasScreen = true });
        guest.WaitForLine("^up$");

        Assert.That(guest.ReadTextScreen(), Does.Contain("SeaBIOS"));
        Screen screen = guest.CaptureScreen();
        Assert.That(screen.CountForeground(), Is.GreaterThan(100));
        Assert.That(screen.CountDifferences(guest.CaptureScreen()), Is.LessThan(screen.CountForeground()));
    }

    [Test]
    public void Argument_that_QEMU_refuses_fails_with_its_message()
    {
        GuestOptions options = new GuestOptions { Door = Door.None }.WithArguments("-device", "no-such-device");

        AssertionException failure = Assert.Throws<AssertionException>(() => Start(options))!;

        Assert.That(failure.Message, Does.Contain("did not start").And.Contain("no-such-device"));
    }

    [Test]
    public void Pattern_is_the_one_of_splitmix64()
    {
        // The first outputs of the generator for the seed 0; its state moves on by the golden gamma.
        Assert.That(SectorPattern.SplitMix64(0), Is.EqualTo(0xE220A8397B1DCDAF));
        Assert.That(SectorPattern.SplitMix64(0x9E3779B97F4A7C15), Is.EqualTo(0x6E789E6AA1B965F4));

        byte[] two = SectorPattern.Make(5, 2, seed: 7);
        Assert.That(two.AsSpan(512).SequenceEqual(SectorPattern.Make(6, 1, seed: 7)), Is.True);
        Assert.That(BitConverter.ToUInt64(two, 8), Is.EqualTo(SectorPattern.SplitMix64(7 + (5 * 64) + 1)));
    }

    [Test]
    public void Hex_dump_is_laid_out_as_hexdump_does()
    {
        byte[] bytes = Encoding.ASCII.GetBytes("0123456789abcdef\n|");

        Assert.That(HexDump.Format(bytes, 0x200), Is.EqualTo(new[]
        {
            "00000200  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|",
            "00000210  0a 7c                                             |.||",
            "00000212",
        }));
    }

    [Test]
    public void Tap_report_is_taken_apart()
    {
        TapReport report = TapReport.Parse([
            "TAP version 14", "1..3", "ok 1 - disk", "# note", "not ok 2 - net \\#1", "  ---",
            "ok 3 - clock # SKIP none",
        ]);

        Assert.That(report.Results, Has.Count.EqualTo(3));
        Assert.That(report.Failures.Select(result => result.Name), Is.EqualTo(new[] { "net \\#1" }));
        Assert.That(report.Results[2].IsSkipped, Is.True);
    }

    [TestCase("1..1|ok 1 - a", "no 'TAP version 14'")]
    [TestCase("TAP version 14|1..2|ok 1 - a", "Planned were 2")]
    [TestCase("TAP version 14|ok 1 - a", "Planned were no")]
    [TestCase("TAP version 14|1..2|ok 1 - a|ok 3 - b", "Test 3 came where 2 was due")]
    [TestCase("TAP version 14|1..1|Bail out! broken", "broken")]
    public void Tap_report_that_breaks_the_protocol_is_refused(string lines, string why)
    {
        FormatException failure = Assert.Throws<FormatException>(() => TapReport.Parse(lines.Split('|')))!;

        Assert.That(failure.Message, Does.Contain(why));
    }

    [Test]
    public void Transcript_gives_each_command_its_output()
    {
        Transcript transcript = new(["VirtioGuest", "vg> mem", "a", "b", "vg> nop", "vg> mem", "c"]);

        Assert.That(transcript.Start, Is.EqualTo(new[] { "VirtioGuest" }));
        Assert.That(transcript.OutputOf("mem"), Is.EqualTo(new[] { "a", "b" }));
        Assert.That(transcript.OutputOf("nop"), Is.Empty);
        Assert.That(transcript.TextOf("mem", 1), Is.EqualTo("c"));
        Assert.Throws<AssertionException>(() => transcript.OutputOf("help"));
    }

    [TestCase("P6\n# note\n2 1\n255\nabcabd", 1)]
    [TestCase("P6 1 1 255 abc", 0)]
    public void Picture_is_read(string file, int foreground)
    {
        Assert.That(Screen.Parse(Encoding.Latin1.GetBytes(file)).CountForeground(), Is.EqualTo(foreground));
    }

    [TestCase("P5 1 1 255 abc")]
    [TestCase("P6 2 1 255 abc")]
    [TestCase("P6 x 1 255 abc")]
    [TestCase("")]
    public void Picture_that_is_none_is_refused(string file)
    {
        Assert.Throws<InvalidDataException>(() => Screen.Parse(Encoding.Latin1.GetBytes(file)));
    }

    // The command lines of every process of this machine; one that has ended has none.
    private static string Processes()
    {
        StringBuilder lines = new();
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            try
            {
                lines.AppendLine(File.ReadAllText(Path.Combine(folder, "cmdline")).Replace('\0', ' '));
            }
            catch (Exception reason) when (reason is IOException or UnauthorizedAccessException)
            {
                // No process, or one that ended meanwhile.
            }
        }

        return lines.ToString();
    }
}
