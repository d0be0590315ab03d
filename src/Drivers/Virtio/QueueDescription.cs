using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio;

/// <summary>What there is to tell about a queue at one moment, for people.</summary>
public sealed class QueueDescription
{
    internal QueueDescription(string name, Virtqueue queue, int vector)
    {
        Name = name;
        Index = queue.Index;
        Size = queue.Size;
        Vector = vector;
        InFlight = queue.InFlight;
        Added = queue.Added;
        Used = queue.Used;
        Notifications = queue.Notifications;
        Fault = queue.Fault;
    }

    /// <summary>The specification's name, for example <c>receiveq1</c>.</summary>
    public string Name { get; }

    /// <summary>The virtqueue index.</summary>
    public int Index { get; }

    /// <summary>How many descriptors the ring has.</summary>
    public int Size { get; }

    /// <summary>The MSI-X vector, or -1 where the device uses an interrupt line.</summary>
    public int Vector { get; }

    /// <summary>How many buffers the device has.</summary>
    public int InFlight { get; }

    /// <summary>How many buffers were made available.</summary>
    public ulong Added { get; }

    /// <summary>How many buffers the device used.</summary>
    public ulong Used { get; }

    /// <summary>How often the device was notified because it wanted to be.</summary>
    public ulong Notifications { get; }

    /// <summary>Why the queue is broken, if it is.</summary>
    public QueueFault Fault { get; }
}
