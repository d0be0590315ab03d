using System.Text;
using NUnit.Framework;
using VirtioGuest.Commands.FirmwareConfiguration;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Kernel.FirmwareConfiguration;

namespace VirtioGuest.Kernel.Tests;

[TestFixture]
internal sealed class ScriptSourceTests
{
    private static (bool IsThere, string? Script, string Said) Find(FakePorts ports, string commandLine)
    {
        var output = new RecordingOutput();
        bool isThere = ScriptSource.TryFind(ports, commandLine, output, out string? script);
        return (isThere, script, output.Text);
    }

    [Test]
    public void Script_comes_from_fw_cfg_before_the_command_line()
    {
        var ports = new FakePorts(0xFF);
        ports.AddDevice((FirmwareScript.FileName, Encoding.ASCII.GetBytes("from fw_cfg")));

        Assert.That(Find(ports, "run='from command line'"), Is.EqualTo((true, "from fw_cfg", "")));
        Assert.That(Find(ports, "run='it is open"), Is.EqualTo((true, "from fw_cfg", "")));
    }

    [Test]
    public void Script_comes_from_the_command_line_where_fw_cfg_has_none()
    {
        var ports = new FakePorts(0xFF);
        ports.AddDevice(("other", [1]));

        Assert.That(Find(ports, "run='from command line'"), Is.EqualTo((true, "from command line", "")));
    }

    [TestCase("quiet")]
    [TestCase("")]
    [TestCase("name=it's")]
    [TestCase("rerun runs run,x")]
    [TestCase("a; b")]
    public void Script_is_none_where_nobody_gave_one(string commandLine) =>
        Assert.That(Find(new FakePorts(0), commandLine), Is.EqualTo((false, (string?)null, "")));

    [TestCase("run='a; b", "a quote that is not closed")]
    [TestCase("name=it's run='a; b'", "a quote that is not closed")]
    [TestCase("\"run=a; b", "a quote that is not closed")]
    [TestCase("run", "the word run without a script")]
    [TestCase("quiet run mem", "the word run without a script")]
    [TestCase("run=mem; exit", "goes on after the semicolon")]
    public void Script_that_cannot_be_what_was_meant_is_told_and_not_run(string commandLine, string why)
    {
        (bool isThere, string? script, string said) = Find(new FakePorts(0), commandLine);
        Assert.That((isThere, script), Is.EqualTo((true, (string?)null)));
        Assert.That(said, Does.Match("^error: the kernel command line [^\n]*" + why + "[^\n]*\n$"));
    }

    [TestCase("run='mem;' virtio_mmio.device=512@0xfeb00e00:12", "mem;")]
    [TestCase("run=mem;", "mem;")]
    [TestCase("run=", "")]
    [TestCase("run='  '", "  ")]
    [TestCase("run=mem run", "mem")]
    public void Script_that_may_be_meant_so_is_taken(string commandLine, string expected) =>
        Assert.That(Find(new FakePorts(0), commandLine), Is.EqualTo((true, expected, "")));
}
