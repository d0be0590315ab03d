using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Reports;

/// <summary>What there is to tell about a device at one moment, for people.</summary>
public sealed class DeviceDescription
{
    private DeviceDescription()
    {
    }

    internal static DeviceDescription Of(VirtioDevice device) => new DeviceDescription
    {
        Name = device.Name,
        TypeName = device.Driver.Name,
        Transport = device.Transport.Kind + " at " + device.Transport.Location,
        Interface = device.Transport.Interface,
        Interrupts = device.Transport.InterruptKind,
        InterruptReason = device.Transport.InterruptReason,
        ConfigurationInterrupts = device.Events.ConfigurationInterrupts,
        RingFormat = device.Queues.Format,
        State = device.State,
        Trouble = device.Trouble?.Of("the device"),
        Restarts = device.Restarts,
        LastTrouble = device.LastTrouble?.Of("the device"),
        Features = device.Driver.NamesOf(device.Features, device.HighFeatures),
        FeatureReport = new FeatureReport(device),
        QuarantinedBytes = device.QuarantinedBytes,
        Queues = QueueDescription.OfAll(device),
        Details = device.ReadDetails(),
        Counters = device.ReadCounters(),
    };

    /// <summary>What its owner calls it.</summary>
    public string Name { get; private set; } = string.Empty;

    /// <summary>What it is, for example <c>virtio-blk</c>.</summary>
    public string TypeName { get; private set; } = string.Empty;

    /// <summary>The transport and the place on it, for example <c>virtio-pci at 00:04.0</c>.</summary>
    public string Transport { get; private set; } = string.Empty;

    /// <summary>Which interfaces the device has, for example <c>transitional device</c>.</summary>
    public string Interface { get; private set; } = string.Empty;

    /// <summary>How it interrupts.</summary>
    public string Interrupts { get; private set; } = string.Empty;

    /// <summary>Why it interrupts like that and not in a better way.</summary>
    public string InterruptReason { get; private set; } = string.Empty;

    /// <summary>How many interrupts came that may have been for a configuration change.</summary>
    public ulong ConfigurationInterrupts { get; private set; }

    /// <summary>The format of its rings: <c>packed</c> or <c>split</c>; <c>none</c> before it was started.</summary>
    public string RingFormat { get; private set; } = string.Empty;

    /// <summary>Where it is in its life.</summary>
    public DeviceState State { get; private set; }

    /// <summary>What is wrong with it, or null.</summary>
    public string? Trouble { get; private set; }

    /// <summary>How often it was brought up again.</summary>
    public int Restarts { get; private set; }

    /// <summary>What was wrong before it was brought up again the last time; null where nothing was.</summary>
    public string? LastTrouble { get; private set; }

    /// <summary>The names of the features that were negotiated.</summary>
    public string[] Features { get; private set; } = System.Array.Empty<string>();

    /// <summary>What became of each feature, and why.</summary>
    public FeatureReport FeatureReport { get; private set; } = null!;

    /// <summary>How many bytes of memory can never be used again because it did not confirm a reset.</summary>
    public ulong QuarantinedBytes { get; private set; }

    /// <summary>Its queues, by index.</summary>
    public QueueDescription[] Queues { get; private set; } = System.Array.Empty<QueueDescription>();

    /// <summary>What belongs to its type, a line each: <c>cache: writeback</c>.</summary>
    public string[] Details { get; private set; } = System.Array.Empty<string>();

    /// <summary>What was counted.</summary>
    public Counter[] Counters { get; private set; } = System.Array.Empty<Counter>();
}

/// <summary>What there is to tell about a queue at one moment, for people.</summary>
public sealed class QueueDescription
{
    private QueueDescription(string name, Virtqueue queue)
    {
        Name = name;
        Index = queue.Index;
        Size = queue.Size;
        IndirectTableLength = queue.IndirectTableLength;
        HasEventIndex = (queue.Features & Features.EventIdx) != 0;
        InFlight = queue.InFlight;
        Added = queue.Added;
        Used = queue.Used;
        Notifications = queue.Notifications;
        LengthsClamped = queue.LengthsClamped;
        Fault = queue.Fault;
    }

    internal static QueueDescription[] OfAll(VirtioDevice device)
    {
        Virtqueue[] queues = device.Queues.All;
        QueueDescription[] descriptions = new QueueDescription[queues.Length];
        for (int i = 0; i < descriptions.Length; i++)
        {
            descriptions[i] = new QueueDescription(device.Queues.Names[i], queues[i])
            {
                PreferredSize = device.Queues.PreferredSizeOf(i),
                MaximumSize = device.Queues.MaximumSizeOf(i),
                Notification = device.Transport.DescribeNotification((ushort)i),
                Vector = device.Transport.VectorOf((ushort)i),
                Interrupts = device.Events.InterruptsOf(i),
            };
        }

        return descriptions;
    }

    /// <summary>The specification's name, for example <c>receiveq1</c>.</summary>
    public string Name { get; }

    /// <summary>The virtqueue index.</summary>
    public int Index { get; }

    /// <summary>How many descriptors the ring has.</summary>
    public int Size { get; }

    /// <summary>The most descriptors that the driver has a use for.</summary>
    public int PreferredSize { get; private set; }

    /// <summary>The most descriptors that the device takes.</summary>
    public int MaximumSize { get; private set; }

    /// <summary>
    /// How long a chain can be that takes one descriptor of the ring, because there is a table for it; 0 where there
    /// are no tables.
    /// </summary>
    public int IndirectTableLength { get; }

    /// <summary>Whether each side names the buffer from which on it wants to be notified.</summary>
    public bool HasEventIndex { get; }

    /// <summary>Where notifications go, for example <c>0xfebd3004 (4 bytes per queue)</c>.</summary>
    public string Notification { get; private set; } = string.Empty;

    /// <summary>The MSI-X vector, or -1 where the device uses an interrupt line.</summary>
    public int Vector { get; private set; }

    /// <summary>How many interrupts came that may have been for the queue.</summary>
    public ulong Interrupts { get; private set; }

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

/// <summary>Tells about devices.</summary>
public static class Descriptions
{
    /// <summary>Tells about a device, at any time.</summary>
    public static DeviceDescription Describe(this VirtioDevice device) => DeviceDescription.Of(device);
}
