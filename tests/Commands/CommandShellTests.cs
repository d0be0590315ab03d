using NUnit.Framework;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Commands.Tests;

[TestFixture]
internal sealed class CommandShellTests
{
    [Test]
    public void Script_echoes_each_command_after_the_prompt()
    {
        var bench = new CommandBench(new FakeSectorDevice(8));
        Assert.That(bench.Shell.RunScript(" disks ;; blk 0 flush\r\n\tdisks\t;\n;"), Is.True);
        Assert.That(bench.Output.Lines, Is.EqualTo(new[]
        {
            "vg> disks", "disk0: 8 sectors (4 KiB), writeback", "vg> blk 0 flush", "flushed", "vg> disks",
            "disk0: 8 sectors (4 KiB), writeback",
        }));
        Assert.That(bench.Context.HasFailed, Is.False);
    }

    [Test]
    public void Script_goes_on_after_a_failure_and_remembers_it()
    {
        var bench = new CommandBench();
        Assert.That(bench.Shell.RunScript("frobnicate; disks; exit; disks"), Is.False);
        Assert.That(bench.Output.Lines, Is.EqualTo(new[]
        {
            "vg> frobnicate", "error: no command frobnicate; help lists all", "vg> disks", "no disks", "vg> exit",
        }));
        Assert.That(bench.System.Calls, Is.EqualTo(new[] { "exit 17", "off" }));
    }

    [Test]
    public void Wrong_arguments_count_as_a_failure()
    {
        var bench = new CommandBench();
        bench.Shell.RunScript("disks 0; exit");
        Assert.That(bench.System.Calls, Is.EqualTo(new[] { "exit 17", "off" }));
    }

    [Test]
    public void Exit_reports_success()
    {
        var bench = new CommandBench();
        bench.Shell.RunScript("disks; exit");
        Assert.That(bench.System.Calls, Is.EqualTo(new[] { "exit 16", "off" }));
    }

    [TestCase("poweroff", "off")]
    [TestCase("reboot", "reset")]
    public void Shutdown_commands_end_the_shell(string command, string call)
    {
        var bench = new CommandBench();
        Assert.That(bench.Shell.RunCommand(command), Is.False);
        Assert.That(bench.System.Calls, Is.EqualTo(new[] { call }));
    }

    [Test]
    public void Interactive_shell_runs_lines_until_the_end()
    {
        var bench = new CommandBench();
        var editor = new LineEditor(new ScriptedInput("disks; disks\r\r  \rpoweroff; disks\r"), bench.Output);
        bench.Shell.RunInteractively(editor);
        Assert.That(
            bench.Output.Text,
            Is.EqualTo("vg> disks; disks\nno disks\nno disks\nvg> \nvg>   \nvg> poweroff; disks\n"));
    }

    [Test]
    public void Interactive_shell_reports_a_damaged_line_and_counts_it_as_a_failure()
    {
        var bench = new CommandBench();
        var editor = new LineEditor(new ScriptedInput("disks\x01\rdisks\rexit\r"), bench.Output);
        bench.Shell.RunInteractively(editor);
        Assert.That(bench.Output.Lines, Is.EqualTo(new[]
        {
            "vg> disks^A", "error: this line contains a character that no command uses (0x01): it is not run",
            "vg> disks", "no disks", "vg> exit",
        }));
        Assert.That(bench.System.Calls, Is.EqualTo(new[] { "exit 17", "off" }));
    }

    [Test]
    public void Script_may_have_comments()
    {
        var bench = new CommandBench();
        bench.Shell.RunScript("#!/usr/bin/vg; disks\n  # disks; disks\r\ndisks;# the rest; disks\rdisks # x\n#");
        Assert.That(bench.Output.Lines, Is.EqualTo(new[]
        {
            "vg> disks", "no disks", "vg> disks # x", "usage: disks",
        }));
    }

    [Test]
    public void Script_that_cannot_be_used_ends_the_machine_with_failure()
    {
        var bench = new CommandBench();
        bench.Shell.RefuseScript();
        Assert.That(bench.System.Calls, Is.EqualTo(new[] { "exit 17", "off" }));
    }

    [Test]
    public void Control_C_ends_the_command_and_the_line_and_counts_as_a_failure()
    {
        var bench = new CommandBench(new FakeSectorDevice(1000));
        bench.System.LooksUntilInterrupt = 2;
        Assert.That(bench.Shell.RunLine("blk 0 checksum 0 1000; disks"), Is.True);
        Assert.That(bench.Output.Lines, Is.EqualTo(new[] { "error: interrupted" }));
        Assert.That(bench.Context.HasFailed, Is.True);
        Assert.That(bench.System.UsedInterrupts, Is.EqualTo(1));
        Assert.That(bench.Run("disks"), Does.StartWith("disk0"), "the next line runs");
    }

    [Test]
    public void Control_C_ends_a_script_and_not_the_shell()
    {
        var bench = new CommandBench(new FakeSectorDevice(1000));
        bench.System.LooksUntilInterrupt = 2;
        Assert.That(bench.Shell.RunScript("blk 0 fill 0 1000 1; exit"), Is.True);
        Assert.That(bench.Output.Lines, Is.EqualTo(new[] { "vg> blk 0 fill 0 1000 1", "error: interrupted" }));
        Assert.That(bench.System.Calls, Is.Empty);
    }

    [Test]
    public void Control_C_between_two_commands_of_a_line_ends_the_line()
    {
        var bench = new CommandBench();
        bench.System.LooksUntilInterrupt = 1;
        bench.Shell.RunLine("disks; disks");
        Assert.That(bench.Output.Lines, Is.EqualTo(new[] { "no disks", "error: interrupted" }));
    }

    [TestCase("blk 0 read 0 1000")]
    [TestCase("blk 0 checksum 0 1000")]
    [TestCase("blk 0 fill 0 1000 1")]
    [TestCase("blk 0 verify 0 1000 1")]
    [TestCase("net 0 ping 10.0.2.2 1000")]
    [TestCase("selftest")]
    public void Every_long_command_ends_soon_after_Control_C(string command)
    {
        var disk = new FakeSectorDevice(1000);
        var network = new FakeNetwork();
        var bench = new CommandBench(disk, network, [new CountingTest(), new CountingTest(), new CountingTest()]);
        if (command.Contains("verify", System.StringComparison.Ordinal))
        {
            bench.Run("blk 0 fill 0 1000 1");
        }

        int before = disk.Reads + disk.Writes;
        bench.System.LooksUntilInterrupt = 2;
        Assert.That(bench.Run(command), Does.EndWith("error: interrupted"));
        Assert.That(disk.Reads + disk.Writes - before + network.Pings.Count, Is.LessThanOrEqualTo(2));
        Assert.That(CountingTest.Runs, Is.LessThanOrEqualTo(1));
        CountingTest.Runs = 0;
    }

    private sealed class CountingTest() : SelfTestCase("runs")
    {
        public static int Runs { get; set; }

        public override SelfTestResult Run()
        {
            Runs++;
            return SelfTestResult.Passed;
        }
    }

    [TestCase("help me")]
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
    public void Wrong_arguments_give_one_line_of_usage(string command)
    {
        var network = new FakeNetwork();
        var bench = new CommandBench(new FakeSectorDevice(8), network);
        string name = command.Split(' ')[0];

        Assert.That(bench.Run(command), Does.Match($"^usage: {name}[^\n]*$"));
        Assert.That(bench.Context.HasFailed, Is.True);
        Assert.That(bench.System.Calls, Is.Empty);
        Assert.That(network.Pings, Is.Empty);
    }

    [TestCase(
        "blk",
        "usage: blk D read FIRST COUNT | blk D checksum FIRST COUNT | blk D fill FIRST COUNT SEED"
        + " | blk D verify FIRST COUNT SEED | blk D flush")]
    [TestCase("blk 0 read 1", "usage: blk D read FIRST COUNT")]
    [TestCase("net 0 frob", "usage: net N status | net N dhcp | net N ping ADDRESS COUNT")]
    [TestCase("exit 0", "usage: exit")]
    public void Usage_is_that_of_the_verb_or_of_all_verbs(string command, string expected) =>
        Assert.That(new CommandBench(new FakeSectorDevice(8)).Run(command), Is.EqualTo(expected));

    [TestCase("blk 1 flush", "error: there is no disk1")]
    [TestCase("blk 18446744073709551615 flush", "error: there is no disk18446744073709551615")]
    [TestCase("blk 0x1 flush", "error: there is no disk0x1")]
    [TestCase("net 7 status", "error: there is no net7")]
    [TestCase("BLK 0 flush", "error: no command BLK; help lists all")]
    [TestCase("blk 0 read 8 1", "error: disk0: 1 sectors starting at 8 reach beyond the end of the disk, which has 8")]
    [TestCase("blk 0 read 0 9", "error: disk0: 9 sectors starting at 0 reach beyond the end of the disk, which has 8")]
    [TestCase(
        "blk 0 checksum 0xffffffffffffffff 2",
        "error: disk0: 2 sectors starting at 18446744073709551615 reach beyond the end of the disk, which has 8")]
    [TestCase(
        "blk 0 fill 1 0xffffffffffffffff 1",
        "error: disk0: 18446744073709551615 sectors starting at 1 reach beyond the end of the disk, which has 8")]
    public void A_device_command_or_range_that_does_not_exist_gives_one_line_of_error(string command, string expected)
    {
        var bench = new CommandBench(new FakeSectorDevice(8));
        Assert.That(bench.Run(command), Is.EqualTo(expected));
        Assert.That(bench.Context.HasFailed, Is.True);
    }

    [Test]
    public void Words_are_separated_by_blanks_and_tabs() =>
        Assert.That(
            new CommandBench(new FakeSectorDevice(8)).Run("  blk\t0  checksum \t0\t0 "), Is.EqualTo("00000000"));

    [Test]
    public void Nothing_typed_is_no_failure()
    {
        var bench = new CommandBench();
        Assert.That(bench.Shell.RunLine(" ; \t;"), Is.True);
        Assert.That(bench.Output.Text, Is.Empty);
        Assert.That(bench.Context.HasFailed, Is.False);
    }

    [Test]
    public void Help_shows_every_command_in_columns()
    {
        string[] lines = new CommandBench().Run("help").Split('\n');
        Assert.That(lines, Has.Length.EqualTo(16));
        Assert.That(lines[0], Is.EqualTo("help                           show the commands"));
        Assert.That(
            lines[6],
            Is.EqualTo("blk D verify FIRST COUNT SEED  compare sectors with the pattern that belongs to SEED"));
        Assert.That(
            lines[15], Is.EqualTo("Numbers are decimal, or hexadecimal after 0x. A semicolon separates commands."));
    }
}
