using System;
using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Block;
using VirtioGuest.Drivers.Virtio.Net;
using VirtioGuest.Drivers.Virtio.Tests.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests;

/// <summary>
/// Whole drivers against devices that say anything: no exception, no endless loop, no access outside memory, and all
/// memory accounted for. A failure prints the seed that brings it back.
/// </summary>
public class HostileDeviceProperties
{
    private static Config Many => Config.QuickThrowOnFailure.WithMaxTest(Nightly.Cases(1000, 30_000)).WithEndSize(200);

    [Test]
    public void A_disk_may_say_anything()
    {
        Prop.ForAll(Scenarios(60), scenario =>
        {
            using DeviceBench<SimulatedDisk> bench = Bench.Disk();
            Prepare(bench.Device, scenario);
            bench.ExpectsViolations = true;
            VirtioBlock block = bench.NewBlock();
            if (!block.TryStart(out string failure))
            {
                Assert.That(failure, Is.Not.Empty);
                return;
            }

            DmaSegment[] data = { new DmaSegment(0, 512) };
            BlockCompletion[] completions = new BlockCompletion[8];
            int expected = 0;
            foreach (int operation in scenario.Operations)
            {
                if (operation % 2 == 0)
                {
                    expected += block.TrySubmit(BlockOperation.Read, 0, data, 1) == SubmitStatus.Ok ? 1 : 0;
                    block.Notify();
                }
                else
                {
                    Forge(bench.Device, 0, operation);
                }

                expected -= block.Drain(completions);
            }

            block.Stop();
            for (int count = 1; count != 0;)
            {
                count = block.Drain(completions);
                expected -= count;
            }

            Assert.That(expected, Is.Zero);
            Assert.That(bench.Machine.Memory.Freed, Is.EqualTo(bench.Machine.Memory.Allocated));
            ExpectGuardsWhole(bench.Machine.Memory);
        }).Check(Many);
    }

    [Test]
    public void A_network_card_may_say_anything()
    {
        Prop.ForAll(Scenarios(24), scenario =>
        {
            using DeviceBench<SimulatedNetwork> bench = Bench.Network();
            Prepare(bench.Device, scenario);
            bench.ExpectsViolations = true;
            VirtioNet net = bench.NewNet();
            if (!net.TryStart(out string failure))
            {
                Assert.That(failure, Is.Not.Empty);
                return;
            }

            RecordingFrames sink = new RecordingFrames();
            foreach (int operation in scenario.Operations)
            {
                if (operation % 3 == 0)
                {
                    net.TryTransmit(new byte[60]);
                }
                else
                {
                    Forge(bench.Device, operation % 3 - 1, operation);
                }

                Assert.That(net.Receive(sink, 4), Is.InRange(0, 4));
                net.ReclaimTransmitted();
            }

            net.Stop();
            Assert.That(bench.Machine.Memory.Freed, Is.EqualTo(bench.Machine.Memory.Allocated));
            ExpectGuardsWhole(bench.Machine.Memory);
        }).Check(Many);
    }

    private static Arbitrary<Scenario> Scenarios(int configurationLength)
    {
        Gen<byte> bytes = Gen.Frequency(
            (2, Gen.Constant((byte)0)), (1, Gen.Choose(0, 255).Select(b => (byte)b)));
        Gen<Scenario> scenarios =
            from configuration in bytes.ArrayOf(configurationLength)
            from features in Gen.Choose(0, int.MaxValue)
            from ringFeatures in Gen.Choose(0, 0xFFF)
            from queueSize in Gen.Choose(0, 40)
            from operations in Gen.Choose(0, int.MaxValue).ArrayOf()
            select new Scenario(
                configuration, (uint)features | ((ulong)ringFeatures << 33), (ushort)queueSize, operations);
        return scenarios.ToArbitrary();
    }

    private static void Prepare(SimulatedDevice device, Scenario scenario)
    {
        scenario.Configuration.CopyTo(device.Configuration, 0);
        device.Offered = SimulatedDevice.Version1 | scenario.Features;
        device.MaximumQueueSize = scenario.QueueSize;
        device.IgnoresNotifications = true;
    }

    private static void Forge(SimulatedDevice device, int queue, int operation)
    {
        RingModel ring = device.Ring(queue);
        uint bits = (uint)operation / 6;
        if (ring is PackedRingModel packed && (bits & 2) != 0)
        {
            ushort flags = (bits & 1) != 0 ? (ushort)0x8080 : (ushort)0;
            ushort id = (ushort)((bits >> 7) % (uint)(ring.Size + 1));
            packed.Forge((int)(bits >> 1) % ring.Size, id, (bits >> 10) & 0xFFF, flags);
        }
        else
        {
            ring.Scribble(bits >> 2);
        }
    }

    private static void ExpectGuardsWhole(SimulatedMemory memory)
    {
        memory.CheckGuards();
        Assert.That(memory.Violations.Where(v => v.Contains("guard", StringComparison.Ordinal)), Is.Empty);
    }

    private sealed record Scenario(byte[] Configuration, ulong Features, ushort QueueSize, int[] Operations);
}
