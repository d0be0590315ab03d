using System;
using NUnit.Framework;
using VirtioGuest.Pci.Tests.Simulation;

namespace VirtioGuest.Pci.Tests;

public sealed class ConfigurationMechanism1Tests
{
    private SimulatedMachine _machine = null!;
    private ConfigurationMechanism1 _configuration = null!;
    private SimulatedFunction _function = null!;

    [SetUp]
    public void SetUp()
    {
        _machine = new SimulatedMachine();
        _configuration = new ConfigurationMechanism1(_machine.Ports);
        _function = _machine.Host.Root.Add(4, 2, new SimulatedFunction(0x1AF4, 0x1042));
        for (int i = 0x40; i < 0x100; i++)
        {
            _function.Space[i] = (byte)i;
            _function.Allow((uint)i, 1, 0xFF);
        }
    }

    [Test]
    public void IsPresent_address_register_keeps_its_value_true_and_the_value_is_restored()
    {
        _machine.Ports.Write32(0xCF8, 0x80001234);
        Assert.That(ConfigurationMechanism1.IsPresent(_machine.Ports), Is.True);
        Assert.That(_machine.SimulatedPorts.ConfigurationAddress, Is.EqualTo(0x80001234));
    }

    [Test]
    public void IsPresent_ports_answer_all_ones_false() =>
        Assert.That(ConfigurationMechanism1.IsPresent(new SimulatedMachine(false).Ports), Is.False);

    [TestCase(0x44u), TestCase(0x45u), TestCase(0x46u), TestCase(0x47u), TestCase(0xFFu)]
    public void Eight_bits_go_through_the_port_of_their_byte(uint offset)
    {
        PciAddress address = new PciAddress(0, 0, 4, 2);
        Assert.That(_configuration.Read8(address, offset), Is.EqualTo((byte)offset));
        Assert.That(_machine.SimulatedPorts.LastData, Is.EqualTo(((ushort)(0xCFC + (offset & 3)), 1)));
        _configuration.Write8(address, offset, 0x5A);
        Assert.That(_function.Space[offset], Is.EqualTo(0x5A));
        Assert.That(_function.Space[offset - 1], Is.EqualTo((byte)(offset - 1)), "the byte before");
    }

    [TestCase(0x40u), TestCase(0x42u), TestCase(0xFEu)]
    public void Sixteen_bits_go_through_the_port_of_their_half(uint offset)
    {
        PciAddress address = new PciAddress(0, 0, 4, 2);
        Assert.That(_configuration.Read16(address, offset), Is.EqualTo((ushort)(offset | ((offset + 1) << 8))));
        Assert.That(_machine.SimulatedPorts.LastData, Is.EqualTo(((ushort)(0xCFC + (offset & 3)), 2)));
        _configuration.Write16(address, offset, 0xA55A);
        Assert.That(_function.Get16(offset), Is.EqualTo(0xA55A));
    }

    [Test]
    public void Thirty_two_bits_select_bus_device_function_and_register()
    {
        _configuration.Write32(new PciAddress(0, 0, 4, 2), 0x7C, 0x12345678);
        Assert.That(_function.Get32(0x7C), Is.EqualTo(0x12345678));
        Assert.That(_configuration.Read32(new PciAddress(0, 0, 4, 2), 0x7C), Is.EqualTo(0x12345678));
        Assert.That(_machine.SimulatedPorts.ConfigurationAddress, Is.EqualTo(0x80000000 | (4 << 11) | (2 << 8) | 0x7C));
    }

    [TestCase(0x100u), TestCase(0xFFFu), TestCase(uint.MaxValue)]
    public void An_offset_beyond_the_space_is_a_bug(uint offset) =>
        Assert.That(() => _configuration.Read8(default, offset), Throws.TypeOf<ArgumentOutOfRangeException>());

    [Test]
    public void An_unaligned_offset_is_a_bug()
    {
        Assert.That(() => _configuration.Read16(default, 0x41), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => _configuration.Read32(default, 0x42), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => _configuration.Write16(default, 0x43, 0), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => _configuration.Write32(default, 0x41, 0), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Another_segment_is_a_bug() =>
        Assert.That(
            () => _configuration.Read8(new PciAddress(1, 0, 0, 0), 0), Throws.TypeOf<ArgumentOutOfRangeException>());

    [Test]
    public void An_address_reads_as_people_write_it()
    {
        Assert.That(new PciAddress(0, 0, 4, 0).ToString(), Is.EqualTo("00:04.0"));
        Assert.That(new PciAddress(0, 0xA1, 0x1F, 7).ToString(), Is.EqualTo("a1:1f.7"));
        Assert.That(new PciAddress(0xBEEF, 1, 2, 3).ToString(), Is.EqualTo("beef:01:02.3"));
    }
}
