namespace VirtioGuest.Drivers.Virtio;

/// <summary>What there is to tell about a device at one moment, for people.</summary>
public sealed class DeviceDescription
{
    internal DeviceDescription(
        string name,
        string typeName,
        string transport,
        string interrupts,
        string ringFormat,
        DeviceState state,
        string? trouble,
        string[] features,
        QueueDescription[] queues,
        Counter[] counters)
    {
        Name = name;
        TypeName = typeName;
        Transport = transport;
        Interrupts = interrupts;
        RingFormat = ringFormat;
        State = state;
        Trouble = trouble;
        Features = features;
        Queues = queues;
        Counters = counters;
    }

    /// <summary>What its owner calls it.</summary>
    public string Name { get; }

    /// <summary>What it is, for example <c>virtio-blk</c>.</summary>
    public string TypeName { get; }

    /// <summary>The transport and the place on it, for example <c>virtio-pci at 00:04.0</c>.</summary>
    public string Transport { get; }

    /// <summary>How it interrupts.</summary>
    public string Interrupts { get; }

    /// <summary>The format of its rings: <c>packed</c> or <c>split</c>; <c>none</c> before it was started.</summary>
    public string RingFormat { get; }

    /// <summary>Where it is in its life.</summary>
    public DeviceState State { get; }

    /// <summary>What is wrong with it, or null.</summary>
    public string? Trouble { get; }

    /// <summary>The names of the features that were negotiated.</summary>
    public string[] Features { get; }

    /// <summary>Its queues, by index.</summary>
    public QueueDescription[] Queues { get; }

    /// <summary>What was counted.</summary>
    public Counter[] Counters { get; }
}
