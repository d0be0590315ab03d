using System.Text;
using NUnit.Framework;
using VirtioGuest.Kernel.FirmwareConfiguration;
using VirtioGuest.Kernel.Tests.Fakes;

namespace VirtioGuest.Kernel.Tests;

[TestFixture]
internal sealed class FirmwareConfigurationTests
{
    private const string Name = ScriptSource.FileName;

    [TestCase((byte)0x00)]
    [TestCase((byte)0xFF)]
    public void Find_without_a_device_gives_none(byte absentValue) =>
        Assert.That(FirmwareConfigurationDevice.Find(new FakePorts(absentValue)), Is.Null);

    [Test]
    public void TryReadFile_finds_a_file_among_others()
    {
        var ports = new FakePorts(0xFF);
        ports.AddDevice(("etc/e820", [9, 9]), (Name, Encoding.ASCII.GetBytes("help; exit")), ("x", []));
        FirmwareConfigurationDevice device = FirmwareConfigurationDevice.Find(ports)!;

        FirmwareFileStatus status = device.TryReadFile(Name, 100, out byte[] content);

        Assert.That(status, Is.EqualTo(FirmwareFileStatus.Found));
        Assert.That(Encoding.ASCII.GetString(content), Is.EqualTo("help; exit"));
    }

    [Test]
    public void TryReadFile_does_not_take_a_prefix_for_the_name()
    {
        var ports = new FakePorts(0xFF);
        ports.AddDevice((Name + "2", [1]), ("opt/virtioguest", [2]));

        FirmwareFileStatus status = FirmwareConfigurationDevice.Find(ports)!.TryReadFile(Name, 100, out byte[] content);

        Assert.That(status, Is.EqualTo(FirmwareFileStatus.Missing));
        Assert.That(content, Is.Empty);
    }

    [Test]
    public void TryReadFile_refuses_a_file_that_is_too_long()
    {
        var ports = new FakePorts(0xFF);
        ports.AddDevice((Name, new byte[101]));

        FirmwareFileStatus status = FirmwareConfigurationDevice.Find(ports)!.TryReadFile(Name, 100, out byte[] content);

        Assert.That(status, Is.EqualTo(FirmwareFileStatus.TooLong));
        Assert.That(content, Is.Empty);
    }

    [Test]
    public void TryReadFile_ends_whatever_count_the_directory_claims()
    {
        var ports = new FakePorts(0xFF);
        ports.AddDevice();
        ports.SetItem(0x19, [0xFF, 0xFF, 0xFF, 0xFF]);

        FirmwareFileStatus status = FirmwareConfigurationDevice.Find(ports)!.TryReadFile(Name, 100, out _);

        Assert.That(status, Is.EqualTo(FirmwareFileStatus.Missing));
        Assert.That(ports.Reads, Is.LessThan(100_000));
    }

    [Test]
    public void Script_comes_from_fw_cfg_before_the_command_line()
    {
        var ports = new FakePorts(0xFF);
        ports.AddDevice((Name, Encoding.ASCII.GetBytes("from fw_cfg")));
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
