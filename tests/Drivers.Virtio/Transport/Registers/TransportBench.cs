using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport.Registers;

/// <summary>Steps of the initialisation sequence that tests of transports share.</summary>
internal static class TransportBench
{
    public const ulong Version1 = (ulong)(Features.Version1 | Features.RingPacked);

    /// <summary>Takes a transport through negotiation; all bits that are offered are accepted.</summary>
    public static void Negotiate(VirtioTransport transport, ulong offered)
    {
        transport.Open();
        Assert.That(transport.Reset(), Is.True);
        transport.Status |= DeviceStatus.Acknowledge;
        transport.Status |= DeviceStatus.Driver;
        var bits = (Features)offered;
        DeviceType type = DriverRegistry.Find(transport.DeviceType)!;
        Assert.That(FeatureNegotiation.ReadOffered(transport), Is.EqualTo(bits));
        Assert.That(
            FeatureNegotiation.Accept(transport, type, bits, bits, Features.None, out Features accepted), Is.Null);
        Assert.That(accepted, Is.EqualTo(bits));
    }

    /// <summary>A queue; transports want nothing of it but its index, its size and its addresses.</summary>
    public static Virtqueue NewQueue(RegisterMachine machine, int index, int size) =>
        Virtqueue.TryCreate(machine.Dma, (ushort)index, size, Features.RingPacked)
        ?? throw new InvalidOperationException("no memory for a queue");

    public static void Connect(VirtioTransport transport, RecordingSink sink, int queues)
    {
        List<string> names = new List<string>();
        for (int i = 0; i < queues; i++)
        {
            names.Add("queue" + i);
        }

        Assert.That(transport.ConnectInterrupts("device", names.ToArray(), sink), Is.Null);
    }
}
