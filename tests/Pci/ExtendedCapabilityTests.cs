using System;
using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Pci.Tests.Simulation;

namespace VirtioGuest.Pci.Tests;

/// <summary>The list of extended capabilities (PCI Express 3.0, 7.9.1), well made and otherwise.</summary>
[TestFixture]
public sealed class ExtendedCapabilityTests
{
    private const int DoubleWords = (0x1000 - 0x100) / 4;

    [Test]
    public void The_list_is_read_in_its_order()
    {
        SimulatedExpressFunction function = new SimulatedExpressFunction()
            .WithExtended(0x100, 1, 2, 0x200).WithExtended(0x200, 0x10, 1, 0x148).WithExtended(0x148, 0xB, 0, 0);
        Assert.That(Read(function), Is.EqualTo("1.2@100 10.1@200 b.0@148"));
    }

    [Test]
    public void A_capability_is_a_window_up_to_the_end()
    {
        SimulatedExpressFunction function = new SimulatedExpressFunction().WithExtended(0x100, 0, 0, 0xFF0)
            .WithExtended(0xFF0, 0xE, 1, 0);
        function.Extended[0xFF4] = 0x12;
        function.Extended[0xFF5] = 0x34;
        PciFunction found = Discover(function);
        ExtendedCapability capability = found.FindExtendedCapability(0xE)!;
        Assert.That(capability.Length, Is.EqualTo(0x10));
        Assert.That(capability.Read8(5), Is.EqualTo(0x34));
        Assert.That(capability.Read16(4), Is.EqualTo(0x3412));
        Assert.That(capability.Read32(4), Is.EqualTo(0x3412));
        Assert.Throws<ArgumentOutOfRangeException>(() => capability.Read32(0x10));
        Assert.Throws<ArgumentOutOfRangeException>(() => capability.Read8(uint.MaxValue));
        Assert.That(found.FindExtendedCapability(1), Is.Null);
    }

    [TestCase(0u)]
    [TestCase(0xFFFFFFFFu)]
    public void A_function_without_any_has_none(uint header)
    {
        var function = new SimulatedExpressFunction();
        BitConverter.TryWriteBytes(function.Extended.AsSpan(0x100), header);
        Assert.That(Read(function), Is.Empty);
    }

    [Test]
    public void Without_PCI_Express_or_without_the_reach_nothing_is_read()
    {
        SimulatedExpressFunction conventional = new SimulatedExpressFunction(isExpress: false)
            .WithExtended(0x100, 1, 1, 0);
        Assert.That(Read(conventional), Is.Empty);
        Assert.That(conventional.ExtendedReads, Is.Zero);

        var machine = new SimulatedMachine();
        machine.Host.Root.Add(0, 0, new SimulatedExpressFunction().WithExtended(0x100, 1, 1, 0));
        Assert.That(machine.Discover().Functions[0].ExtendedCapabilities.Length, Is.Zero);
        Assert.That(machine.Discover().Functions[0].ConfigurationLength, Is.EqualTo(0x100));
    }

    [TestCase(0x100u)]
    [TestCase(0x140u)]
    [TestCase(0x040u)]
    public void A_list_that_comes_back_or_leaves_the_space_ends(uint next)
    {
        SimulatedExpressFunction function = new SimulatedExpressFunction()
            .WithExtended(0x100, 1, 1, 0x140).WithExtended(0x140, 2, 1, next);
        Assert.That(Read(function), Is.EqualTo("1.1@100 2.1@140"));
    }

    [Test]
    public void Any_bytes_give_a_list_that_ends()
    {
        Prop.ForAll(Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf(0xF00).ToArbitrary(), bytes =>
        {
            var function = new SimulatedExpressFunction();
            bytes.CopyTo(function.Extended, 0x100);
            ReadOnlySpan<ExtendedCapability> found = Discover(function).ExtendedCapabilities;
            Assert.That(found.Length, Is.LessThanOrEqualTo(DoubleWords));
            Assert.That(function.ExtendedReads, Is.LessThanOrEqualTo(DoubleWords));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(200));
    }

    private static string Read(SimulatedExpressFunction function) => string.Join(
        ' ',
        Discover(function).ExtendedCapabilities.ToArray().Select(c => $"{c.Id:x}.{c.Version}@{c.Offset:x}"));

    private static PciFunction Discover(SimulatedExpressFunction function)
    {
        var machine = new SimulatedEcam();
        machine.Host.Root.Add(0, 0, function);
        EcamAccess access = EcamAccess.TryCreate(machine, SimulatedEcam.Base, 0, 0, 255)!;
        return PciTopology.Discover(access, machine.Log).Functions[0];
    }
}
