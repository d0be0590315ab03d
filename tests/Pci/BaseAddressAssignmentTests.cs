using System.Linq;
using NUnit.Framework;
using VirtioGuest.Pci.Tests.Simulation;

namespace VirtioGuest.Pci.Tests;

public sealed class BaseAddressAssignmentTests
{
    private static readonly AddressRange s_low = new AddressRange(0xE0000000, 0x10000000);
    private static readonly AddressRange s_high = new AddressRange(0x8000000000, 0x1000000000);
    private static readonly AddressRange s_io = new AddressRange(0xC000, 0x3000);

    private SimulatedMachine _machine = null!;
    private PciTopology _topology = null!;

    [SetUp]
    public void SetUp() => _machine = new SimulatedMachine();

    [Test]
    public void Assign_kvm_host_s_register_gets_an_address_that_answers()
    {
        _machine.Host.Absent = 0;
        SimulatedFunction block = Add(0).WithMemory32(0, 0x100);
        SimulatedFunction network = Add(1).WithMemory32(0, 0x100);
        Assert.That(Assign(), Is.EqualTo(2));
        Assert.That(block.Command | network.Command, Is.Zero, "decode is the driver's to turn on");
        Assert.That(block.WasMovedWhileDecoding, Is.False);
        PciFunction function = _topology.Functions[1];
        function.MemoryDecode = true;
        function.Map(_machine, 0, 0, 0x100)!.Write32(0xFC, 0x600DF00D);
        Assert.That(network.Memory(0)[0xFF], Is.EqualTo(0x60));
        Assert.That(s_low.Contains(Range(function, 0)), Is.True);
        Assert.That(Range(function, 0).Overlaps(Range(_topology.Functions[0], 0)), Is.False);
    }

    [Test]
    public void Assign_an_address_that_firmware_gave_stays()
    {
        SimulatedFunction function = Add(0).WithMemory32(0, 0x1000, 0xE0000000).WithMemory64(2, 0x1000, 0xFD000000);
        function.WithIo(1, 0x20, 0x6000);
        byte[] before = (byte[])function.Space.Clone();
        Assert.That(Assign(), Is.Zero);
        Assert.That(function.Space, Is.EqualTo(before));
    }

    [Test]
    public void Assign_goes_around_what_is_assigned_and_what_is_reserved()
    {
        Add(0).WithMemory32(0, 0x100000, 0xE0000000).WithMemory32(1, 0x100000, 0xE0200000);
        Add(1).WithMemory32(0, 0x100000).WithMemory32(1, 0x200000);
        BaseAddressAssignment assignment = Windows();
        assignment.ReserveMemory(new AddressRange(0xE0400000, 0x1000));
        _topology = _machine.Discover();
        Assert.That(assignment.Assign(_topology), Is.EqualTo(2));
        Assert.That(_topology.Functions[1].BaseAddress(1)!.Address, Is.EqualTo(0xE0600000));
        Assert.That(_topology.Functions[1].BaseAddress(0)!.Address, Is.EqualTo(0xE0100000));
    }

    [Test]
    public void Assign_decode_that_is_on_is_off_while_the_register_changes()
    {
        SimulatedFunction function = Add(0).WithMemory32(0, 0x1000).WithIo(1, 0x10);
        function.Command = 3;
        Assert.That(Assign(), Is.EqualTo(2));
        Assert.That(function.WasMovedWhileDecoding, Is.False);
        Assert.That(function.Command, Is.EqualTo(3));
    }

    [Test]
    public void Assign_ports_come_from_the_port_window()
    {
        Add(0).WithIo(0, 0x20, 0xC000).WithIo(1, 0x40);
        Assert.That(Assign(), Is.EqualTo(1));
        Assert.That(_topology.Functions[0].BaseAddress(1)!.Address, Is.EqualTo(0xC040));
    }

    [Test]
    public void Assign_a_64_bit_register_goes_high_only_where_low_memory_has_no_room()
    {
        Add(0).WithMemory64(0, 0x1000).WithMemory64(2, 0x20000000).WithMemory64(4, 0x20000000, 0, false);
        Assert.That(Assign(), Is.EqualTo(3));
        Assert.That(s_low.Contains(Range(_topology.Functions[0], 0)), Is.True);
        Assert.That(s_high.Contains(Range(_topology.Functions[0], 2)), Is.True);
        Assert.That(s_high.Contains(Range(_topology.Functions[0], 4)), Is.True);
    }

    [Test]
    public void Assign_a_32_bit_register_without_room_below_is_named_and_stops_decoding()
    {
        SimulatedFunction function = Add(0).WithMemory32(0, 0x20000000);
        function.Command = 7;
        Assert.That(Assign(), Is.Zero);
        Assert.That(function.Command, Is.EqualTo(5));
        Assert.That(_topology.Functions[0].Map(_machine, 0, 0, 4), Is.Null);
        Assert.That(
            _machine.Messages.Warnings.Single(),
            Is.EqualTo("00:00.0: no address for base address 0 (0x20000000 bytes)"));
    }

    [Test]
    public void Assign_a_screen_goes_on_decoding_though_one_register_has_no_place()
    {
        SimulatedFunction screen = _machine.Host.Root.Add(2, 0, new SimulatedFunction(0x1234, 0x1111, 0x03));
        screen.WithMemory32(0, 0x1000000, 0xFD000000).WithMemory32(2, 0x80000000);
        screen.Command = 7;
        Assign();
        Assert.That(screen.Command, Is.EqualTo(7));
        Assert.That(_topology.Functions[0].BaseAddress(0)!.Address, Is.EqualTo(0xFD000000));
    }

    [Test]
    public void Assign_of_two_that_overlap_the_one_that_decodes_stays()
    {
        Add(0).WithMemory32(0, 0x1000, 0xE0000000);
        Add(1).WithMemory32(0, 0x1000, 0xE0000000).Command = 2;
        Assert.That(Assign(), Is.EqualTo(1));
        Assert.That(_topology.Functions[1].BaseAddress(0)!.Address, Is.EqualTo(0xE0000000));
        Assert.That(_topology.Functions[0].BaseAddress(0)!.Address, Is.EqualTo(0xE0001000));
    }

    [Test]
    public void Assign_an_address_in_ram_is_none()
    {
        Add(0).WithMemory32(0, 0x1000, 0x100000);
        BaseAddressAssignment assignment = Windows();
        assignment.ReserveMemory(new AddressRange(0, 0x8000000));
        _topology = _machine.Discover();
        Assert.That(assignment.Assign(_topology), Is.EqualTo(1));
        Assert.That(_topology.Functions[0].BaseAddress(0)!.Address, Is.EqualTo(0xE0000000));
    }

    [Test]
    public void Assign_a_register_that_does_not_take_the_address_is_put_back()
    {
        SimulatedFunction function = Add(0).WithMemory32(0, 0x10000000);
        function.Allow(0x10, 4, 0xF0000000);
        BaseAddressAssignment assignment = new BaseAddressAssignment(_machine.Log);
        assignment.AddMemoryWindow(s_low);
        _topology = _machine.Discover();
        function.Allow(0x10, 4, 0x10000000);
        Assert.That(assignment.Assign(_topology), Is.Zero);
        Assert.That(function.Get32(0x10), Is.Zero);
        Assert.That(_topology.Functions[0].BaseAddress(0)!.IsAssigned, Is.False);
    }

    [Test]
    public void Assign_without_windows_names_each_register()
    {
        Add(0).WithMemory32(0, 0x1000).WithIo(1, 0x20);
        _topology = _machine.Discover();
        Assert.That(new BaseAddressAssignment(_machine.Log).Assign(_topology), Is.Zero);
        Assert.That(_machine.Messages.Warnings, Has.Count.EqualTo(2));
    }

    [Test]
    public void Assign_never_gives_address_0()
    {
        Add(0).WithMemory32(0, 0x1000).WithIo(1, 4);
        BaseAddressAssignment assignment = new BaseAddressAssignment(_machine.Log);
        assignment.AddMemoryWindow(new AddressRange(0, 0x100000));
        assignment.AddIoWindow(new AddressRange(0, 0x100));
        _topology = _machine.Discover();
        Assert.That(assignment.Assign(_topology), Is.EqualTo(2));
        Assert.That(_topology.Functions[0].BaseAddress(0)!.Address, Is.EqualTo(0x1000));
        Assert.That(_topology.Functions[0].BaseAddress(1)!.Address, Is.EqualTo(4));
    }

    [Test]
    public void Assign_uses_the_open_window_of_a_bridge()
    {
        SimulatedBridge bridge = new SimulatedBridge().Numbered(0, 1, 1).WithMemoryWindow(0xE8000000, 0xE81FFFFF);
        _machine.Host.Root.Add(1, 0, bridge);
        bridge.Behind.Add(0, 0, new SimulatedFunction(0x1AF4, 0x1042).WithMemory32(0, 0x1000, 0xE8000000));
        bridge.Behind.Add(1, 0, new SimulatedFunction(0x1AF4, 0x1042).WithMemory32(0, 0x1000));
        Add(2).WithMemory32(0, 0x8000000).WithMemory32(1, 0x4000000);
        Assert.That(Assign(), Is.EqualTo(3));
        Assert.That(_topology.Find(new PciAddress(0, 1, 1, 0))!.BaseAddress(0)!.Address, Is.EqualTo(0xE8001000));
        Assert.That(bridge.Get32(0x20), Is.EqualTo(0xE810E800));
        Assert.That(_topology.Find(new PciAddress(0, 0, 2, 0))!.BaseAddress(0)!.Address, Is.EqualTo(0xE0000000));
        Assert.That(_topology.Find(new PciAddress(0, 0, 2, 0))!.BaseAddress(1)!.Address, Is.EqualTo(0xEC000000));
    }

    [Test]
    public void Assign_opens_the_closed_windows_of_nested_bridges_so_that_every_register_answers()
    {
        SimulatedBridge outer = _machine.Host.Root.Add(1, 0, new SimulatedBridge());
        SimulatedBridge inner = outer.Behind.Add(3, 0, new SimulatedBridge());
        SimulatedFunction deep = inner.Behind.Add(0, 0, new SimulatedFunction(0x1AF4, 0x1042));
        deep.WithMemory32(0, 0x200000).WithIo(1, 0x20).WithMemory64(2, 0x40000000);
        SimulatedFunction middle = outer.Behind.Add(4, 0, new SimulatedFunction(0x1AF4, 0x1042));
        middle.WithMemory32(0, 0x1000).WithMemory64(4, 0x4000);
        Assert.That(Assign(), Is.EqualTo(5));
        foreach (PciFunction function in _topology.Functions)
        {
            function.MemoryDecode = true;
            function.IoDecode = true;
            foreach (BaseAddressRegister register in function.BaseAddresses)
            {
                ulong last = register.Address + register.Length - 1;
                Assert.That(_machine.Host.Decode(register.IsIo, register.Address), Has.Count.EqualTo(1));
                Assert.That(_machine.Host.Decode(register.IsIo, last).Single().Offset, Is.EqualTo(register.Length - 1));
            }
        }

        Assert.That(s_high.Contains(Range(_topology.Find(new PciAddress(0, 2, 0, 0))!, 2)), Is.True);
    }

    [Test]
    public void Assign_an_address_that_the_bridge_above_does_not_forward_is_none()
    {
        SimulatedBridge bridge = new SimulatedBridge().Numbered(0, 1, 1).WithMemoryWindow(0xE8000000, 0xE80FFFFF);
        _machine.Host.Root.Add(1, 0, bridge);
        bridge.Behind.Add(0, 0, new SimulatedFunction(0x1AF4, 0x1042).WithMemory32(0, 0x1000, 0xF0000000));
        Assert.That(Assign(), Is.EqualTo(1));
        Assert.That(_topology.Functions[1].BaseAddress(0)!.Address, Is.EqualTo(0xE8000000));
    }

    [Test]
    public void Assign_a_bridge_without_optional_windows_takes_everything_through_memory()
    {
        SimulatedBridge bridge = _machine.Host.Root.Add(1, 0, new SimulatedBridge(false));
        bridge.Behind.Add(0, 0, new SimulatedFunction(0x1AF4, 0x1042).WithMemory64(0, 0x4000).WithIo(2, 0x20));
        Assert.That(Assign(), Is.EqualTo(1));
        Assert.That(bridge.Get32(0x20), Is.EqualTo(0xE000E000));
        Assert.That(_machine.Messages.Warnings, Has.Count.EqualTo(1), "the ports");
    }

    [Test]
    public void Assign_one_hostile_size_behind_a_bridge_does_not_cost_the_others_their_place()
    {
        SimulatedBridge bridge = _machine.Host.Root.Add(1, 0, new SimulatedBridge());
        SimulatedFunction hostile = bridge.Behind.Add(0, 0, new SimulatedFunction(0x1AF4, 0x1042));
        hostile.WithMemory64(0, 1UL << 63).WithMemory64(2, 1UL << 63).WithMemory32(4, 0x80000000);
        bridge.Behind.Add(1, 0, new SimulatedFunction(0x1AF4, 0x1042).WithMemory32(0, 0x1000).WithMemory64(4, 0x4000));
        Assert.That(Assign(), Is.EqualTo(2));
        Assert.That(_machine.Messages.Warnings, Has.Count.EqualTo(3));
    }

    [Test]
    public void Assign_a_bridge_window_over_everything_does_not_displace_what_decodes()
    {
        SimulatedBridge bridge = new SimulatedBridge().Numbered(0, 1, 1).WithMemoryWindow(0x00100000, 0xFFFFFFFF);
        _machine.Host.Root.Add(1, 0, bridge);
        Add(2).WithMemory32(0, 0x1000, 0xE0000000).Command = 2;
        bridge.Behind.Add(0, 0, new SimulatedFunction(0x1AF4, 0x1042).WithMemory32(0, 0x1000, 0xE0000000));
        Assert.That(Assign(), Is.EqualTo(1));
        Assert.That(_topology.Find(new PciAddress(0, 0, 2, 0))!.BaseAddress(0)!.Address, Is.EqualTo(0xE0000000));
        Assert.That(bridge.Get32(0x20), Is.EqualTo(0xE010E010));
    }

    [Test]
    public void A_range_that_wraps_around_is_a_bug() =>
        Assert.That(() => new AddressRange(ulong.MaxValue, 2), Throws.TypeOf<System.ArgumentOutOfRangeException>());

    private static AddressRange Range(PciFunction function, int index)
    {
        BaseAddressRegister register = function.BaseAddress(index)!;
        return new AddressRange(register.Address, register.Length);
    }

    private SimulatedFunction Add(int device) =>
        _machine.Host.Root.Add(device, 0, new SimulatedFunction(0x1AF4, 0x1042));

    private BaseAddressAssignment Windows()
    {
        BaseAddressAssignment assignment = new BaseAddressAssignment(_machine.Log);
        assignment.AddMemoryWindow(s_high);
        assignment.AddMemoryWindow(s_low);
        assignment.AddIoWindow(s_io);
        return assignment;
    }

    private int Assign()
    {
        _topology = _machine.Discover();
        return Windows().Assign(_topology);
    }
}
