using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.LibOS.Console;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed class ConsoleVgaPresenceTests
{
    private const uint HostBridge = 0x0600_0000;
    private const uint Bridge = 0x0604_0000;
    private const uint Vga = 0x0300_0000;

    private readonly Dictionary<uint, uint> _configuration = [];
    private ConsolePorts _ports = null!;

    [SetUp]
    public void SetUp()
    {
        _configuration.Clear();
        _ports = new ConsolePorts();
        uint address = 0;
        _ports.OnWrite(0xCF8, value => address = value);
        _ports.OnRead(0xCF8, () => address);
        _ports.OnRead(0xCFC, () => _configuration.GetValueOrDefault(address, uint.MaxValue));
        Add(0, 0, 0, HostBridge);
    }

    [TearDown]
    public void TearDown() => _ports.Dispose();

    private void Add(uint bus, uint device, uint function, uint kind, byte header = 0, byte secondary = 0)
    {
        uint address = 0x8000_0000 | (bus << 16) | (device << 11) | (function << 8);
        _configuration[address] = 0x1234_8086;
        _configuration[address + 8] = kind;
        _configuration[address + 12] = (uint)header << 16;
        _configuration[address + 24] = (uint)secondary << 8;
    }

    [Test]
    public void A_vga_on_bus_0_is_found()
    {
        Add(0, 2, 0, Vga);
        Assert.That(VgaPresence.Check(), Is.True);
    }

    [Test]
    public void A_machine_without_one_says_so()
    {
        Add(0, 1, 0, 0x0101_8000, 0x80);
        Add(0, 3, 0, 0x0380_0000);
        Assert.That(VgaPresence.Check(), Is.False);
    }

    [Test]
    public void A_vga_in_a_later_function_is_found_only_behind_a_device_of_several()
    {
        Add(0, 5, 3, Vga);
        Add(0, 5, 0, 0x0101_8000);
        Assert.That(VgaPresence.Check(), Is.False);
        Add(0, 5, 0, 0x0101_8000, 0x80);
        Assert.That(VgaPresence.Check(), Is.True);
    }

    [Test]
    public void Bridges_are_followed()
    {
        Add(0, 1, 0, Bridge, 1, 3);
        Add(0, 2, 0, Bridge, 1, 2);
        Add(3, 0, 0, Bridge, 0x81, 7);
        Add(7, 9, 0, Vga);
        Assert.That(VgaPresence.Check(), Is.True);
    }

    [Test]
    public void Bridges_that_lead_back_or_nowhere_end()
    {
        Add(0, 1, 0, Bridge, 1, 0);
        Add(0, 2, 0, Bridge, 1, 1);
        Add(1, 0, 0, Bridge, 1, 1);
        Add(1, 1, 0, Bridge, 1, 255);
        Assert.That(VgaPresence.Check(), Is.False);
    }

    [Test]
    public void A_machine_without_a_bus_has_none([Values(0, 1)] int noDevice)
    {
        using var ports = new ConsolePorts((ConsolePorts.NoDevice)noDevice);
        Assert.That(VgaPresence.Check(), Is.False);
        Assert.That(ports.Writes, Has.Count.EqualTo(1));
    }

    [Test]
    public void A_bus_that_echoes_ends()
    {
        using var ports = new ConsolePorts(ConsolePorts.NoDevice.Echo);
        Assert.That(VgaPresence.Check(), Is.False);
    }
}
