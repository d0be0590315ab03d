using NUnit.Framework;
using VirtioGuest.Pci.Tests.Simulation;

namespace VirtioGuest.Pci.Tests;

public sealed class MsiCapabilityTests
{
    private SimulatedMachine _machine = null!;
    private SimulatedFunction _function = null!;

    [SetUp]
    public void SetUp()
    {
        _machine = new SimulatedMachine();
        _function = _machine.Host.Root.Add(1, 0, new SimulatedFunction(0x8086, 0x2922));
    }

    [Test]
    public void TryEnable_32_bit_layout()
    {
        uint place = Add(0x0060, 8);
        Assert.That(Find()!.Is64Bit, Is.False);
        Assert.That(Find()!.TryEnable(0xFEE01000, 0x4041), Is.True);
        Assert.That(_function.Get32(place + 4), Is.EqualTo(0xFEE01000));
        Assert.That(_function.Get16(place + 8), Is.EqualTo(0x4041));
        Assert.That(_function.Get16(place + 2), Is.EqualTo(0x0001), "one message only");
        Find()!.Disable();
        Assert.That(Find()!.IsEnabled, Is.False);
    }

    [Test]
    public void TryEnable_64_bit_layout_with_masks_lets_the_first_message_through()
    {
        uint place = Add(0x0180, 22);
        _function.Set32(place + 16, 0xFFFFFFFF);
        Assert.That(Find()!.TryEnable(0x1_FEE0_1000, 0x4041), Is.True);
        Assert.That(_function.Get32(place + 4), Is.EqualTo(0xFEE01000));
        Assert.That(_function.Get32(place + 8), Is.EqualTo(1));
        Assert.That(_function.Get16(place + 12), Is.EqualTo(0x4041));
        Assert.That(_function.Get32(place + 16), Is.EqualTo(0xFFFFFFFE));
        Assert.That(_function.Get16(place + 2), Is.EqualTo(0x0181));
    }

    [TestCase(0x1_FEE0_1000UL, 1u, Description = "above 4 GiB")]
    [TestCase(0xFEE01002UL, 1u, Description = "unaligned")]
    [TestCase(0xFEE01000UL, 0x10000u, Description = "more than 16 bits of data")]
    public void TryEnable_a_message_that_cannot_be_expressed_false(ulong address, uint data)
    {
        uint place = Add(0x0001, 8);
        Assert.That(Find()!.TryEnable(address, data), Is.False);
        Assert.That(_function.Get16(place + 2) & 1, Is.Zero);
    }

    [Test]
    public void TryEnable_a_device_that_does_not_take_the_address_false_and_off()
    {
        uint place = Add(0, 8);
        _function.Allow(place + 4, 4, 0xFFFF0000);
        Assert.That(Find()!.TryEnable(0xFEE01000, 1), Is.False);
        Assert.That(Find()!.IsEnabled, Is.False);
    }

    [TestCase(0x0000, 0xF8), TestCase(0x0080, 0xF4), TestCase(0x0180, 0xEC), TestCase(0, 0xFC)]
    public void Find_a_layout_that_ends_beyond_the_space_null(int control, byte place)
    {
        _function.Space[0x34] = place;
        _function.Space[place] = 0x05;
        _function.Set16((uint)place + 2, (ushort)control);
        _function.Set16(0x06, 0x10);
        Assert.That(Find(), Is.Null);
    }

    [Test]
    public void Find_without_the_capability_null() => Assert.That(Find(), Is.Null);

    private uint Add(ushort control, int length)
    {
        uint place = _function.AddCapability(0x05, new byte[length]);
        _function.Set16(place + 2, control);
        _function.Allow(place + 2, 2, 0x0071);
        for (uint i = 4; i < length + 2; i++)
        {
            _function.Allow(place + i, 1, 0xFF);
        }

        return place;
    }

    private MsiCapability? Find() => MsiCapability.Find(_machine.Discover().Functions[0]);
}
