using System;
using NUnit.Framework;
using VirtioGuest.Hal;
using VirtioGuest.Pci.Tests.Simulation;

namespace VirtioGuest.Pci.Tests;

public sealed class PciFunctionTests
{
    private SimulatedMachine _machine = null!;
    private SimulatedFunction _function = null!;

    [SetUp]
    public void SetUp()
    {
        _machine = new SimulatedMachine();
        _function = _machine.Host.Root.Add(1, 0, new SimulatedFunction(0x1AF4, 0x1042));
        _function.WithMemory32(1, 0x1000, 0xE0000000).WithIo(0, 0x20, 0xC000);
    }

    [Test]
    public void Command_bits_are_set_and_cleared_one_by_one()
    {
        PciFunction function = Found();
        function.BusMaster = true;
        Assert.That(_function.Command, Is.EqualTo(4));
        function.MemoryDecode = true;
        function.IoDecode = true;
        function.InterruptDisable = true;
        Assert.That(_function.Command, Is.EqualTo(0x407));
        Assert.That(function.BusMaster && function.MemoryDecode, Is.True);
        Assert.That(function.IoDecode && function.InterruptDisable, Is.True);
        function.MemoryDecode = false;
        Assert.That(_function.Command, Is.EqualTo(0x405));
        function.InterruptDisable = false;
        Assert.That(_function.Command, Is.EqualTo(5));
        Assert.That(_function.WasStatusWritten, Is.False);
    }

    [Test]
    public void Turning_a_function_on_lets_the_bridges_above_forward()
    {
        SimulatedBridge outer = _machine.Host.Root.Add(2, 0, new SimulatedBridge());
        SimulatedBridge inner = outer.Behind.Add(0, 0, new SimulatedBridge());
        inner.Behind.Add(0, 0, new SimulatedFunction(0x1AF4, 0x1041));
        PciFunction function = _machine.Discover().Find(new PciAddress(0, 2, 0, 0))!;
        function.BusMaster = true;
        function.MemoryDecode = true;
        Assert.That((outer.Command, inner.Command), Is.EqualTo(((ushort)6, (ushort)6)));
        function.BusMaster = false;
        function.InterruptDisable = true;
        Assert.That((outer.Command, inner.Command), Is.EqualTo(((ushort)6, (ushort)6)));
    }

    [Test]
    public void Interrupt_status_is_the_status_register_s()
    {
        PciFunction function = Found();
        Assert.That(function.InterruptStatus, Is.False);
        _function.Set16(0x06, 0x0008);
        Assert.That(function.InterruptStatus, Is.True);
    }

    [Test]
    public void Map_gives_the_part_of_a_register_s_memory()
    {
        PciFunction function = Found();
        function.MemoryDecode = true;
        MmioRegion region = function.Map(_machine, 1, 0x100, 0x10)!;
        region.Write32(4, 0x12345678);
        region.Write8(0, 0x9A);
        region.Write16(2, 0xBCDE);
        Assert.That(region.Length, Is.EqualTo(0x10));
        Assert.That(BitConverter.ToUInt64(_function.Memory(1), 0x100), Is.EqualTo(0x12345678_BCDE009A));
        Assert.That(region.Read8(0), Is.EqualTo(0x9A));
    }

    [Test]
    public void Map_gives_ports_the_same_way()
    {
        PciFunction function = Found();
        function.IoDecode = true;
        MmioRegion region = function.Map(_machine, 0, 8, 8)!;
        region.Write32(0, 0x44332211);
        region.Write16(4, 0x6655);
        region.Write8(6, 0x77);
        Assert.That(BitConverter.ToUInt64(_function.Memory(0), 8), Is.EqualTo(0x0077665544332211));
        Assert.That(region.Read32(0), Is.EqualTo(0x44332211));
        Assert.That(region.Read16(4), Is.EqualTo(0x6655));
        Assert.That(region.Read8(6), Is.EqualTo(0x77));
        Assert.That(() => region.Read8(8), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => region.Read32(6), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => region.Read32(uint.MaxValue - 3), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [TestCase(1, 0x1000UL, 1UL), TestCase(1, 0xFFFUL, 2UL), TestCase(1, 0UL, 0x1001UL), TestCase(1, 0UL, 0UL)]
    [TestCase(1, ulong.MaxValue, 2UL), TestCase(1, 2UL, ulong.MaxValue), TestCase(0, 0x20UL, 1UL)]
    [TestCase(2, 0UL, 1UL), TestCase(-1, 0UL, 1UL), TestCase(7, 0UL, 1UL), TestCase(int.MaxValue, 0UL, 1UL)]
    public void Map_a_range_that_is_not_in_the_register_null(int index, ulong offset, ulong length) =>
        Assert.That(Found().Map(_machine, index, offset, length), Is.Null);

    [Test]
    public void Map_the_whole_register()
    {
        Assert.That(Found().Map(_machine, 1, 0, 0x1000), Is.Not.Null);
        Assert.That(Found().Map(_machine, 0, 0, 0x20), Is.Not.Null);
    }

    [Test]
    public void Map_an_unassigned_register_null()
    {
        _function.WithMemory32(3, 0x100);
        Assert.That(Found().Map(_machine, 3, 0, 0x100), Is.Null);
    }

    [Test]
    public void Quiesce_silences_a_device_and_leaves_what_it_decodes()
    {
        uint msix = _function.AddMsix(1, 1, 0x801);
        uint msi = AddMsi(_function);
        _function.Set16(msix + 2, 0x8000);
        _function.Set16(msi + 2, 1);
        _function.Command = 7;
        Found().Quiesce();
        Assert.That(_function.Command, Is.EqualTo(0x403));
        Assert.That(_function.Get16(msix + 2) & 0x8000, Is.Zero);
        Assert.That(_function.Get16(msi + 2) & 1, Is.Zero);
    }

    [TestCase(0x03, 0x00, 0x403, TestName = "Quiesce_leaves_the_memory_of_a_screen")]
    [TestCase(0x06, 0x00, 0x407, TestName = "Quiesce_leaves_a_host_bridge_bus_mastering")]
    [TestCase(0x06, 0x01, 0x407, TestName = "Quiesce_leaves_an_ISA_bridge_bus_mastering")]
    public void Quiesce_by_class(byte baseClass, byte subclass, int expected)
    {
        _function.Space[0x0A] = subclass;
        _function.Space[0x0B] = baseClass;
        _function.Command = 7;
        Found().Quiesce();
        Assert.That(_function.Command, Is.EqualTo(expected));
    }

    [Test]
    public void Quiesce_a_pci_bridge_goes_on_forwarding_without_interrupts_of_its_own()
    {
        SimulatedBridge bridge = _machine.Host.Root.Add(2, 0, new SimulatedBridge());
        uint msi = AddMsi(bridge);
        bridge.Set16(msi + 2, 1);
        bridge.Command = 7;
        _machine.Discover().Find(new PciAddress(0, 0, 2, 0))!.Quiesce();
        Assert.That(bridge.Command, Is.EqualTo(0x407));
        Assert.That(bridge.Get16(msi + 2), Is.Zero);
    }

    private static uint AddMsi(SimulatedFunction function)
    {
        uint place = function.AddCapability(0x05, new byte[8]);
        function.Allow(place + 2, 2, 0x71);
        return place;
    }

    private PciFunction Found() => _machine.Discover().Find(new PciAddress(0, 0, 1, 0))!;
}
