using NUnit.Framework;
using VirtioGuest.Pci.Tests.Simulation;

namespace VirtioGuest.Pci.Tests;

public sealed class BaseAddressSizingTests
{
    private SimulatedMachine _machine = null!;
    private SimulatedFunction _function = null!;

    [SetUp]
    public void SetUp()
    {
        _machine = new SimulatedMachine();
        _function = _machine.Host.Root.Add(1, 0, new SimulatedFunction(0x1AF4, 0x1042));
    }

    [TestCase(0x10u), TestCase(0x1000u), TestCase(0x80000000u)]
    public void A_32_bit_register_has_its_size(uint size)
    {
        _function.WithMemory32(2, size, 0x80000000);
        Expect(2, BaseAddressKind.Memory32, size, 0x80000000, false);
    }

    [Test]
    public void A_prefetchable_32_bit_register_says_so()
    {
        _function.WithMemory32(5, 0x100, 0xE0000100, true);
        Expect(5, BaseAddressKind.Memory32, 0x100, 0xE0000100, true);
    }

    [TestCase(0x4000UL), TestCase(0x100000000UL), TestCase(0x8000000000000000UL)]
    public void A_64_bit_register_has_its_size(ulong size)
    {
        _function.WithMemory64(4, size, 0x8000000000000000);
        Expect(4, BaseAddressKind.Memory64, size, 0x8000000000000000, true);
    }

    [Test]
    public void The_upper_half_of_a_64_bit_register_is_no_register_of_its_own()
    {
        _function.WithMemory64(0, 0x1000, 0x123400000000).WithMemory32(2, 0x100, 0xE0000000);
        PciFunction found = _machine.Discover().Functions[0];
        Assert.That(found.BaseAddresses.Length, Is.EqualTo(2));
        Assert.That(found.BaseAddress(1), Is.Null);
        Assert.That(found.BaseAddress(2), Is.Not.Null);
    }

    [TestCase(4u, 0xFFFFFFFF), TestCase(0x20u, 0xFFFFFFFF), TestCase(0x100u, 0x0000FFFFu)]
    public void An_io_register_has_its_size_with_16_or_32_bits(uint size, uint implemented)
    {
        _function.WithIo(0, size, 0xC000, implemented);
        Expect(0, BaseAddressKind.Io, size, 0xC000, false);
    }

    [Test]
    public void Address_0_is_no_address()
    {
        _function.WithMemory32(0, 0x100);
        Assert.That(_machine.Discover().Functions[0].BaseAddress(0)!.IsAssigned, Is.False);
    }

    [Test]
    public void Ports_beyond_64_KiB_are_no_address()
    {
        _function.WithIo(0, 0x20, 0xFFFF0000);
        Assert.That(_machine.Discover().Functions[0].BaseAddress(0)!.IsAssigned, Is.False);
    }

    [Test]
    public void Decode_is_off_while_sizing_and_everything_is_restored()
    {
        _function.WithMemory32(0, 0x1000, 0xE0000000).WithIo(1, 0x20, 0xC000).WithMemory64(2, 0x1000, 0x140000000);
        _function.Command = 0x0407;
        byte[] before = (byte[])_function.Space.Clone();
        _machine.Discover();
        Assert.That(_function.WasMovedWhileDecoding, Is.False);
        Assert.That(_function.DecodeInterruptions, Is.EqualTo(1));
        Assert.That(_function.Space, Is.EqualTo(before));
    }

    [Test]
    public void A_host_bridge_never_stops_decoding()
    {
        _function.Space[0x0B] = 0x06;
        _function.Command = 6;
        _function.WithMemory32(0, 0x1000, 0xE0000000);
        Assert.That(_machine.Discover().Functions[0].BaseAddress(0)!.Length, Is.EqualTo(0x1000));
        Assert.That(_function.DecodeInterruptions, Is.Zero);
    }

    [TestCase(0xFFFF00F0u, Description = "not a power of two")]
    [TestCase(0x00FFFFF0u, Description = "upper bits missing")]
    [TestCase(0xFFFFFFF6u, Description = "reserved type")]
    public void A_memory_register_with_senseless_bits_is_named_and_left_out(uint mask)
    {
        _function.Sizes[0] = 0x10;
        _function.Allow(0x10, 4, mask);
        _function.Set32(0x10, mask & 0xF);
        _function.WithMemory32(1, 0x100, 0xE0000000);
        PciFunction found = _machine.Discover().Functions[0];
        Assert.That(found.BaseAddress(0), Is.Null);
        Assert.That(found.BaseAddress(1), Is.Not.Null, "the register after it");
        Assert.That(_machine.Messages.Warnings, Has.Count.EqualTo(1));
        Assert.That(_machine.Messages.Warnings[0], Does.StartWith("00:01.0: base address 0 "));
    }

    [TestCase(0x0000F0F0u), TestCase(0x0001FFE0u), TestCase(0xFFFFFFE2u), TestCase(0u)]
    public void An_io_register_with_senseless_bits_is_left_out(uint mask)
    {
        _function.Allow(0x10, 4, mask);
        _function.Set32(0x10, 1);
        Assert.That(_machine.Discover().Functions[0].BaseAddresses.Length, Is.Zero);
        Assert.That(_machine.Messages.Warnings, Has.Count.EqualTo(1));
    }

    [Test]
    public void A_64_bit_register_in_the_last_place_is_left_out()
    {
        _function.WithMemory64(5, 0x1000);
        uint cardBusPointer = _function.Get32(0x28);
        Assert.That(_machine.Discover().Functions[0].BaseAddresses.Length, Is.Zero);
        Assert.That(_function.Get32(0x28), Is.EqualTo(cardBusPointer));
        Assert.That(_machine.Messages.Warnings, Has.Count.EqualTo(1));
    }

    [Test]
    public void A_64_bit_register_with_holes_in_its_upper_half_is_left_out()
    {
        _function.WithMemory64(0, 0x100000000);
        _function.Allow(0x14, 4, 0x0000FFFF);
        Assert.That(_machine.Discover().Functions[0].BaseAddresses.Length, Is.Zero);
    }

    [Test]
    public void The_expansion_rom_is_not_touched()
    {
        _function.Set32(0x30, 0xFEB00001);
        _function.Allow(0x30, 4, 0xFFFF0001);
        Assert.That(_machine.Discover().Functions[0].BaseAddresses.Length, Is.Zero);
        Assert.That(_function.Get32(0x30), Is.EqualTo(0xFEB00001));
    }

    [Test]
    public void A_bridge_has_two_registers_only()
    {
        SimulatedBridge bridge = _machine.Host.Root.Add(2, 0, new SimulatedBridge().Numbered(0, 1, 1));
        bridge.WithMemory64(0, 0x100, 0xE0000000);
        bridge.WithMemoryWindow(0xE1000000, 0xE10FFFFF);
        PciFunction found = _machine.Discover().Find(new PciAddress(0, 0, 2, 0))!;
        Assert.That(found.BaseAddresses.Length, Is.EqualTo(1));
        Assert.That(found.Bridge!.MemoryWindow.Start, Is.EqualTo(0xE1000000));
        Assert.That(found.Bridge.MemoryWindow.Length, Is.EqualTo(0x100000));
    }

    private void Expect(int index, BaseAddressKind kind, ulong length, ulong address, bool isPrefetchable)
    {
        PciFunction found = _machine.Discover().Functions[0];
        Assert.That(found.BaseAddresses.Length, Is.EqualTo(1));
        BaseAddressRegister register = found.BaseAddress(index)!;
        Assert.Multiple(() =>
        {
            Assert.That(register.Index, Is.EqualTo(index));
            Assert.That(register.Kind, Is.EqualTo(kind));
            Assert.That(register.Length, Is.EqualTo(length));
            Assert.That(register.Address, Is.EqualTo(address));
            Assert.That(register.IsAssigned, Is.True);
            Assert.That(register.IsPrefetchable, Is.EqualTo(isPrefetchable));
            Assert.That(_machine.Messages.Warnings, Is.Empty);
        });
    }
}
