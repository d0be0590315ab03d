using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport;

/// <summary>Steps of the initialisation sequence that tests of transports share.</summary>
internal static class TransportBench
{
    public const ulong Version1 = (ulong)(Features.Version1 | Features.RingPacked);

    /// <summary>Takes a transport to where features are negotiated.</summary>
    public static void Discover(VirtioTransport transport)
    {
        transport.Open();
        Assert.That(transport.Reset(), Is.True);
        transport.Status |= DeviceStatus.Acknowledge;
        transport.Status |= DeviceStatus.Driver;
    }

    /// <summary>Takes a transport through negotiation; all bits that are offered are accepted.</summary>
    public static void Negotiate(VirtioTransport transport, ulong offered)
    {
        Discover(transport);
        var bits = (Features)offered;
        DeviceType type = DriverRegistry.Find(transport.DeviceType)!;
        Assert.That(FeatureNegotiation.ReadOffered(transport), Is.EqualTo(bits));
        Assert.That(
            FeatureNegotiation.Accept(transport, type, bits, bits, Features.None, out Features accepted), Is.Null);
        Assert.That(accepted, Is.EqualTo(bits));
    }

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

/// <summary>
/// A queue that is given back at the end. Transports want nothing of it but its index, its size and its addresses.
/// </summary>
internal sealed class QueueLease(Machine machine, int index, int size) : IDisposable
{
    public Virtqueue Queue { get; } =
        Virtqueue.TryCreate(machine.Dma, (ushort)index, size, Features.RingPacked)
        ?? throw new InvalidOperationException("no memory for a queue");

    /// <summary>Makes so many buffers available and notifies the device, whether it wants that or not.</summary>
    public void Notify(int buffers = 0)
    {
        for (int i = 0; i < buffers; i++)
        {
            Assert.That(Queue.TryAdd([], [new DmaSegment(0x1000, 16)], i), Is.EqualTo(AddStatus.Ok));
        }

        Queue.Notifier!.Notify(Queue);
    }

    public void Dispose() => Queue.Release(quarantine: false);
}
