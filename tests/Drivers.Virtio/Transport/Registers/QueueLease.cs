using System;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport.Registers;

/// <summary>A queue that is given back at the end.</summary>
internal sealed class QueueLease : IDisposable
{
    public QueueLease(RegisterMachine machine, int index, int size)
    {
        Queue = TransportBench.NewQueue(machine, index, size);
    }

    public Virtqueue Queue { get; }

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
