using System.Text;
using NUnit.Framework;
using VirtioGuest.Commands.FirmwareConfiguration;
using VirtioGuest.Commands.Tests.Fakes;

namespace VirtioGuest.Commands.Tests;

[TestFixture]
internal sealed class FirmwareConfigurationTests
{
    private const string Name = FirmwareScript.FileName;

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
    public void A_name_may_fill_its_field()
    {
        string longest = new('n', 56);
        var ports = new FakePorts(0xFF);
        ports.AddDevice((longest[1..], [1]), (longest, [2]));
        FirmwareConfigurationDevice device = FirmwareConfigurationDevice.Find(ports)!;

        Assert.That(device.TryReadFile(longest, 100, out byte[] content), Is.EqualTo(FirmwareFileStatus.Found));
        Assert.That(content, Is.EqualTo(new byte[] { 2 }));
        Assert.That(device.TryReadFile(longest + "n", 100, out _), Is.EqualTo(FirmwareFileStatus.Missing));
    }

    [TestCase("help; exit", "help; exit")]
    [TestCase("help\n\0\0", "help\n")]
    [TestCase("\0", "")]
    [TestCase("", "")]
    [TestCase("na\u00EFve", "na?ve")]
    [TestCase("\u00EF\u00BB\u00BFhelp\r\nexit\r\n", "help\r\nexit\r\n", TestName = "UTF-8 with its mark")]
    [TestCase("\u00FF\u00FEh\0i\0\u00E9\0\n\0", "hi?\n", TestName = "UTF-16, little-endian")]
    [TestCase("\u00FE\u00FF\0h\0i\x20\x1C\0\n", "hi?\n", TestName = "UTF-16, big-endian")]
    [TestCase("\u00FF\u00FEh\0i", "hi", TestName = "UTF-16 with half a character")]
    [TestCase("help\r\n\x1A", "help\r\n", TestName = "the end-of-file character of old editors")]
    public void A_script_is_ASCII_without_the_zeros_at_its_end(string content, string expected)
    {
        var ports = new FakePorts(0xFF);
        ports.AddDevice((Name, Encoding.Latin1.GetBytes(content)));
        var output = new RecordingOutput();

        Assert.That(FirmwareScript.TryFind(ports, output, out string? script), Is.True);
        Assert.That(script, Is.EqualTo(expected));
        Assert.That(output.Text, Is.Empty);
    }

    [Test]
    public void A_script_that_is_too_long_is_reported_and_nothing_takes_its_place()
    {
        var ports = new FakePorts(0xFF);
        ports.AddDevice((Name, new byte[(64 * 1024) + 1]));
        var output = new RecordingOutput();

        Assert.That(FirmwareScript.TryFind(ports, output, out string? script), Is.True);
        Assert.That(script, Is.Null);
        Assert.That(output.Text, Is.EqualTo("error: opt/virtioguest/run is longer than 64 KiB\n"));
    }

    [Test]
    public void There_is_no_script_without_the_file_or_the_device()
    {
        var ports = new FakePorts(0xFF);
        Assert.That(FirmwareScript.TryFind(ports, new RecordingOutput(), out _), Is.False);
        ports.AddDevice(("other", [1]));
        Assert.That(FirmwareScript.TryFind(ports, new RecordingOutput(), out string? script), Is.False);
        Assert.That(script, Is.Null);
    }
}
