using System;
using NUnit.Framework;

namespace VirtioGuest.Hal.Tests;

/// <summary>Registers at an address.</summary>
public sealed unsafe class MappedRegionTests
{
    [Test]
    public void Accesses_have_their_width_and_place()
    {
        byte* memory = stackalloc byte[16];
        new Span<byte>(memory, 16).Clear();
        var registers = new MappedRegion(memory, 16);

        registers.Write32(4, 0x44332211);
        registers.Write16(8, 0x6655);
        registers.Write8(15, 0x77);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(new Span<byte>(memory, 16).ToArray(), Is.EqualTo(new byte[]
            {
                0, 0, 0, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0, 0, 0, 0, 0, 0x77,
            }));
            Assert.That(registers.Read32(4), Is.EqualTo(0x44332211));
            Assert.That(registers.Read16(6), Is.EqualTo(0x4433));
            Assert.That(registers.Read8(5), Is.EqualTo(0x22));
        }
    }

    [TestCase(16u, 1u)]
    [TestCase(15u, 2u)]
    [TestCase(14u, 4u)]
    [TestCase(1u, 2u)]
    [TestCase(2u, 4u)]
    [TestCase(uint.MaxValue, 4u)]
    [TestCase(0xFFFFFFFCu, 4u)]
    public void An_access_outside_or_across_is_a_bug_of_the_driver(uint offset, uint width)
    {
        byte* memory = stackalloc byte[16];
        var registers = new MappedRegion(memory, 16);

        Assert.That(() => Access(registers, offset, width), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    private static void Access(MappedRegion registers, uint offset, uint width)
    {
        switch (width)
        {
            case 1:
                registers.Write8(offset, 0);
                break;
            case 2:
                registers.Write16(offset, 0);
                break;
            default:
                registers.Write32(offset, 0);
                break;
        }
    }
}
