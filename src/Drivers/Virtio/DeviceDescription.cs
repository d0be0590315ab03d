using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio;

/// <summary>What there is to tell about a device at one moment, for people.</summary>
public sealed class DeviceDescription
{
    internal DeviceDescription()
    {
    }

    /// <summary>What its owner calls it.</summary>
    public string Name { get; internal set; } = string.Empty;

    /// <summary>What it is, for example <c>virtio-blk</c>.</summary>
    public string TypeName { get; internal set; } = string.Empty;

    /// <summary>The transport and the place on it, for example <c>virtio-pci at 00:04.0</c>.</summary>
    public string Transport { get; internal set; } = string.Empty;

    /// <summary>Which interfaces the device has, for example <c>transitional device</c>.</summary>
    public string Interface { get; internal set; } = string.Empty;

    /// <summary>How it interrupts.</summary>
    public string Interrupts { get; internal set; } = string.Empty;

    /// <summary>Why it interrupts like that and not in a better way.</summary>
    public string InterruptReason { get; internal set; } = string.Empty;

    /// <summary>How many interrupts came that may have been for a configuration change.</summary>
    public ulong ConfigurationInterrupts { get; internal set; }

    /// <summary>The format of its rings: <c>packed</c> or <c>split</c>; <c>none</c> before it was started.</summary>
    public string RingFormat { get; internal set; } = string.Empty;

    /// <summary>Where it is in its life.</summary>
    public DeviceState State { get; internal set; }

    /// <summary>What is wrong with it, or null.</summary>
    public string? Trouble { get; internal set; }

    /// <summary>How often it was brought up again.</summary>
    public int Restarts { get; internal set; }

    /// <summary>What was wrong before it was brought up again the last time; null where nothing was.</summary>
    public string? LastTrouble { get; internal set; }

    /// <summary>The names of the features that were negotiated.</summary>
    public string[] Features { get; internal set; } = System.Array.Empty<string>();

    /// <summary>What became of each feature, and why.</summary>
    public FeatureReport FeatureReport { get; internal set; } = null!;

    /// <summary>How many bytes of memory can never be used again because it did not confirm a reset.</summary>
    public ulong QuarantinedBytes { get; internal set; }

    /// <summary>Its queues, by index.</summary>
    public QueueDescription[] Queues { get; internal set; } = System.Array.Empty<QueueDescription>();

    /// <summary>What was counted.</summary>
    public Counter[] Counters { get; internal set; } = System.Array.Empty<Counter>();
}
