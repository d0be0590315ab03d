using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Pci.Tests.Simulation;

namespace VirtioGuest.Pci.Tests;

public sealed class CapabilityTests
{
    private SimulatedMachine _machine = null!;
    private SimulatedFunction _function = null!;

    [SetUp]
    public void SetUp()
    {
        _machine = new SimulatedMachine();
        _function = _machine.Host.Root.Add(1, 0, new SimulatedFunction(0x1AF4, 0x1042));
    }

    [Test]
    public void The_list_is_read_in_its_order()
    {
        _function.AddMsix(3, 1, 0x801);
        _function.AddCapability(0x09, 16, 1, 4, 0);
        _function.AddCapability(0x01, 0, 0);
        Assert.That(Ids(), Is.EqualTo(new byte[] { 0x11, 0x09, 0x01 }));
    }

    [Test]
    public void Without_the_status_bit_there_is_no_list()
    {
        _function.AddCapability(0x09, 4);
        _function.Set16(0x06, 0);
        Assert.That(Ids(), Is.Empty);
    }

    [Test]
    public void A_null_capability_ends_the_list_of_kvm_host()
    {
        _function.AddCapability(0x09, 16, 1);
        _function.AddCapability(0x09, 16, 2);
        _function.AddCapability(0x00);
        Assert.That(Ids(), Is.EqualTo(new byte[] { 0x09, 0x09 }));
    }

    [Test]
    public void A_list_that_leads_back_to_itself_ends()
    {
        uint first = _function.AddCapability(0x09, 4);
        uint second = _function.AddCapability(0x11, 0);
        _function.Space[second + 1] = (byte)first;
        Assert.That(Ids(), Is.EqualTo(new byte[] { 0x09, 0x11 }));
    }

    [Test]
    public void A_capability_that_leads_to_itself_ends()
    {
        uint only = _function.AddCapability(0x09, 4);
        _function.Space[only + 1] = (byte)only;
        Assert.That(Ids(), Is.EqualTo(new byte[] { 0x09 }));
    }

    [TestCase(0x3C), TestCase(0x04), TestCase(0x02)]
    public void A_pointer_into_the_header_ends_the_list(byte pointer)
    {
        uint only = _function.AddCapability(0x09, 4);
        _function.Space[only + 1] = pointer;
        Assert.That(Ids(), Is.EqualTo(new byte[] { 0x09 }));
    }

    [Test]
    public void The_reserved_low_bits_of_a_pointer_are_ignored()
    {
        _function.AddCapability(0x09, 4);
        _function.Space[0x34] |= 3;
        Assert.That(Ids(), Is.EqualTo(new byte[] { 0x09 }));
    }

    [Test]
    public void A_pointer_to_nothing_but_ones_ends_the_list()
    {
        uint only = _function.AddCapability(0x09, 4);
        _function.Space[only + 1] = 0xF0;
        _function.Set32(0xF0, 0xFFFFFFFF);
        Assert.That(Ids(), Is.EqualTo(new byte[] { 0x09 }));
    }

    [Test]
    public void A_list_through_every_place_is_read_once()
    {
        for (uint place = 0x40; place < 0x100; place += 4)
        {
            _function.Space[place] = 0x01;
            _function.Space[place + 1] = (byte)(place + 4);
        }

        _function.Space[0xFD] = 0x40;
        _function.Space[0x34] = 0x40;
        _function.Set16(0x06, 0x10);
        Assert.That(Ids(), Has.Length.EqualTo(48));
    }

    [Test]
    public void A_vendor_specific_capability_is_as_long_as_it_says()
    {
        _function.AddCapability(0x09, 16, 1, 4, 0, 0, 0, 0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0);
        Capability capability = Only();
        Assert.That(capability.Length, Is.EqualTo(16));
        Assert.That(capability.Read8(3), Is.EqualTo(1));
        Assert.That(capability.Read16(8), Is.EqualTo(0x5678));
        Assert.That(capability.Read32(8), Is.EqualTo(0x12345678));
        Assert.That(() => capability.Read32(16), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => capability.Read8(uint.MaxValue), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => capability.Write16(16, 0), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void A_length_beyond_the_space_is_cut()
    {
        _function.Space[0x34] = 0xF8;
        _function.Set16(0x06, 0x10);
        _function.Set32(0xF8, 0x00FF0009);
        Capability capability = Only();
        Assert.That(capability.Length, Is.EqualTo(8));
        Assert.That(() => capability.Read32(8), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void A_length_that_does_not_even_hold_the_header_is_passed_on()
    {
        _function.AddCapability(0x09, 0);
        Assert.That(Only().Length, Is.Zero);
    }

    [Test]
    public void Writing_goes_to_the_capability()
    {
        uint place = _function.AddCapability(0x09, 20, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        _function.Allow(place + 4, 4, 0xFFFFFFFF);
        Only().Write32(4, 0xCAFEF00D);
        Only().Write8(4, 0x11);
        Only().Write16(6, 0x2233);
        Assert.That(_function.Get32(place + 4), Is.EqualTo(0x2233F011));
    }

    [Test]
    public void Find_absent_id_null()
    {
        _function.AddCapability(0x09, 4);
        Assert.That(_machine.Discover().Functions[0].FindCapability(0x11), Is.Null);
    }

    private byte[] Ids() =>
        _machine.Discover().Functions[0].Capabilities.ToArray().Select(capability => capability.Id).ToArray();

    private Capability Only() => _machine.Discover().Functions[0].Capabilities[0];
}
