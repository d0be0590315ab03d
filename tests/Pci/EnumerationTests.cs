using System.Linq;
using NUnit.Framework;
using VirtioGuest.Pci.Tests.Simulation;

namespace VirtioGuest.Pci.Tests;

public sealed class EnumerationTests
{
    private SimulatedMachine _machine = null!;

    [SetUp]
    public void SetUp() => _machine = new SimulatedMachine();

    [TestCase(0xFFFFFFFFu), TestCase(0u)]
    public void Discover_nobody_answers_finds_nothing(uint absent)
    {
        _machine.Host.Absent = absent;
        Assert.That(_machine.Discover().Functions.Length, Is.Zero);
    }

    [TestCase(0xFFFFFFFFu), TestCase(0u)]
    public void Discover_absent_devices_between_present_ones_are_left_out(uint absent)
    {
        _machine.Host.Absent = absent;
        Add(0);
        Add(31);
        Assert.That(Found(), Is.EqualTo("00:00.0 00:1f.0"));
    }

    [Test]
    public void Discover_multifunction_bit_decides_whether_other_functions_are_looked_for()
    {
        Add(1).Space[0x0E] = 0x80;
        Add(1, 3);
        Add(1, 7);
        Add(2);
        Add(2, 1);
        Assert.That(Found(), Is.EqualTo("00:01.0 00:01.3 00:01.7 00:02.0"));
    }

    [Test]
    public void Discover_without_function_0_there_is_no_device()
    {
        Add(1, 1);
        Assert.That(Found(), Is.Empty);
    }

    [Test]
    public void Discover_reads_the_identity()
    {
        SimulatedFunction function = Add(3);
        function.Space[0x08] = 1;
        function.Space[0x09] = 2;
        function.Space[0x0A] = 0x80;
        function.Space[0x0B] = 0x01;
        function.Set16(0x2C, 0x1AF4);
        function.Set16(0x2E, 0x1100);
        function.Space[0x3C] = 11;
        function.Space[0x3D] = 1;
        PciFunction found = _machine.Discover().Functions[0];
        Assert.Multiple(() =>
        {
            Assert.That(found.VendorId, Is.EqualTo(0x1AF4));
            Assert.That(found.DeviceId, Is.EqualTo(0x1042));
            Assert.That(found.RevisionId, Is.EqualTo(1));
            Assert.That(found.ProgrammingInterface, Is.EqualTo(2));
            Assert.That(found.Subclass, Is.EqualTo(0x80));
            Assert.That(found.BaseClass, Is.EqualTo(PciClass.MassStorage));
            Assert.That(found.SubsystemVendorId, Is.EqualTo(0x1AF4));
            Assert.That(found.SubsystemId, Is.EqualTo(0x1100));
            Assert.That(found.InterruptLine, Is.EqualTo(11));
            Assert.That(found.InterruptPin, Is.EqualTo(1));
            Assert.That(found.HeaderLayout, Is.Zero);
            Assert.That(found.Upstream, Is.Null);
        });
    }

    [Test]
    public void Discover_a_bridge_tells_its_subsystem_by_capability()
    {
        _machine.Host.Root.Add(1, 0, new SimulatedBridge()).AddCapability(0x0D, 0, 0, 0x36, 0x1B, 0x34, 0x12);
        PciFunction bridge = _machine.Discover().Functions[0];
        Assert.That(bridge.SubsystemVendorId, Is.EqualTo(0x1B36));
        Assert.That(bridge.SubsystemId, Is.EqualTo(0x1234));
    }

    [Test]
    public void Discover_follows_numbered_bridges_and_leaves_their_numbers()
    {
        SimulatedBridge outer = _machine.Host.Root.Add(1, 0, new SimulatedBridge().Numbered(0, 5, 9));
        SimulatedBridge inner = outer.Behind.Add(2, 0, new SimulatedBridge().Numbered(5, 7, 7));
        AddTo(inner.Behind, 3);
        AddTo(outer.Behind, 4);
        PciTopology topology = _machine.Discover();
        Assert.That(Names(topology), Is.EqualTo("00:01.0 05:02.0 05:04.0 07:03.0"));
        Assert.That((outer.Secondary, outer.Subordinate), Is.EqualTo(((byte)5, (byte)9)));
        PciFunction deepest = topology.Find(new PciAddress(0, 7, 3, 0))!;
        Assert.That(deepest.Upstream!.Address.ToString(), Is.EqualTo("05:02.0"));
        Assert.That(deepest.Upstream.Upstream!.Upstream, Is.Null);
    }

    [Test]
    public void Discover_gives_numbers_to_bridges_that_firmware_left_without()
    {
        SimulatedBridge first = _machine.Host.Root.Add(1, 0, new SimulatedBridge());
        SimulatedBridge below = first.Behind.Add(0, 0, new SimulatedBridge());
        SimulatedBridge beside = first.Behind.Add(1, 0, new SimulatedBridge());
        SimulatedBridge second = _machine.Host.Root.Add(2, 0, new SimulatedBridge());
        SimulatedBridge numbered = _machine.Host.Root.Add(3, 0, new SimulatedBridge().Numbered(0, 1, 1));
        foreach (SimulatedBridge bridge in new[] { below, beside, second, numbered })
        {
            AddTo(bridge.Behind, 0);
        }

        Assert.That(
            Found(),
            Is.EqualTo("00:01.0 00:02.0 00:03.0 01:00.0 02:00.0 02:01.0 03:00.0 04:00.0 05:00.0"));
        Assert.That((first.Secondary, first.Subordinate), Is.EqualTo(((byte)2, (byte)4)));
        Assert.That((below.Secondary, below.Subordinate), Is.EqualTo(((byte)3, (byte)3)));
        Assert.That((beside.Secondary, beside.Subordinate), Is.EqualTo(((byte)4, (byte)4)));
        Assert.That((second.Secondary, second.Subordinate), Is.EqualTo(((byte)5, (byte)5)));
        Assert.That(below.Space[0x18], Is.EqualTo(2), "primary bus");
    }

    [TestCase(0, 0, 255), TestCase(0, 1, 0), TestCase(0, 255, 1), TestCase(3, 0, 0)]
    public void Discover_a_bridge_with_senseless_numbers_gets_new_ones(byte primary, byte secondary, byte subordinate)
    {
        SimulatedBridge bridge = new SimulatedBridge().Numbered(primary, secondary, subordinate);
        _machine.Host.Root.Add(1, 0, bridge);
        AddTo(bridge.Behind, 0);
        Assert.That(Found(), Is.EqualTo("00:01.0 01:00.0"));
        Assert.That((bridge.Secondary, bridge.Subordinate), Is.EqualTo(((byte)1, (byte)1)));
    }

    [Test]
    public void Discover_two_bridges_that_claim_the_same_bus_end_with_different_ones()
    {
        SimulatedBridge first = _machine.Host.Root.Add(1, 0, new SimulatedBridge().Numbered(0, 1, 4));
        SimulatedBridge second = _machine.Host.Root.Add(2, 0, new SimulatedBridge().Numbered(0, 3, 3));
        AddTo(first.Behind, 0);
        AddTo(second.Behind, 0);
        Assert.That(Found(), Is.EqualTo("00:01.0 00:02.0 01:00.0 05:00.0"));
    }

    [Test]
    public void Discover_a_chain_of_more_bridges_than_buses_ends()
    {
        SimulatedBus bus = _machine.Host.Root;
        for (int i = 0; i < 300; i++)
        {
            bus = bus.Add(0, 0, new SimulatedBridge()).Behind;
        }

        Assert.That(_machine.Discover().Functions.Length, Is.EqualTo(256));
        Assert.That(_machine.Messages.Warnings, Has.Exactly(1).StartsWith("ff:00.0: no bus number"));
    }

    [Test]
    public void Discover_a_bridge_whose_numbers_cannot_be_set_is_given_up()
    {
        SimulatedBridge bridge = _machine.Host.Root.Add(1, 0, new SimulatedBridge().Numbered(0, 0, 7));
        bridge.Allow(0x18, 3, 0);
        Add(2);
        Assert.That(Found(), Is.EqualTo("00:01.0 00:02.0"));
        Assert.That(_machine.Messages.Warnings, Has.Count.EqualTo(1));
    }

    [Test]
    public void Discover_a_loop_that_shows_the_root_behind_its_own_bridge_ends()
    {
        SimulatedBridge bridge = new SimulatedBridge().Numbered(0, 1, 255);
        _machine.Host.Root.Add(1, 0, bridge);
        bridge.Behind.Add(1, 0, bridge);
        Assert.That(Found(), Does.StartWith("00:01.0 01:01.0"));
        Assert.That(_machine.Discover().Functions.Length, Is.LessThanOrEqualTo(256));
    }

    [Test]
    public void Discover_functions_on_every_address_are_cut_at_the_maximum()
    {
        for (byte i = 0; i < 8; i++)
        {
            SimulatedBus bus = _machine.Host.Root.Add(i, 0, new SimulatedBridge()).Behind;
            for (int function = 0; function < 256; function++)
            {
                SimulatedFunction added = bus.Add(function >> 3, function & 7, new SimulatedFunction(0x1234, 1));
                added.Space[0x0E] = 0x80;
            }
        }

        Assert.That(_machine.Discover().Functions.Length, Is.EqualTo(PciTopology.MaximumFunctions));
        Assert.That(_machine.Messages.Warnings, Has.Exactly(1).Contains("more PCI functions than can be real"));
    }

    [Test]
    public void Discover_root_buses_of_expander_bridges_are_found()
    {
        _machine.Host.Root.Add(0, 0, new SimulatedFunction(0x8086, 0x29C0, 0x06, 0x00));
        _machine.Host.Root.Add(5, 0, new SimulatedFunction(0x1B36, 0x0009, 0x06, 0x00));
        SimulatedBus hidden = _machine.Host.AddRoot(0x80);
        SimulatedBridge bridge = hidden.Add(0, 0, new SimulatedBridge());
        AddTo(bridge.Behind, 1);
        PciTopology topology = _machine.Discover();
        Assert.That(Names(topology), Is.EqualTo("00:00.0 00:05.0 80:00.0 81:01.0"));
        Assert.That(topology.Find(new PciAddress(0, 0x80, 0, 0))!.Upstream, Is.Null);
    }

    [Test]
    public void Discover_an_unknown_header_layout_has_neither_base_addresses_nor_capabilities()
    {
        SimulatedFunction function = Add(1).WithMemory32(0, 0x1000);
        function.AddCapability(0x09, 4, 0);
        function.Space[0x0E] = 0x7F;
        PciFunction found = _machine.Discover().Functions[0];
        Assert.That(found.BaseAddresses.Length, Is.Zero);
        Assert.That(found.Capabilities.Length, Is.Zero);
    }

    [Test]
    public void Find_absent_address_null()
    {
        Add(1);
        Assert.That(_machine.Discover().Find(new PciAddress(0, 0, 2, 0)), Is.Null);
    }

    [Test]
    public void Discover_never_writes_the_status_register()
    {
        SimulatedFunction function = Add(1).WithMemory32(0, 0x1000, 0xE0000000);
        function.Command = 7;
        _machine.Discover();
        Assert.That(function.WasStatusWritten, Is.False);
    }

    private static void AddTo(SimulatedBus bus, int device) =>
        bus.Add(device, 0, new SimulatedFunction(0x1AF4, 0x1041));

    private static string Names(PciTopology topology) =>
        string.Join(' ', topology.Functions.ToArray().Select(function => function.Address.ToString()));

    private SimulatedFunction Add(int device, int function = 0) =>
        _machine.Host.Root.Add(device, function, new SimulatedFunction(0x1AF4, 0x1042));

    private string Found() => Names(_machine.Discover());
}
