using System;
using System.Collections.Generic;
using VirtioGuest.Devices.Memory;

namespace VirtioGuest.Devices;

/// <summary>
/// A virtio device without its bus: status, features, configuration and queues (virtio 1.4, 2 and 3), for a transport
/// to give registers to, and for a device type to give requests a meaning.
/// </summary>
/// <remarks>
/// <para>
/// Nothing runs by itself. Registers act at once; a notification only wakes its queue, and all work on queues is done
/// in <see cref="Step"/>. So a test decides what happens between any two things that a driver does. One context at a
/// time.
/// </para>
/// <para>
/// The device behaves well whatever its driver does. What the driver does wrong is kept in <see cref="Findings"/>.
/// </para>
/// </remarks>
public abstract partial class VirtioDeviceModel
{
    private readonly ModelQueue[] _queues;
    private readonly List<DriverFinding> _findings = new List<DriverFinding>();
    private readonly List<SharedMemoryRegion> _sharedMemory = new List<SharedMemoryRegion>();
    private readonly DeviceConfiguration _configuration;
    private readonly List<Action> _changesWhileSuspended = new List<Action>();
    private DeviceTransport? _transport;
    private ulong _offered = FeatureBit.Usual;
    private ulong _accepted;
    private bool _acceptsUnknown;
    private byte _shownStatus;
    private int _looksLeft;

    /// <summary>Creates a device that no driver has found yet.</summary>
    /// <param name="deviceType">Its device ID (virtio 1.4, 5).</param>
    /// <param name="queueCount">How many queues it has.</param>
    /// <param name="configurationLength">The size of its configuration space in bytes.</param>
    /// <param name="memory">The guest's memory.</param>
    protected VirtioDeviceModel(ushort deviceType, int queueCount, int configurationLength, GuestMemory memory)
    {
        DeviceType = deviceType;
        Memory = memory;
        _configuration = new DeviceConfiguration(configurationLength);
        _queues = new ModelQueue[queueCount];
        for (int i = 0; i < queueCount; i++)
        {
            _queues[i] = new ModelQueue(i);
        }
    }

    /// <summary>What type of device it is (virtio 1.4, 5).</summary>
    public ushort DeviceType { get; }

    /// <summary>The guest's memory.</summary>
    public GuestMemory Memory { get; }

    /// <summary>Its queues, by index.</summary>
    public ReadOnlySpan<ModelQueue> Queues => _queues;

    /// <summary>What the driver did wrong, in order.</summary>
    public IReadOnlyList<DriverFinding> Findings => _findings;

    /// <summary>Memory of the device that the driver may map. Add to it before the device gets a transport.</summary>
    public IList<SharedMemoryRegion> SharedMemory => _sharedMemory;

    /// <summary>The features that it offers. Set them before the driver comes.</summary>
    /// <exception cref="ArgumentException">A feature is one that the device or its transport cannot handle.</exception>
    public ulong OfferedFeatures
    {
        get => _offered;
        set
        {
            ulong supported = (FeatureBit.All | TypeFeatures) & ~(_transport?.UnsupportedFeatures ?? 0);
            if ((value & ~supported) != 0)
            {
                throw new ArgumentException($"Features {value & ~supported:x} cannot be handled.", nameof(value));
            }

            _offered = value;
        }
    }

    /// <summary>The features that the driver accepted; final once FEATURES_OK is set.</summary>
    public ulong DriverFeatures => _accepted;

    /// <summary>The status as it is. The driver may see an older one for a while.</summary>
    public byte Status { get; private set; }

    /// <summary>Whether the device works: DRIVER_OK, and no trouble on either side.</summary>
    public bool IsRunning => IgnoresStatus
        || (Status & (StatusBit.DriverOk | StatusBit.NeedsReset | StatusBit.Failed)) == StatusBit.DriverOk;

    /// <summary>Whether the driver suspended the device.</summary>
    public bool IsSuspended => (Status & StatusBit.Suspend) != 0;

    /// <summary>Why the device asked for a reset; empty if it did not.</summary>
    public string Trouble { get; private set; } = string.Empty;

    /// <summary>Whether FEATURES_OK is refused, whatever the features.</summary>
    public bool RefusesFeatures { get; set; }

    /// <summary>How many more times the driver reads the old status after it asked for a reset.</summary>
    public int ResetDelay { get; set; }

    /// <summary>How many times the driver reads that a queue is still being reset.</summary>
    public int QueueResetDelay { get; set; }

    /// <summary>How many more times the driver reads the old status after it suspended or resumed the device.</summary>
    public int SuspendDelay { get; set; }

    /// <summary>Whether the next suspension fails, so that the device needs a reset.</summary>
    public bool FailsToSuspend { get; set; }

    /// <summary>Whether the next resumption fails, so that the device needs a reset.</summary>
    public bool FailsToResume { get; set; }

    /// <summary>
    /// Whether a notification brings all work that there is to do, so that it is done when the driver goes on.
    /// </summary>
    public bool RunsWhenNotified { get; set; }

    /// <summary>Called before every read of the configuration, so that it can change under its reader.</summary>
    public Action? BeforeConfigurationRead { get; set; }

    /// <summary>The device's configuration space.</summary>
    public ReadOnlySpan<byte> Configuration => _configuration.Bytes;

    /// <summary>
    /// Whether queues work from the moment that they are enabled, whatever the status, and no reset stops them: the
    /// habit of a device whose workers nobody tells of the status.
    /// </summary>
    internal bool IgnoresStatus { get; set; }

    /// <summary>The features that belong to the type of device and can be handled.</summary>
    protected abstract ulong TypeFeatures { get; }

    /// <summary>Changes the configuration and tells the driver (virtio 1.4, 3.2.1).</summary>
    /// <remarks>While the device is suspended, the change waits until it is resumed (virtio 1.4, 3.4.2).</remarks>
    public void ChangeConfiguration(Action change)
    {
        ArgumentNullException.ThrowIfNull(change);
        if (IsSuspended)
        {
            _changesWhileSuspended.Add(change);
            return;
        }

        change();
        _configuration.MarkChanged();
        NotifyConfigurationChange();
    }

    /// <summary>Gives up until the driver resets the device (virtio 1.4, 2.1.2).</summary>
    /// <param name="why">What happened, for people.</param>
    public void SetNeedsReset(string why)
    {
        if ((Status & StatusBit.NeedsReset) == 0)
        {
            Trouble = why;
            Status |= StatusBit.NeedsReset;
            NotifyConfigurationChange();
        }
    }

    /// <summary>The configuration space, to be written by the device type itself.</summary>
    protected Span<byte> ConfigurationStore => _configuration.Bytes;

    /// <summary>Whether the device type can work with features that are all offered.</summary>
    protected virtual bool AcceptsFeatures(ulong features) => (features & FeatureBit.Version1) != 0;

    /// <summary>Forgets what a reset forgets. Buffers that the device had taken are gone.</summary>
    protected virtual void OnReset()
    {
    }

    /// <summary>Keeps what the driver did wrong.</summary>
    protected internal void Report(DriverRule rule, string text) => _findings.Add(new DriverFinding(rule, text));

    internal void Attach(DeviceTransport transport)
    {
        if (_transport != null)
        {
            throw new InvalidOperationException("The device is on another bus.");
        }

        _transport = transport;
        _offered &= ~transport.UnsupportedFeatures;
    }

    internal uint ReadOfferedFeatures(uint word) => word < 2 ? (uint)(_offered >> (int)(32 * word)) : 0;

    internal uint ReadDriverFeatures(uint word) => word < 2 ? (uint)(_accepted >> (int)(32 * word)) : 0;

    internal void WriteDriverFeatures(uint word, uint value)
    {
        if ((Status & StatusBit.FeaturesOk) != 0)
        {
            Report(DriverRule.FeatureAfterFeaturesOk, $"feature word {word} was written after FEATURES_OK");
            return;
        }

        if (word >= 2)
        {
            _acceptsUnknown |= value != 0;
            return;
        }

        int shift = (int)(32 * word);
        _accepted = (_accepted & ~((ulong)uint.MaxValue << shift)) | ((ulong)value << shift);
    }

    internal byte ReadGeneration() => _configuration.Generation;

    internal int ConfigurationLength => _configuration.Length;

    internal uint ReadConfiguration(uint offset, int width)
    {
        if (!_configuration.Holds(offset, width))
        {
            Report(DriverRule.RegisterAccess, $"configuration has no {width} bytes at {offset:x}");
            return 0;
        }

        BeforeConfigurationRead?.Invoke();
        return _configuration.Read(offset, width);
    }

    internal void WriteConfiguration(uint offset, int width, uint value)
    {
        bool isTaken = !IsSuspended && _configuration.Holds(offset, width) && TakesConfiguration(offset, width, value);
        if (!isTaken)
        {
            Report(DriverRule.ConfigurationWrite, $"{width} bytes at {offset:x} are not for writing");
        }
    }

    /// <summary>Acts on a write to the configuration.</summary>
    /// <returns>Whether the place is for writing; nothing is, unless the device type says so.</returns>
    protected virtual bool TakesConfiguration(uint offset, int width, uint value) => false;

    private void NotifyConfigurationChange()
    {
        if ((Status & StatusBit.DriverOk) != 0)
        {
            _transport?.NotifyConfiguration();
        }
    }
}
