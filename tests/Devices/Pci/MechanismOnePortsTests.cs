using NUnit.Framework;
using VirtioGuest.Devices.Minimal;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Tests.Support;
using VirtioGuest.Pci;

namespace VirtioGuest.Devices.Tests.Pci;

/// <summary>Configuration mechanism 1 (PCI 3.0, 3.2.2.3.2).</summary>
internal sealed class MechanismOnePortsTests
{
    [Test]
    public void The_address_is_kept_and_leads_to_a_function([Values(0u, uint.MaxValue)] uint absent)
    {
        using GuestRam ram = new();
        NetDevice card = new(ram.Regions, new byte[6]);
        PciBus bus = new(absent: absent);
        bus.Add(2, new MinimalFunction(card, new RecordingOutput()));
        MechanismOnePorts ports = new(bus);
        Assert.That(ConfigurationMechanism1.IsPresent(ports), Is.True);
        ConfigurationMechanism1 mechanism = new(ports);
        PciAddress address = new(0, 0, 2, 0);
        Assert.That(mechanism.Read32(address, 0), Is.EqualTo(0x1041_1AF4));
        Assert.That(mechanism.Read16(address, 2), Is.EqualTo(0x1041));
        Assert.That(mechanism.Read8(address, 3), Is.EqualTo(0x10));
        mechanism.Write8(address, 0x3C, 9);
        mechanism.Write16(address, 0x04, 6);
        mechanism.Write32(address, 0x10, 0xFFFF_FFFF);
        Assert.That(mechanism.Read8(address, 0x3C), Is.EqualTo(9));
        Assert.That(mechanism.Read16(address, 0x04), Is.EqualTo(6));
        Assert.That(mechanism.Read32(address, 0x10), Is.EqualTo(0xFFFF_FF00));
        Assert.That(mechanism.Read32(new PciAddress(0, 0, 3, 0), 0), Is.EqualTo(absent), "no such device");
        Assert.That(mechanism.Read32(new PciAddress(0, 1, 2, 0), 0), Is.EqualTo(absent), "no such bus");
    }

    [Test]
    public void Other_ports_and_a_mechanism_that_is_not_enabled_are_nobodys()
    {
        using GuestRam ram = new();
        PciBus bus = new();
        bus.Add(0, new MinimalFunction(new NetDevice(ram.Regions, new byte[6]), new RecordingOutput()));
        MechanismOnePorts ports = new(bus);
        ports.Write32(0xCF8, 0);
        ports.Write32(0xCFC, 0);
        ports.Write16(0xCFC, 0);
        ports.Write8(0xCFC, 0);
        Assert.That(ports.Read32(0xCFC), Is.EqualTo(uint.MaxValue));
        Assert.That(ports.Read16(0xCFE), Is.EqualTo(ushort.MaxValue));
        Assert.That(ports.Read8(0x60), Is.EqualTo(byte.MaxValue));
        ports.Write32(0xCF8, 0x8000_0003);
        Assert.That(ports.Read32(0xCF8), Is.EqualTo(0x8000_0000));
        Assert.That(ports.Read32(0xCFC), Is.EqualTo(0x1041_1AF4), "untouched");
    }
}
