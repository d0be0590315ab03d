using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Kernel.Data;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.SelfTest;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.Kernel.Text;

namespace VirtioGuest.Kernel.Tests;

[TestFixture]
internal sealed class CommandShellTests
{
    [Test]
    public void Script_echoes_each_command_after_the_prompt()
    {
        var bench = new ShellBench();
        Assert.That(bench.Shell.RunScript(" disks ;; lsvirtio\r\nlspci;"), Is.True);
        Assert.That(bench.Output.Lines, Is.EqualTo(new[]
        {
            "vg> disks", "no disks", "vg> lsvirtio", "no virtio devices", "vg> lspci", "no PCI functions",
        }));
        Assert.That(bench.Context.HasFailed, Is.False);
    }

    [Test]
    public void Script_goes_on_after_a_failure_and_remembers_it()
    {
        var bench = new ShellBench();
        Assert.That(bench.Shell.RunScript("frobnicate; disks; exit; disks"), Is.False);
        Assert.That(bench.Output.Lines, Is.EqualTo(new[]
        {
            "vg> frobnicate", "error: no command frobnicate; help lists all", "vg> disks", "no disks", "vg> exit",
        }));
        Assert.That(bench.System.Calls, Is.EqualTo(new[] { "exit 17", "off" }));
    }

    [Test]
    public void Exit_tells_success()
    {
        var bench = new ShellBench();
        bench.Shell.RunScript("disks; exit");
        Assert.That(bench.System.Calls, Is.EqualTo(new[] { "exit 16", "off" }));
    }

    [TestCase("poweroff", "off")]
    [TestCase("reboot", "reset")]
    public void Power_commands_end_the_shell(string command, string call)
    {
        var bench = new ShellBench();
        Assert.That(bench.Shell.RunCommand(command), Is.False);
        Assert.That(bench.System.Calls, Is.EqualTo(new[] { call }));
    }

    [Test]
    public void Interactive_shell_runs_lines_until_the_end()
    {
        var bench = new ShellBench();
        var editor = new LineEditor(new ScriptedInput("disks; lspci\r\r  \rpoweroff\r"), bench.Output);
        bench.Shell.RunInteractively(editor);
        Assert.That(
            bench.Output.Text,
            Is.EqualTo("vg> disks; lspci\nno disks\nno PCI functions\nvg> \nvg>   \nvg> poweroff\n"));
    }

    [TestCase("help me")]
    [TestCase("lspci -v")]
    [TestCase("lsvirtio 1")]
    [TestCase("mem all")]
    [TestCase("threads 1")]
    [TestCase("disks 0")]
    [TestCase("blk")]
    [TestCase("blk 0")]
    [TestCase("blk 0 frob")]
    [TestCase("blk x read 0 1")]
    [TestCase("blk 0 read")]
    [TestCase("blk 0 read 0")]
    [TestCase("blk 0 read 0 1 2")]
    [TestCase("blk 0 read zero 1")]
    [TestCase("blk 0 read 0 -1")]
    [TestCase("blk 0 read 0 99999999999999999999")]
    [TestCase("blk 0 checksum 0")]
    [TestCase("blk 0 fill 0 1")]
    [TestCase("blk 0 fill 0 1 seed")]
    [TestCase("blk 0 verify 0 1")]
    [TestCase("blk 0 flush now")]
    [TestCase("net")]
    [TestCase("net 0 frob")]
    [TestCase("net 0 status all")]
    [TestCase("net 0 dhcp now")]
    [TestCase("net 0 ping")]
    [TestCase("net 0 ping 10.0.2.2")]
    [TestCase("net 0 ping 10.0.2 1")]
    [TestCase("net 0 ping 10.0.2.2 0")]
    [TestCase("net 0 ping 10.0.2.2 65536")]
    [TestCase("selftest all")]
    [TestCase("reboot now")]
    [TestCase("poweroff now")]
    [TestCase("exit 0")]
    [TestCase("crash")]
    [TestCase("crash burn")]
    public void Wrong_arguments_give_one_line_of_usage(string command)
    {
        var bench = new ShellBench(new FakeDisk(8), new NetworkPort("net0", new FakeLink(isUp: false)));
        string name = command.Split(' ')[0];

        Assert.That(bench.Run(command), Does.Match($"^usage: {name}[^\n]*$"));
        Assert.That(bench.Context.HasFailed, Is.True);
        Assert.That(bench.System.Calls, Is.Empty);
    }

    [TestCase("blk 1 flush", "error: there is no disk1")]
    [TestCase("blk 18446744073709551615 flush", "error: there is no disk18446744073709551615")]
    [TestCase("net 7 status", "error: there is no net7")]
    [TestCase("BLK 0 flush", "error: no command BLK; help lists all")]
    [TestCase("blk 0 read 8 1", "error: disk0: 1 sectors from 8 on reach beyond the end: it has 8")]
    [TestCase("blk 0 read 0 9", "error: disk0: 9 sectors from 0 on reach beyond the end: it has 8")]
    [TestCase(
        "blk 0 checksum 0xffffffffffffffff 2",
        "error: disk0: 2 sectors from 18446744073709551615 on reach beyond the end: it has 8")]
    [TestCase(
        "blk 0 fill 1 0xffffffffffffffff 1",
        "error: disk0: 18446744073709551615 sectors from 1 on reach beyond the end: it has 8")]
    public void What_is_not_there_gives_one_line_of_error(string command, string expected)
    {
        var bench = new ShellBench(new FakeDisk(8));
        Assert.That(bench.Run(command), Is.EqualTo(expected));
        Assert.That(bench.Context.HasFailed, Is.True);
    }

    [Test]
    public void Disks_shows_sizes()
    {
        var bench = new ShellBench(new FakeDisk(8) { RefusesWrites = true });
        Assert.That(bench.Run("disks"), Is.EqualTo("disk0: 8 sectors (4 KiB), read-only"));
    }

    [Test]
    public void Read_shows_sectors_by_their_offset_on_the_disk()
    {
        var disk = new FakeDisk(40);
        disk.Content[512] = (byte)'A';
        var bench = new ShellBench(disk);

        string[] lines = bench.Run("blk 0 read 1 20").Split('\n');

        Assert.That(lines, Has.Length.EqualTo((20 * 32) + 1));
        Assert.That(
            lines[0],
            Is.EqualTo("00000200  41 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |A...............|"));
        Assert.That(lines[^1], Is.EqualTo("00002a00"));
    }

    [Test]
    public void Checksum_of_nothing_is_that_of_no_bytes() =>
        Assert.That(new ShellBench(new FakeDisk(0)).Run("blk 0 checksum 0 0"), Is.EqualTo("00000000"));

    [TestCase(1)]
    [TestCase(8)]
    [TestCase(9)]
    [TestCase(100)]
    public void Checksum_streams_a_range_in_order(int count)
    {
        var disk = new FakeDisk(200) { IsSlow = true };
        new Random(7).NextBytes(disk.Content);
        var checksum = new Crc32();
        checksum.Append(disk.Content.AsSpan(3 * 512, count * 512));
        var bench = new ShellBench(disk);

        Assert.That(bench.Run($"blk 0 checksum 3 {count}"), Is.EqualTo(checksum.Value.ToString("x8")));
        Assert.That(disk.Requests, Is.EqualTo((count + 7) / 8));
    }

    [Test]
    public void Fill_writes_the_pattern_and_nothing_else()
    {
        var disk = new FakeDisk(64) { IsSlow = true };
        var bench = new ShellBench(disk);

        Assert.That(bench.Run("blk 0 fill 5 0x29 77"), Is.EqualTo("filled 41 sectors"));

        byte[] expected = new byte[41 * 512];
        SectorPattern.Fill(expected, 5, 77);
        Assert.That(disk.Content.AsSpan(5 * 512, expected.Length).SequenceEqual(expected), Is.True);
        Assert.That(disk.Content.AsSpan(0, 5 * 512).ContainsAnyExcept((byte)0), Is.False);
        Assert.That(disk.Content.AsSpan(46 * 512).ContainsAnyExcept((byte)0), Is.False);
        Assert.That(bench.Run("blk 0 verify 5 41 77"), Is.EqualTo("verified 41 sectors"));
        Assert.That(bench.Context.HasFailed, Is.False);
    }

    [Test]
    public void Verify_names_the_first_byte_that_differs()
    {
        var disk = new FakeDisk(64);
        var bench = new ShellBench(disk);
        bench.Run("blk 0 fill 0 64 1");
        byte expected = disk.Content[(20 * 512) + 300];
        disk.Content[(20 * 512) + 300] ^= 0xFF;

        Assert.That(
            bench.Run("blk 0 verify 0 64 1"),
            Is.EqualTo(
                $"error: sector 20 differs at byte 300: expected 0x{expected:x2}, found 0x{(byte)~expected:x2}"));
    }

    [Test]
    public void Device_errors_reach_the_shell()
    {
        var disk = new FakeDisk(64) { BadSector = 40 };
        var bench = new ShellBench(disk);
        const string Expected = "error: disk0: the device reports an I/O error";

        Assert.That(bench.Run("blk 0 checksum 0 64"), Is.EqualTo(Expected));
        Assert.That(bench.Run("blk 0 verify 40 1 1"), Is.EqualTo(Expected));
        Assert.That(bench.Run("blk 0 fill 0 64 1"), Is.EqualTo(Expected));
        Assert.That(bench.Run("blk 0 read 40 1"), Does.EndWith("\n" + Expected));
        Assert.That(bench.Run("blk 0 checksum 41 10"), Does.Match("^[0-9a-f]{8}$"));
    }

    [Test]
    public void Fill_of_a_read_only_disk_is_refused() =>
        Assert.That(
            new ShellBench(new FakeDisk(8) { RefusesWrites = true }).Run("blk 0 fill 0 1 1"),
            Is.EqualTo("error: disk0: the disk is read-only"));

    [Test]
    public void Flush_reaches_the_disk()
    {
        var disk = new FakeDisk(8);
        Assert.That(new ShellBench(disk).Run("blk 0 flush"), Is.EqualTo("flushed"));
        Assert.That(disk.Flushes, Is.EqualTo(1));
    }

    [Test]
    public void Network_status_shows_the_link()
    {
        var bench = new ShellBench(port: new NetworkPort("net0", new FakeLink(isUp: false)));
        string[] lines = bench.Run("net 0 status").Split('\n');
        Assert.That(lines[0], Is.EqualTo("net0: 52:54:00:12:34:56, link down, mtu 1500"));
        Assert.That(lines[1], Is.EqualTo("net0: no address"));
    }

    [Test]
    public void Dhcp_on_a_dead_link_says_so()
    {
        var bench = new ShellBench(port: new NetworkPort("net0", new FakeLink(isUp: false)));
        Assert.That(bench.Run("net 0 dhcp"), Does.Match("^error: net0: [^\n]+$"));
    }

    [Test]
    public void Ping_without_an_address_says_so_once()
    {
        var bench = new ShellBench(port: new NetworkPort("net0", new FakeLink(isUp: true)));
        string[] lines = bench.Run("net 0 ping 10.0.2.2 3").Split('\n');
        Assert.That(lines[^1], Does.StartWith("error: net0: "));
        Assert.That(bench.Context.HasFailed, Is.True);
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
        bench.System.Interrupts.Add(new InterruptDescription("disk0 requestq1", "message", 49, 7, false));
        bench.System.Interrupts.Add(new InterruptDescription("stray", "line 11", 43, 100, true));

        string text = bench.Run("threads");

        Assert.That(text, Does.Match("   3 shell +console +5 +12 +0\n"));
        Assert.That(text, Does.Match("  49 disk0 requestq1 +message +7\n"));
        Assert.That(text, Does.Match("  43 stray +line 11 +100  masked: nobody claims it$"));
    }

    [Test]
    public void Help_shows_every_command()
    {
        var bench = new ShellBench();
        string text = bench.Run("help");
        foreach (string usage in (string[])["help", "lspci", "lsvirtio", "mem", "threads", "disks",
            "blk D read FIRST COUNT", "blk D checksum FIRST COUNT", "blk D fill FIRST COUNT SEED",
            "blk D verify FIRST COUNT SEED", "blk D flush", "net N status", "net N dhcp",
            "net N ping ADDRESS COUNT", "selftest", "reboot", "poweroff", "exit", "crash KIND"])
        {
            Assert.That(text, Does.Match("(^|\n)" + usage + "  "));
        }
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

    [Test]
    public void Self_tests_are_reported_as_TAP()
    {
        var cases = new List<SelfTestCase>
        {
            new FixedTest("first", SelfTestResult.Passed),
            new FixedTest("second # of three", SelfTestResult.Failed("it's broken")),
            new FixedTest("third", SelfTestResult.Skipped("no disk")),
        };
        var bench = new ShellBench(selfTests: cases);

        Assert.That(bench.Run("selftest").Split('\n'), Is.EqualTo(new[]
        {
            "TAP version 14",
            "1..3",
            "ok 1 - first",
            "not ok 2 - second \\# of three",
            "  ---",
            "  message: 'it''s broken'",
            "  ...",
            "ok 3 - third # SKIP no disk",
            "error: 1 of 3 self-tests failed",
        }));
    }

    private sealed class FixedTest(string name, SelfTestResult result) : SelfTestCase(name)
    {
        public override SelfTestResult Run() => result;
    }
}
