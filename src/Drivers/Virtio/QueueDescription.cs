using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio;

/// <summary>What there is to tell about a queue at one moment, for people.</summary>
public sealed class QueueDescription
{
    internal QueueDescription(string name, Virtqueue queue)
    {
        Name = name;
        Index = queue.Index;
        Size = queue.Size;
        IndirectTableLength = queue.IndirectTableLength;
        HasEventIndex = (queue.Features & RingFeatures.EventIdx) != 0;
        InFlight = queue.InFlight;
        Added = queue.Added;
        Used = queue.Used;
        Notifications = queue.Notifications;
        LengthsClamped = queue.LengthsClamped;
        Fault = queue.Fault;
    }

    /// <summary>The specification's name, for example <c>receiveq1</c>.</summary>
    public string Name { get; }

    /// <summary>The virtqueue index.</summary>
    public int Index { get; }

    /// <summary>How many descriptors the ring has.</summary>
    public int Size { get; }

    /// <summary>The most descriptors that the driver has a use for.</summary>
    public int PreferredSize { get; internal set; }

    /// <summary>The most descriptors that the device takes.</summary>
    public int MaximumSize { get; internal set; }

    /// <summary>
    /// How long a chain can be that takes one descriptor of the ring, because there is a table for it; 0 where there
    /// are no tables.
    /// </summary>
    public int IndirectTableLength { get; }

    /// <summary>Whether each side names the buffer from which on it wants to be notified.</summary>
    public bool HasEventIndex { get; }

    /// <summary>Where notifications go, for example <c>0xfebd3004 (4 bytes per queue)</c>.</summary>
    public string Notification { get; internal set; } = string.Empty;

    /// <summary>The MSI-X vector, or -1 where the device uses an interrupt line.</summary>
    public int Vector { get; internal set; }

    /// <summary>How many interrupts came that may have been for the queue.</summary>
    public ulong Interrupts { get; internal set; }

    /// <summary>How many buffers the device has.</summary>
    public int InFlight { get; }

    /// <summary>How many buffers were made available.</summary>
    public ulong Added { get; }

    /// <summary>How many buffers the device used.</summary>
    public ulong Used { get; }

    /// <summary>How often the device was notified because it wanted to be.</summary>
    public ulong Notifications { get; }

    /// <summary>
    /// How often the device claimed to have written more into a buffer than it could. It harms nothing.
    /// </summary>
    public ulong LengthsClamped { get; }

    /// <summary>Why the queue is broken, if it is.</summary>
    public QueueFault Fault { get; }
}
