using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Hostile;
using VirtioGuest.Devices.Mmio;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Tests.Support;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Devices.Tests.Hostile;

/// <summary>Hostile devices lie where they are told to, and are devices in all else.</summary>
internal sealed class HostileFunctionTests
{
    private const uint SpaceLength = 0x1000;

    [Test]
    public void Without_hostility_all_is_the_truth()
    {
        using PciBench bench = new();
        HostileFunction function = new(bench.Function, new SeededRandom(1), Hostility.None);
        for (uint i = 0; i < SpaceLength; i++)
        {
            Assert.That(function.ReadConfiguration(i, 1), Is.EqualTo(bench.Function.ReadConfiguration(i, 1)));
        }

        function.WriteConfiguration(0x3C, 1, 5);
        Assert.That(bench.Get8(0x3C), Is.EqualTo(5));
        Assert.That(function.Decode(PciBench.Structures + 0x12, out ulong offset), Is.Zero);
        Assert.That(function.ReadBar(0, offset, 2), Is.EqualTo(2), "the number of queues");
        function.WriteBar(0, 0x14, 1, 1);
        Assert.That(bench.Registers.Read8(0x14), Is.EqualTo(1));
        Assert.That(bench.Output.Messages, Is.Empty);
    }

    [Test]
    public void A_pinned_register_lies_and_still_takes_what_is_written()
    {
        using PciBench bench = new();
        HostileFunction function = new(bench.Function, new SeededRandom(1), Hostility.None);
        function.Structures.Add(new RegisterLie(0x14, 1, LieKind.Constant, 0x40, 0, new SeededRandom(1)));
        function.Vectors.Add(new RegisterLie(0, 4, LieKind.Constant, 1, 0, new SeededRandom(1)));
        function.Header.Add(new RegisterLie(0, 2, LieKind.Constant, 0x8086, 0, new SeededRandom(1)));
        function.WriteBar(0, 0x14, 1, 3);
        Assert.That(function.ReadBar(0, 0x14, 1), Is.EqualTo(0x40));
        Assert.That(bench.Device.Status, Is.EqualTo(3));
        Assert.That(function.ReadBar(2, 0, 4), Is.EqualTo(1));
        Assert.That(function.ReadConfiguration(0, 2), Is.EqualTo(0x8086));
    }

    [Test]
    public void Forged_capabilities_stay_as_they_are_and_reach_every_kind_of_harm()
    {
        int loops = 0;
        int extended = 0;
        int changed = 0;
        for (int seed = 0; seed < 300; seed++)
        {
            using PciBench bench = new();
            HostileFunction function = new(bench.Function, new SeededRandom(seed), Hostility.Capabilities);
            byte[] space = Read(function);
            Assert.That(Read(function), Is.EqualTo(space));
            changed += space.AsSpan().SequenceEqual(Read(bench.Function)) ? 0 : 1;
            loops += IsEndless(space) ? 1 : 0;
            PciBus bus = new(hasExtendedSpace: true);
            bus.Add(1, function);
            PciTopology topology = PciTopology.Discover(bus, new SilentLog());
            extended += topology.Functions[0].ExtendedCapabilities.Length != 0 ? 1 : 0;
        }

        Assert.That(changed, Is.GreaterThan(250));
        Assert.That(loops, Is.GreaterThan(10));
        Assert.That(extended, Is.GreaterThan(10));
    }

    [Test]
    public void A_storm_comes_with_accesses_once_features_are_negotiated()
    {
        int storms = 0;
        for (int seed = 0; seed < 20; seed++)
        {
            using PciBench bench = new();
            HostileFunction function = new(bench.Function, new SeededRandom(seed), Hostility.Interrupts);
            function.ReadBar(0, 0, 4);
            Assert.That(bench.Function.IsrStatus, Is.Zero);
            bench.Start(0);
            for (int i = 0; i < 50; i++)
            {
                function.ReadBar(0, 0, 4);
            }

            storms += bench.Function.IsrStatus != 0 ? 1 : 0;
        }

        Assert.That(storms, Is.GreaterThan(15));
    }

    [Test]
    public void Registers_over_MMIO_lie_and_take_what_is_written()
    {
        using GuestRam ram = new();
        MmioDevice device = new(new EchoDevice(ram.Regions), new RecordingOutput());
        HostileRegisters hostile = new(device, new SeededRandom(1), Hostility.None);
        MmioRegion registers = hostile.Registers;
        Assert.That(registers.Length, Is.EqualTo(device.Registers.Length));
        Assert.That(registers.Read32(0), Is.EqualTo(0x74726976));
        hostile.Lies.Add(new RegisterLie(0x70, 4, LieKind.WrongBits, 0x80, 0, new SeededRandom(1)));
        registers.Write32(0x70, 1);
        Assert.That(device.Model.Status, Is.EqualTo(1));
        Assert.That(registers.Read32(0x70), Is.EqualTo(0x81));
        Assert.That(registers.Read16(0x100) + registers.Read8(0x102), Is.Zero);
        registers.Write16(0x100, 1);
        registers.Write8(0x102, 1);
        Assert.That(
            device.Model.Findings.Select(f => f.Rule),
            Is.EqualTo(new[] { DriverRule.ConfigurationWrite, DriverRule.ConfigurationWrite }));
    }

    [Test]
    public void A_line_that_a_hostile_output_holds_stays_up_and_messages_come_twice_and_astray()
    {
        bool isHeld = false;
        bool isLowered = false;
        int most = 0;
        for (int seed = 0; seed < 20; seed++)
        {
            RecordingOutput inner = new();
            HostileOutput output = new(inner, new SeededRandom(seed), Hostility.Interrupts);
            output.SetLine(true);
            output.SetLine(false);
            isHeld |= inner.IsLineAsserted;
            isLowered |= !inner.IsLineAsserted;
            output.SendMessage(0xFEE0_0000, 0x40);
            most = Math.Max(most, inner.Messages.Count);
        }

        Assert.That((isHeld, isLowered, most), Is.EqualTo((true, true, 3)));
    }

    private static byte[] Read(IBusFunction function)
    {
        byte[] space = new byte[SpaceLength];
        for (uint i = 0; i < SpaceLength; i++)
        {
            space[i] = (byte)function.ReadConfiguration(i, 1);
        }

        return space;
    }

    private static bool IsEndless(byte[] space)
    {
        int at = space[0x34] & 0xFC;
        for (int steps = 0; steps < 64; steps++)
        {
            if (at < 0x40)
            {
                return false;
            }

            at = space[at + 1] & 0xFC;
        }

        return true;
    }
}
