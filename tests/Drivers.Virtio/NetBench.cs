using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests;

/// <summary>Network cards on a bench of their own, with packed rings and nothing else negotiated.</summary>
internal static class NetBench
{
    public static ModelBench<NetDevice> Create(
        byte[]? mac = null, ushort mtu = 1500, int configurationLength = NetDevice.ConfigurationSize)
    {
        ModelBench<NetDevice> bench = new ModelBench<NetDevice>(
            memory => new NetDevice(memory.GuestMemory, mac ?? new byte[6], mtu, configurationLength)
            {
                OfferedFeatures = FeatureBit.Version1 | FeatureBit.RingPacked,
                ExpectsUsualLayout = true,
            });
        bench.SetQueueSize(64);
        return bench;
    }

    /// <summary>A card with everything that the model has, of which it offers what a test wants.</summary>
    public static ModelBench<NetDevice> CreateFull(
        ulong features, int queuePairs = 1, ushort mtu = 1500, SimulatedDmaOptions? memory = null)
    {
        ModelBench<NetDevice> bench = new ModelBench<NetDevice>(
            dma => new NetDevice(
                dma.GuestMemory,
                [0x52, 0x54, 0, 0x12, 0x34, 0x56],
                mtu,
                NetDevice.FullConfigurationSize,
                queuePairs,
                hasControlQueue: true)
            {
                OfferedFeatures = FeatureBit.Version1 | NetFeature.Mac | features,
                ExpectsUsualLayout = true,
            },
            memory: memory);
        bench.SetQueueSize(64);
        return bench;
    }

    /// <summary>Starts a driver whose owner can do something with the card.</summary>
    public static VirtioNet Start(this ModelBench<NetDevice> bench, NetUses uses, int queuePairs = 1)
    {
        VirtioNet net = bench.CreateCard(uses, queuePairs);
        Assert.That(net.TryStart(out Failure? failure), Is.True, failure?.ToString());
        return net;
    }

    /// <summary>Makes that driver, and does not start it.</summary>
    public static VirtioNet CreateCard(this ModelBench<NetDevice> bench, NetUses uses, int queuePairs = 1)
    {
        VirtioNet net = new VirtioNet(bench.OpenTransport(), "net0", bench.Sink, new NetOptions(uses, queuePairs));
        bench.Sink.Driver = net;
        return net;
    }

    /// <summary>What a driver has counted.</summary>
    public static long Count(this VirtioNet net, string name) =>
        (long)net.Describe().Counters.Single(counter => counter.Name == name).Value;

    /// <summary>Puts a frame on the wire to the driver.</summary>
    /// <returns>False where it has to wait for a buffer.</returns>
    public static bool Deliver(this ModelBench<NetDevice> bench, ReadOnlySpan<byte> frame)
    {
        bench.Model.Receive(frame);
        bench.Model.Run();
        return bench.Model.Waiting == 0;
    }
}
