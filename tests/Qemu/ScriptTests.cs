using System.IO;
using System.Linq;
using System.Text;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>How commands get in, and what becomes of those that fail.</summary>
public sealed class ScriptTests : QemuTest
{
    [TestCase(Door.Elf)]
    [TestCase(Door.BzImage)]
    public void Script_comes_by_the_kernel_command_line(Door door)
    {
        GuestOptions options = new()
        {
            Door = door,
            Script = "mem; threads; exit",
            ScriptSource = ScriptSource.CommandLine,
            CommandLine = "quiet other='run=x'",
        };

        Assert.That(Run(options).Commands, Is.EqualTo(new[] { "mem", "threads", "exit" }));
    }

    [TestCase("\"run=mem; exit\"")]
    [TestCase("run=\"mem; exit\"")]
    [TestCase("a run='mem;exit' b")]
    [TestCase("run='mem ;; exit ;'")]
    public void Command_line_may_be_quoted_in_several_ways(string commandLine)
    {
        Transcript transcript = Run(new GuestOptions { CommandLine = commandLine });

        Assert.That(transcript.Commands, Is.EqualTo(new[] { "mem", "exit" }));
    }

    [Test]
    public void Single_word_needs_no_quotes()
    {
        Assert.That(Run(new GuestOptions { CommandLine = "run=exit" }).Commands, Is.EqualTo(new[] { "exit" }));
    }

    [TestCase(Door.IsoBios)]
    [TestCase(Door.IsoUefi)]
    public void Script_comes_by_the_boot_menu(Door door)
    {
        GuestOptions options = new()
        {
            Door = door,
            Script = "mem; threads; exit",
            ScriptSource = ScriptSource.Grub,
        };

        Transcript transcript = Run(options);

        Expect.FirstLine(transcript, door);
        Assert.That(transcript.Commands, Is.EqualTo(new[] { "mem", "threads", "exit" }));
    }

    [Test]
    public void Script_of_the_firmware_configuration_wins()
    {
        Transcript transcript = Run(new GuestOptions { CommandLine = "run='help; exit'" }, "mem; exit");

        Assert.That(transcript.Commands, Is.EqualTo(new[] { "mem", "exit" }));
    }

    [Test]
    public void Script_comes_by_the_word_that_the_manual_shows()
    {
        GuestOptions options = new GuestOptions()
            .WithArguments("-fw_cfg", "name=opt/virtioguest/run,string=mem; threads; exit");

        Assert.That(Run(options).Commands, Is.EqualTo(new[] { "mem", "threads", "exit" }));
    }

    [Test]
    public void Script_may_have_lines()
    {
        Transcript transcript = Run(new GuestOptions(), "mem\nthreads; disks\r\n\n ; \nexit\n");

        Assert.That(transcript.Commands, Is.EqualTo(new[] { "mem", "threads", "disks", "exit" }));
    }

    [Test]
    public void Script_may_be_a_text_file_of_any_editor([Values("utf-8", "utf-16", "utf-16BE")] string encoding)
    {
        string file = Path.Combine(Folder, "script.txt");
        const string Text = "# what this does: d\u00e9mo\r\n\tdisks\t\r\nmem;exit";
        File.WriteAllText(file, Text, Encoding.GetEncoding(encoding));

        Transcript transcript = Run(
            new GuestOptions().WithArguments("-fw_cfg", $"name=opt/virtioguest/run,file={file}"));

        Assert.That(transcript.Commands, Is.EqualTo(new[] { "disks", "mem", "exit" }));
    }

    [TestCase("run='mem; exit", "a quote that is not closed")]
    [TestCase("run", "the word run without a script")]
    [TestCase("run=mem; exit", "goes on after the semicolon")]
    public void Script_that_cannot_be_used_ends_in_failure_and_says_why(string commandLine, string why)
    {
        Transcript transcript = Run(new GuestOptions { CommandLine = commandLine }, QemuGuest.Failure);

        Assert.That(transcript.Commands, Is.Empty);
        Assert.That(transcript.Start, Has.Some.Match($"^error: .*{why}"));
    }

    [Test]
    public void Script_that_is_too_long_ends_in_failure_and_says_why()
    {
        string script = string.Concat(Enumerable.Repeat("disks;", 11_700)) + "exit";

        Transcript transcript = Run(new GuestOptions(), script, QemuGuest.Failure);

        Assert.That(transcript.Commands, Is.Empty);
        Assert.That(transcript.Start, Has.Some.EqualTo("error: opt/virtioguest/run is longer than 64 KiB"));
    }

    [TestCase(Door.Elf, 3900)]
    [TestCase(Door.BzImage, 3900)]
    [TestCase(Door.BzImage, 65_000)]
    public void Script_comes_behind_a_long_command_line(Door door, int length)
    {
        GuestOptions options = new() { Door = door, CommandLine = $"x={new string('x', length)} run='mem; exit'" };

        Assert.That(Run(options).Commands, Is.EqualTo(new[] { "mem", "exit" }));
    }

    [TestCase(Door.Elf, 5000, "longer than the 4095 bytes that QEMU's PVH loader has room for")]
    [TestCase(Door.BzImage, 66_000, "longer than 65536 bytes")]
    public void Command_line_that_is_too_long_ends_in_failure_and_says_why(Door door, int length, string why)
    {
        QemuGuest guest = Start(
            new GuestOptions { Door = door, CommandLine = $"x={new string('x', length)} run='mem; exit'" });

        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Failure));
        Assert.That(guest.Serial.Text, Does.Contain("the kernel command line is " + why));
    }

    [Test]
    public void Failed_command_is_remembered_and_the_rest_runs()
    {
        string[] errors = ["nosuch", "nosuch with arguments", "blk 7 checksum 0 1", "net 7 status"];
        string[] usages =
        [
            "blk", "blk 0", "blk 0 read", "blk 0 read 0", "blk 0 read x 1", "blk 0 read 0 1 2", "blk 0 read -1 1",
            "blk 0 read 0x 1", "blk 0 checksum 0 18446744073709551616", "blk 0 fill 0 1", "blk 0 nosuch",
            "blk x read 0 1", "net", "net 0", "net 0 nosuch", "net 0 ping", "net 0 ping 10.0.2.2",
            "net 0 ping 10.0.2 1", "net 0 ping 10.0.2.256 1", "net 0 ping nowhere 1", "net 0 ping 10.0.2.2 x",
            "crash", "crash nosuch", "mem nosuch",
        ];
        DiskImage disk = NewDisk(8);

        Transcript transcript = Run(
            new GuestOptions().WithDisk(disk).WithNic(),
            string.Join(';', errors.Concat(usages)) + ";blk 0 checksum 0 8;exit", QemuGuest.Failure);

        Assert.Multiple(() =>
        {
            foreach (string command in errors)
            {
                Expect.Refusal(transcript, command, "error: ");
            }

            foreach (string command in usages)
            {
                Expect.Refusal(transcript, command, "usage: ");
            }
        });
        Assert.That(transcript.OutputOf("blk 0 checksum 0 8"), Is.EqualTo(new[] { disk.Checksum(0, 8) }));
    }

    [Test]
    public void Every_command_is_in_the_help_and_tells_something()
    {
        string[] names =
        [
            "help", "lspci", "lsvirtio", "mem", "threads", "disks", "parts", "blk", "net", "selftest", "stress",
            "reboot", "poweroff", "exit", "crash",
        ];

        Transcript transcript = Run(
            new GuestOptions().WithDisk(NewDisk()).WithNic(), "help; threads; mem; disks; net 0 status; exit");

        foreach (string name in names)
        {
            Assert.That(transcript.OutputOf("help"), Has.Some.Match($@"^\s*{name}\b"), name);
        }

        // At least the shell's own, the finalizer's and a driver's.
        Assert.That(transcript.OutputOf("threads"), Has.Count.GreaterThanOrEqualTo(3));
        Assert.That(transcript.OutputOf("mem"), Is.Not.Empty);
        Assert.That(transcript.OutputOf("disks"), Has.Some.Match(@"disk0\b.*\b2048\b"));
        Assert.That(transcript.OutputOf("net 0 status"), Has.Some.Contain(QemuCommandLine.MacAddress(0)));
    }
}
