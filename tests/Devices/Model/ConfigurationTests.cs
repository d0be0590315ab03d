using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Model;

/// <summary>The configuration space and its generation (virtio 1.4, 2.5 and 4.1.4.3.1).</summary>
internal sealed class ConfigurationTests
{
    private MmioBench<EchoDevice> _bench = null!;

    private uint Generation => _bench.Registers.Read32(0xFC);

    [SetUp]
    public void Prepare() => _bench = new MmioBench<EchoDevice>(ram => new EchoDevice(ram.Regions));

    [TearDown]
    public void Free() => _bench.Dispose();

    [Test]
    public void The_generation_stands_still_once_a_change_was_read()
    {
        _bench.Device.Change(0, 1);
        _ = _bench.Registers.Read32(0x100);
        uint before = Generation;
        _ = _bench.Registers.Read32(0x100);
        _ = _bench.Registers.Read32(0x104);

        Assert.That(Generation, Is.EqualTo(before));
    }

    [Test]
    public void A_change_between_two_reads_changes_the_generation()
    {
        uint before = Generation;
        _ = _bench.Registers.Read32(0x100);
        _bench.Device.Change(4, 1);
        _ = _bench.Registers.Read32(0x104);

        Assert.That(Generation, Is.Not.EqualTo(before));
    }

    [Test]
    public void Exactly_256_changes_between_two_reads_do_not_go_unnoticed()
    {
        uint before = Generation;
        _ = _bench.Registers.Read32(0x100);
        for (int i = 0; i < 256; i++)
        {
            _bench.Device.Change(4, (byte)i);
        }

        _ = _bench.Registers.Read32(0x104);

        Assert.That(Generation, Is.Not.EqualTo(before));
    }

    [Test]
    public void The_configuration_can_change_under_its_reader()
    {
        int reads = 0;
        _bench.Device.BeforeConfigurationRead = () =>
        {
            if (reads++ == 1)
            {
                _bench.Device.Change(0, 0x55);
            }
        };
        uint before = Generation;
        Assert.That(_bench.Registers.Read8(0x100), Is.Zero);
        Assert.That(_bench.Registers.Read8(0x100), Is.EqualTo(0x55));
        Assert.That(Generation, Is.Not.EqualTo(before));
    }

    [Test]
    public void A_change_is_told_once_the_driver_runs()
    {
        _bench.Device.Change(0, 1);
        Assert.That(_bench.Output.LineChanges, Is.Empty);

        _bench.Start(0);
        _bench.Device.Change(0, 2);
        Assert.That(_bench.Registers.Read32(0x60), Is.EqualTo(2));
    }

    [Test]
    public void Fields_are_read_at_their_width_and_only_within_the_space()
    {
        _bench.Device.Change(8, 0x11);
        _bench.Device.Change(9, 0x22);
        _bench.Device.Change(10, 0x33);
        _bench.Device.Change(11, 0x44);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_bench.Registers.Read8(0x109), Is.EqualTo(0x22));
            Assert.That(_bench.Registers.Read16(0x10A), Is.EqualTo(0x4433));
            Assert.That(_bench.Registers.Read32(0x108), Is.EqualTo(0x44332211));
            Assert.That(() => _bench.Registers.Read32(0x118), Throws.InstanceOf<System.ArgumentOutOfRangeException>());
            Assert.That(_bench.Device.Findings, Is.Empty);
        }
    }

    [Test]
    public void Only_the_device_type_says_what_may_be_written()
    {
        _bench.Registers.Write8(0x114, 0x66);
        _bench.Registers.Write8(0x115, 0x66);

        Assert.That(_bench.Device.Written, Is.EqualTo(0x66));
        Assert.That(_bench.Device.Findings.Select(finding => finding.Rule),
            Is.EqualTo(new[] { DriverRule.ConfigurationWrite }));
    }
}
