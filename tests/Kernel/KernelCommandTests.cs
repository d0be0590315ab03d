using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.Tests.Fakes;

namespace VirtioGuest.Kernel.Tests;

/// <summary>The commands that only this kernel has.</summary>
[TestFixture]
internal sealed class KernelCommandTests
{
    [Test]
    public void Script_runs_them_among_the_others()
    {
        var bench = new ShellBench();
        Assert.That(bench.Shell.RunScript("disks;lsvirtio;lspci;exit;disks"), Is.False);
        Assert.That(bench.Output.Lines, Is.EqualTo(new[]
        {
            "vg> disks", "no disks", "vg> lsvirtio", "no virtio devices", "vg> lspci", "no PCI functions", "vg> exit",
        }));
        Assert.That(bench.System.Calls, Is.EqualTo(new[] { "exit 16", "off" }));
    }

    [TestCase("lspci -v")]
    [TestCase("lsvirtio 1")]
    [TestCase("mem all")]
    [TestCase("threads 1")]
    [TestCase("blk 0 bench")]
    [TestCase("blk 0 bench 0 1")]
    [TestCase("blk 0 bench 1 0")]
    [TestCase("blk 0 bench 129 1")]
    [TestCase("crash")]
    [TestCase("crash burn")]
    public void Wrong_arguments_give_one_line_of_usage(string command)
    {
        using var model = new ModelDisk(8);
        var bench = new ShellBench(model.Disk);
        string name = command.Split(' ')[0];

        Assert.That(bench.Run(command), Does.Match($"^usage: {name}[^\n]*$"));
        Assert.That(bench.Context.HasFailed, Is.True);
        Assert.That(bench.System.Calls, Is.Empty);
    }

    [Test]
    public void Memory_shows_what_is_used() =>
        Assert.That(new ShellBench().Run("mem"), Does.Match("used: +14680064  14 MiB\n"));

    [Test]
    public void Threads_shows_slots_in_use()
    {
        var bench = new ShellBench();
        bench.System.Threads.Add(null);
        bench.System.Threads.Add(new ThreadDescription(3, "shell", "console", 5_000_000, 12, 0));
        bench.System.Interrupts.Add(new InterruptDescription("disk0 requestq1", "message", 49, 7, false, false));
        bench.System.Interrupts.Add(new InterruptDescription("stray", "line 11", 43, 100, true, true));
        bench.System.Interrupts.Add(new InterruptDescription("deaf", "line 5", 0, 0, false, true));

        string text = bench.Run("threads");

        Assert.That(text, Does.Match("   3 shell +console +5 +12 +0\n"));
        Assert.That(text, Does.Match("  49 disk0 requestq1 +message +7\n"));
        Assert.That(text, Does.Match("  43 stray +line 11 +100  masked: nobody claims it\n"));
        Assert.That(text, Does.Match("   0 deaf +line 5 +0  polled$"));
    }

    [Test]
    public void Help_shows_every_command()
    {
        var bench = new ShellBench();
        string text = bench.Run("help");
        foreach (string usage in (string[])["help", "lspci", "lsvirtio", "mem", "threads", "disks", @"parts \[D\]",
            "blk D read FIRST COUNT", "blk D checksum FIRST COUNT", "blk D fill FIRST COUNT SEED",
            "blk D verify FIRST COUNT SEED", "blk D flush", "net N status", "net N dhcp",
            "net N ping ADDRESS COUNT", "selftest", "stress registers SECONDS", "reboot", "poweroff", "exit",
            "crash KIND"])
        {
            Assert.That(text, Does.Match("(^|\n)" + usage + "  "));
        }
    }

    [TestCase("stress")]
    [TestCase("stress registers")]
    [TestCase("stress registers 0")]
    [TestCase("stress registers x")]
    [TestCase("stress memory 1")]
    [TestCase("stress registers 1 1")]
    public void Stress_takes_what_and_how_long(string command)
    {
        Assert.That(new ShellBench().Run(command), Is.EqualTo("usage: stress registers SECONDS"));
    }

    [Test]
    public void Crash_kinds_do_what_they_say()
    {
        var bench = new ShellBench();
        Assert.That(() => bench.Run("crash exception"), Throws.InvalidOperationException);
        bench.Run("crash libos; ");
        bench.Run("crash trap");
        bench.Run("crash frames");
        Assert.That(bench.System.Calls, Does.Contain("crash UnknownTrap").And.Contain("crash OutOfFrames"));
        Assert.That(bench.Run("crash libos"), Is.EqualTo("error: the machine survived"));
    }
}
