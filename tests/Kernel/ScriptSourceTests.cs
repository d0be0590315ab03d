using System.Text;
using NUnit.Framework;
using VirtioGuest.Commands.FirmwareConfiguration;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Kernel.FirmwareConfiguration;

namespace VirtioGuest.Kernel.Tests;

[TestFixture]
internal sealed class ScriptSourceTests
{
    [Test]
    public void Script_comes_from_fw_cfg_before_the_command_line()
    {
        var ports = new FakePorts(0xFF);
        ports.AddDevice((FirmwareScript.FileName, Encoding.ASCII.GetBytes("from fw_cfg")));
        var output = new RecordingOutput();

        Assert.That(ScriptSource.Find(ports, "run='from command line'", output), Is.EqualTo("from fw_cfg"));
        Assert.That(output.Text, Is.Empty);
    }

    [Test]
    public void Script_comes_from_the_command_line_where_fw_cfg_has_none()
    {
        var ports = new FakePorts(0xFF);
        ports.AddDevice(("other", [1]));

        string? script = ScriptSource.Find(ports, "run='from command line'", new RecordingOutput());

        Assert.That(script, Is.EqualTo("from command line"));
    }

    [Test]
    public void Script_is_none_where_nobody_gave_one()
    {
        var output = new RecordingOutput();

        Assert.That(ScriptSource.Find(new FakePorts(0), "quiet", output), Is.Null);
        Assert.That(output.Text, Is.Empty);
    }

    [Test]
    public void Script_with_an_open_quote_is_told_and_not_run()
    {
        var output = new RecordingOutput();

        Assert.That(ScriptSource.Find(new FakePorts(0), "run='a; b", output), Is.Null);
        Assert.That(output.Text, Does.StartWith("error: a quote is not closed"));
    }
}
