using System;
using NUnit.Framework;
using VirtioGuest.Pci.Tests.Simulation;

namespace VirtioGuest.Pci.Tests;

/// <summary>Configuration space in memory (PCI Express 3.0, 7.2.2; PCI Firmware 3.2, 4.1.2).</summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class EcamAccessTests
{
    private readonly SimulatedEcam _machine = new SimulatedEcam();

    [Test]
    public void Each_function_has_4096_bytes_at_its_own_place()
    {
        var function = _machine.Host.Root.Add(31, 7, new SimulatedExpressFunction());
        function.Extended[0xFFC] = 0x78;
        EcamAccess access = Open();
        var address = new PciAddress(0, 0, 31, 7);
        Assert.That(access.Read16(address, 0), Is.EqualTo(0x1AF4));
        Assert.That(access.Read8(address, 0xFFC), Is.EqualTo(0x78));
        access.Write32(address, 0xFF8, 0x12345678);
        Assert.That(function.Extended[0xFF8..0xFFC], Is.EqualTo(new byte[] { 0x78, 0x56, 0x34, 0x12 }));
        access.Write8(address, 0x3C, 11);
        access.Write16(address, 4, 6);
        Assert.That((function.Space[0x3C], function.Command), Is.EqualTo((11, 6)));
        Assert.That(access.Length, Is.EqualTo(0x1000));
        Assert.That(access.Read32(new PciAddress(0, 0, 30, 0), 0), Is.EqualTo(uint.MaxValue));
    }

    [Test]
    public void Offsets_and_addresses_outside_are_refused()
    {
        EcamAccess access = Open(0, 0, 15);
        Assert.Throws<ArgumentOutOfRangeException>(() => access.Read32(default, 0x1000));
        Assert.Throws<ArgumentOutOfRangeException>(() => access.Read32(default, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => access.Read8(new PciAddress(0, 16, 0, 0), 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => access.Read8(new PciAddress(1, 0, 0, 0), 0));
    }

    [Test]
    public void The_base_address_is_that_of_bus_0_whatever_the_first_bus_is()
    {
        var bus = _machine.Host.AddRoot(0x40);
        bus.Add(2, 1, new SimulatedExpressFunction(0x1234, 0x5678));
        EcamAccess access = Open(0, 0x40, 0x7F);
        Assert.That(_machine.Mapped, Is.EqualTo((SimulatedEcam.Base + 0x0400_0000, 0x0400_0000u)));
        Assert.That(access.Read32(new PciAddress(0, 0x40, 2, 1), 0), Is.EqualTo(0x56781234));
        Assert.That((access.FirstBus, access.LastBus), Is.EqualTo((0x40, 0x7F)));
    }

    [Test]
    public void All_256_buses_are_one_window()
    {
        Open();
        Assert.That(_machine.Mapped, Is.EqualTo((SimulatedEcam.Base, 0x1000_0000u)));
    }

    [TestCase(0UL, 0, 255)]
    [TestCase(0xE0000001UL, 0, 255)]
    [TestCase(0xE0080000UL, 0, 255)]
    [TestCase(0xE0000000UL, 5, 4)]
    [TestCase(0xFFFF_FFFF_FFF0_0000UL, 0, 0)]
    public void A_window_that_makes_no_sense_is_refused(ulong start, int first, int last) =>
        Assert.That(EcamAccess.TryCreate(_machine, start, 0, (byte)first, (byte)last), Is.Null);

    [Test]
    public void A_window_that_cannot_be_mapped_is_refused()
    {
        _machine.CanMap = false;
        Assert.That(EcamAccess.TryCreate(_machine, SimulatedEcam.Base, 0, 0, 255), Is.Null);
    }

    [Test]
    public void A_window_in_which_nobody_answers_is_not_sane()
    {
        Assert.That(Open().IsSane(null), Is.False);
        _machine.Host.Absent = 0;
        Assert.That(Open().IsSane(null), Is.False);
        _machine.Host.Root.Add(17, 0, new SimulatedExpressFunction());
        Assert.That(Open().IsSane(null), Is.True);
    }

    [Test]
    public void A_window_that_differs_from_mechanism_1_is_not_sane()
    {
        var both = new SimulatedEcam(hasMechanism1: true);
        both.Host.Root.Add(0, 0, new SimulatedExpressFunction());
        var ports = new ConfigurationMechanism1(both.Ports);
        EcamAccess same = EcamAccess.TryCreate(both, SimulatedEcam.Base, 0, 0, 255)!;
        Assert.That(same.IsSane(ports), Is.True);

        _machine.Host.Root.Add(0, 0, new SimulatedExpressFunction(0x1AF4, 0x1041));
        Assert.That(Open().IsSane(ports), Is.False, "another device");

        var more = new SimulatedEcam();
        more.Host.Root.Add(0, 0, new SimulatedExpressFunction());
        more.Host.Root.Add(1, 0, new SimulatedExpressFunction());
        EcamAccess wider = EcamAccess.TryCreate(more, SimulatedEcam.Base, 0, 0, 255)!;
        Assert.That(wider.IsSane(ports), Is.False, "one more device");
    }

    [Test]
    public void Enumeration_and_assignment_work_through_it()
    {
        var bridge = _machine.Host.Root.Add(1, 0, new SimulatedBridge());
        bridge.Behind.Add(0, 0, new SimulatedExpressFunction().WithMemory64(4, 0x4000));
        PciTopology topology = PciTopology.Discover(Open(), _machine.Log);
        Assert.That(topology.Functions.Length, Is.EqualTo(2));
        Assert.That(topology.Functions[1].Address.ToString(), Is.EqualTo("01:00.0"));
        Assert.That(topology.Functions[1].ConfigurationLength, Is.EqualTo(0x1000));

        var assignment = new BaseAddressAssignment(_machine.Log);
        assignment.AddMemoryWindow(new AddressRange(0xC0000000, 0x2000_0000));
        assignment.ReserveMemory(new AddressRange(0xC0000000, 0x1000));
        Assert.That(assignment.Assign(topology), Is.EqualTo(1));
        Assert.That(topology.Functions[1].BaseAddress(4)!.Address, Is.EqualTo(0xC0100000));
    }

    private EcamAccess Open(ushort segment = 0, byte firstBus = 0, byte lastBus = 255) =>
        EcamAccess.TryCreate(_machine, SimulatedEcam.Base, segment, firstBus, lastBus)!;
}
