using System.Linq;
using System.Text.RegularExpressions;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>A kernel that fails says what and where, and then ends or halts.</summary>
public sealed class CrashTests : QemuTest
{
    private const string LastLine = "VIRTIOGUEST: FAILED";

    private static readonly string[] s_kinds = ["exception", "memory", "overflow", "frames", "libos", "trap"];

    [TestCaseSource(nameof(s_kinds))]
    public void Failure_is_reported_and_ends_QEMU_with_the_failing_status(string kind)
    {
        QemuGuest guest = Start(new GuestOptions().WithScript($"crash {kind}; exit"));

        int status = guest.WaitForExit();

        ExpectReport(guest, kind);
        Assert.That(status, Is.EqualTo(QemuGuest.Failure));
    }

    [TestCaseSource(nameof(s_kinds))]
    public void Failure_without_exit_device_halts_for_good(string kind)
    {
        QemuGuest guest = Start(
            new GuestOptions { HasExitDevice = false, EndsOnReset = false }.WithScript($"crash {kind}; exit"));
        guest.WaitForLine($"^{LastLine}$", guest.BootDeadline + Deadlines.Command);

        Thread.Sleep(Deadlines.Stillness);

        ExpectReport(guest, kind);
        Assert.That(guest.Serial.Lines[^1], Is.EqualTo(LastLine));
        Assert.That(guest.IsRunning, Is.True);
        Assert.That(guest.Monitor.Events("RESET").Where(entry => entry["guest"]?.GetValue<bool>() == true), Is.Empty);
        Assert.That(guest.Monitor.ExecuteText("info registers"), Does.Contain("HLT=1"), "not a busy loop");
    }

    [Test]
    public void Failure_is_on_the_screen_too()
    {
        QemuGuest guest = Start(
            new GuestOptions { Door = Door.IsoBios, HasExitDevice = false, HasScreen = true }
                .WithScript("crash exception"));
        guest.WaitForLine($"^{LastLine}$", guest.BootDeadline + Deadlines.Command);

        string screen = guest.WaitForTextScreen(LastLine);
        Assert.That(screen, Does.Contain("InvalidOperationException"));
    }

    private static void ExpectReport(QemuGuest guest, string kind)
    {
        const string InManagedCode = @"^   at VirtioGuest\.Kernel\.\S*CrashCommand";
        (string what, string where) = kind switch
        {
            "exception" => (@"System\.InvalidOperationException: \S", InManagedCode),
            "memory" => (@"System\.OutOfMemoryException: \S", InManagedCode),
            "overflow" => ("^LibOS: stack overflow$", @"^  at +0x[0-9a-f]+  VirtioGuest\.Kernel\.\S*CrashCommand"),
            "frames" => ("^LibOS: out of memory", @"^  at +0x[0-9a-f]+  VirtioGuest\.LibOS\.\S+"),
            "libos" => ("^LibOS: page fault in LibOS$", @"^  at +0x[0-9a-f]+  VirtioGuest\.LibOS\.\S+"),
            _ => ("^LibOS: unknown trap$", @"^  from +0x[0-9a-f]+  VirtioGuest\.LibOS\.\S+"),
        };
        string report = guest.Serial.Text.Split($"vg> crash {kind}\n", 2)[^1];
        Assert.That(report, Does.Not.Contain("vg> "), "the shell does not go on");
        Assert.That(report, Does.Match(new Regex(what, RegexOptions.Multiline)));
        Assert.That(report, Does.Match(new Regex(where, RegexOptions.Multiline)));
    }
}
