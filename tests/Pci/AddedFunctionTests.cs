using System.Linq;
using NUnit.Framework;
using VirtioGuest.Pci.Tests.Simulation;

namespace VirtioGuest.Pci.Tests;

/// <summary>Functions that come after the buses were walked, and go again.</summary>
public sealed class AddedFunctionTests
{
    private static readonly AddressRange s_memory = new AddressRange(0xE0000000, 0x10000000);

    private SimulatedMachine _machine = null!;
    private BaseAddressAssignment _assignment = null!;

    [SetUp]
    public void SetUp()
    {
        _machine = new SimulatedMachine();
        _assignment = new BaseAddressAssignment(_machine.Log);
        _assignment.AddMemoryWindow(s_memory);
        _assignment.AddIoWindow(new AddressRange(0xC000, 0x3000));
    }

    [Test]
    public void Function_on_a_root_bus_gets_what_is_free_and_gives_it_back()
    {
        Add(1).WithMemory32(0, 0x1000);
        PciTopology topology = Walk();
        Add(5).WithMemory32(0, 0x1000, 0xE0000000).WithIo(1, 0x20);

        PciFunction added = topology.Add(0, 5).Single();
        Assert.That(_assignment.AssignAdded([added]), Is.EqualTo(2));
        Assert.That(added.BaseAddress(0)!.Address, Is.EqualTo(0xE0001000), "what it says itself is taken");
        Assert.That(topology.Functions.Length, Is.EqualTo(2));
        Assert.That(topology.Add(0, 5), Is.Empty, "it is known already");

        PciFunction gone = topology.Remove(0, 5).Single();
        _assignment.Release(gone);
        Assert.That(gone, Is.SameAs(added));
        Assert.That(topology.Functions.Length, Is.EqualTo(1));
        Assert.That(topology.Remove(0, 5), Is.Empty);

        PciFunction again = topology.Add(0, 5).Single();
        _assignment.AssignAdded([again]);
        Assert.That(again.BaseAddress(0)!.Address, Is.EqualTo(0xE0001000));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Function_behind_a_bridge_lies_in_a_window_that_the_bridge_forwards(bool hasWindow)
    {
        SimulatedBridge bridge = _machine.Host.Root.Add(2, 0, new SimulatedBridge().Numbered(0, 1, 1));
        if (hasWindow)
        {
            bridge.WithMemoryWindow(0xE0100000, 0xE02FFFFF);
        }

        PciTopology topology = Walk();
        SimulatedFunction device = bridge.Behind.Add(0, 0, new SimulatedFunction(0x1AF4, 0x1042, 1, 0));
        device.WithMemory32(0, 0x1000);

        PciFunction added = topology.Add(1, 0).Single();
        Assert.That(added.Upstream, Is.SameAs(topology.Functions[0]));
        Assert.That(_assignment.AssignAdded([added]), Is.EqualTo(1));
        added.MemoryDecode = true;
        added.Map(_machine, 0, 0, 0x1000)!.Write32(0, 0x600DF00D);
        Assert.That(device.Memory(0)[0], Is.EqualTo(0x0D));
        var place = new AddressRange(added.BaseAddress(0)!.Address, 0x1000);
        Assert.That(added.Upstream!.Bridge!.MemoryWindow.Contains(place), Is.True);
    }

    [Test]
    public void With_a_bridge_everything_behind_it_goes()
    {
        SimulatedBridge bridge = _machine.Host.Root.Add(2, 0, new SimulatedBridge().Numbered(0, 1, 1));
        bridge.Behind.Add(0, 0, new SimulatedFunction(0x1AF4, 0x1042, 1, 0));
        PciTopology topology = Walk();

        PciFunction[] gone = topology.Remove(0, 2);

        Assert.That(string.Join(' ', gone.Select(function => function.Address)), Is.EqualTo("01:00.0 00:02.0"));
        Assert.That(topology.Functions.Length, Is.Zero);
    }

    [Test]
    public void Empty_slot_adds_nothing()
    {
        PciTopology topology = Walk();
        Assert.That(topology.Add(0, 9), Is.Empty);
        Assert.That(_assignment.AssignAdded([]), Is.Zero);
    }

    private PciTopology Walk()
    {
        PciTopology topology = _machine.Discover();
        _assignment.Assign(topology);
        return topology;
    }

    private SimulatedFunction Add(int device) =>
        _machine.Host.Root.Add(device, 0, new SimulatedFunction(0x1AF4, 0x1042, 1, 0));
}
