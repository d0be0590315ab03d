using System;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport.Registers;

/// <summary>A queue that is given back at the end.</summary>
internal sealed class QueueLease : IDisposable
{
    public QueueLease(RegisterMachine machine, int index, int size)
    {
        Queue = TransportBench.NewQueue(machine, index, size);
    }

    public Virtqueue Queue { get; }

    public void Dispose() => Queue.Release(quarantine: false);
}
