using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio;

/// <summary>
/// The life of a device with its driver: initialisation (virtio 1.4, 3.1.1), configuration changes, trouble, reset.
/// </summary>
/// <remarks>
/// A driver never blocks but for the bounded wait of a reset, starts no thread and takes no lock. Its owner keeps calls
/// that concern one queue from overlapping, and calls <see cref="TryStart"/> and <see cref="Stop"/> while nothing else
/// is called.
/// </remarks>
public abstract class VirtioDevice
{
    /// <summary>
    /// How often the configuration is read again when it changed meanwhile. A device that changes it without end is in
    /// trouble itself.
    /// </summary>
    private const int ConfigurationAttempts = 100;

    private readonly string[] _queueNames;
    private readonly DeviceEventSink _owner;
    private readonly DeviceEventSink _relay;
    private Virtqueue[] _queues = Array.Empty<Virtqueue>();
    private string? _trouble;

    /// <summary>Describes a device; touches nothing of it.</summary>
    /// <param name="transport">The way to it.</param>
    /// <param name="name">What the owner calls it.</param>
    /// <param name="owner">Who is told of interrupts.</param>
    /// <param name="queueNames">The specification's names of the queues that the driver uses, by index.</param>
    protected VirtioDevice(
        VirtioTransport transport, string name, DeviceEventSink owner, params string[] queueNames)
    {
        Transport = transport;
        Name = name;
        _queueNames = queueNames;
        _owner = owner;
        _relay = new Relay(this);
    }

    /// <summary>What the owner calls the device, for example <c>disk0</c>.</summary>
    public string Name { get; }

    /// <summary>The way to the device.</summary>
    public VirtioTransport Transport { get; }

    /// <summary>Where the device is in its life.</summary>
    public DeviceState State { get; private set; }

    /// <summary>Why the device was refused, needs a reset or was abandoned; null while nothing is wrong.</summary>
    public string? Trouble => _trouble;

    /// <summary>The features that were negotiated; 0 before.</summary>
    public ulong Features { get; private set; }

    /// <summary>The machine that the device belongs to.</summary>
    protected Machine Machine => Transport.Machine;

    /// <summary>The bits of the device type that the driver implements.</summary>
    protected abstract ulong ImplementedFeatures { get; }

    /// <summary>The most descriptors that the driver has a use for in a queue.</summary>
    protected abstract int PreferredQueueSize { get; }

    /// <summary>Brings the device up.</summary>
    /// <param name="failure">
    /// Why the device cannot be driven, as the end of a sentence that starts with the device. It was told FAILED, reset
    /// and cut off then.
    /// </param>
    /// <returns>Whether the device is live.</returns>
    /// <remarks>Called once. A device that was stopped is brought up again by a new driver object.</remarks>
    public bool TryStart(out string failure)
    {
        string? reason = Initialise();
        failure = reason ?? string.Empty;
        if (reason == null)
        {
            return true;
        }

        _trouble = reason;
        Transport.Status |= DeviceStatus.Failed;
        Shutdown();
        return false;
    }

    /// <summary>
    /// Ends the device's life: resets it, cuts it off from memory and interrupts, and gives back what it had. Buffers
    /// of requests in flight come back as each driver says.
    /// </summary>
    /// <returns>
    /// Whether the device confirmed its reset. If not, its memory is quarantined, and so must be every buffer that was
    /// in flight.
    /// </returns>
    public bool Stop()
    {
        if (State is DeviceState.Running or DeviceState.NeedsReset)
        {
            Shutdown();
        }

        return State != DeviceState.Abandoned;
    }

    /// <summary>Tells about the device.</summary>
    public DeviceDescription Describe()
    {
        QueueDescription[] queues = new QueueDescription[_queues.Length];
        for (int i = 0; i < queues.Length; i++)
        {
            queues[i] = new QueueDescription(_queueNames[i], _queues[i], Transport.VectorOf((ushort)i));
        }

        return new DeviceDescription(
            Name,
            DeviceTypes.NameOf(Transport.DeviceType),
            Transport.Kind + " at " + Transport.Location,
            Transport.InterruptKind,
            _queues.Length == 0 ? "none" : _queues[0].Format,
            State,
            _trouble,
            FeatureNames.NamesOf(Transport.DeviceType, Features),
            queues,
            ReadCounters());
    }

    /// <summary>
    /// Takes bits out of what the driver implements, for a device whose configuration makes no sense of them.
    /// </summary>
    /// <remarks>Before FEATURES_OK; the configuration may be read, not written (virtio 1.4, 3.1.1).</remarks>
    protected virtual ulong RefuseFeatures(ulong offered) => 0;

    /// <summary>Reads all that the driver uses of the configuration into a place of its own; may be repeated.</summary>
    /// <returns>Null, or what is wrong with the configuration.</returns>
    protected abstract string? ReadConfiguration();

    /// <summary>Takes over what <see cref="ReadConfiguration"/> read, now known to be of one moment.</summary>
    protected abstract void AcceptConfiguration();

    /// <summary>Prepares requests and fills queues, before DRIVER_OK.</summary>
    /// <returns>Null, or why the device cannot be driven.</returns>
    protected abstract string? SetUp();

    /// <summary>Does what had to wait for DRIVER_OK.</summary>
    protected virtual void OnLive()
    {
    }

    /// <summary>Gives back or quarantines the driver's own memory that the device was told of.</summary>
    /// <param name="quarantine">Whether the device may still use it.</param>
    protected abstract void ReleaseMemory(bool quarantine);

    /// <summary>What the driver has counted.</summary>
    protected abstract Counter[] ReadCounters();

    /// <summary>The queue with an index, once <see cref="SetUp"/> is called.</summary>
    protected Virtqueue Queue(int index) => _queues[index];

    /// <summary>Whether a feature was negotiated.</summary>
    protected bool Has(ulong feature) => (Features & feature) != 0;

    /// <summary>Notifies the device of new buffers in a queue, if it wants to be.</summary>
    protected void NotifyIfDue(Virtqueue queue)
    {
        if (queue.NeedsNotification())
        {
            Transport.Notify(queue.Index);
        }
    }

    /// <summary>Looks whether a queue was found broken, and if so gives up on the device.</summary>
    protected void CheckFault(Virtqueue queue)
    {
        if (queue.Fault != QueueFault.None)
        {
            Fail(_queueNames[queue.Index] + ": the device " + QueueFaults.Describe(queue.Fault));
        }
    }

    private string? Initialise()
    {
        Transport.Open();
        if (!Transport.Reset())
        {
            return "does not finish its reset";
        }

        Transport.Status |= DeviceStatus.Acknowledge;
        Transport.Status |= DeviceStatus.Driver;

        ulong offered = FeatureNegotiation.ReadOffered(Transport);
        ulong implemented = ImplementedFeatures & ~RefuseFeatures(offered);
        string? failure = FeatureNegotiation.Accept(Transport, offered, implemented, out ulong accepted);
        if (failure != null)
        {
            return failure;
        }

        Features = accepted;
        failure = RefreshConfiguration() ?? CreateQueues() ?? SetUp()
            ?? Transport.ConnectInterrupts(Name, _queueNames, _relay) ?? EnableQueues();
        if (failure != null)
        {
            return failure;
        }

        State = DeviceState.Running;
        Transport.Status |= DeviceStatus.DriverOk;
        if ((Transport.Status & DeviceStatus.DeviceNeedsReset) != 0)
        {
            return "asks for a reset as soon as it is live";
        }

        OnLive();
        return null;
    }

    private string? RefreshConfiguration()
    {
        for (int attempt = 0; attempt < ConfigurationAttempts; attempt++)
        {
            uint generation = Transport.ConfigurationGeneration;
            string? failure = ReadConfiguration();
            if (Transport.ConfigurationGeneration == generation)
            {
                if (failure == null)
                {
                    AcceptConfiguration();
                }

                return failure;
            }
        }

        return "changes its configuration without end";
    }

    private string? CreateQueues()
    {
        if (Transport.QueueCount < _queueNames.Length)
        {
            return "has fewer queues than its type needs";
        }

        Virtqueue[] queues = new Virtqueue[_queueNames.Length];
        for (int i = 0; i < queues.Length; i++)
        {
            int size = Transport.ReadMaximumQueueSize((ushort)i);
            if (size < 1 || size > PackedVirtqueue.MaximumSize)
            {
                FreeQueues(queues, i);
                return size == 0 ? "lacks its " + _queueNames[i] : "has a queue larger than the specification allows";
            }

            PackedVirtqueue? queue = PackedVirtqueue.TryCreate(
                Machine.Dma, (ushort)i, size < PreferredQueueSize ? size : PreferredQueueSize);
            if (queue == null)
            {
                FreeQueues(queues, i);
                return "cannot be given memory for its queues";
            }

            queues[i] = queue;
        }

        _queues = queues;
        return null;
    }

    private static void FreeQueues(Virtqueue[] queues, int count)
    {
        for (int i = 0; i < count; i++)
        {
            queues[i].Release(quarantine: false);
        }
    }

    private string? EnableQueues()
    {
        for (int i = 0; i < _queues.Length; i++)
        {
            string? failure = Transport.EnableQueue(_queues[i]);
            if (failure != null)
            {
                return failure;
            }
        }

        return null;
    }

    private void Shutdown()
    {
        // From here on late interrupts go nowhere.
        State = DeviceState.NeedsReset;
        bool confirmed = Transport.Reset();
        Transport.Close();
        for (int i = 0; i < _queues.Length; i++)
        {
            _queues[i].Release(quarantine: !confirmed);
        }

        ReleaseMemory(quarantine: !confirmed);
        State = confirmed ? DeviceState.Stopped : DeviceState.Abandoned;
        if (!confirmed)
        {
            _trouble ??= "does not finish its reset";
            Machine.Log.Warning(Name + ": the device does not confirm its reset: cut off, its memory is quarantined");
        }
    }

    private void Fail(string trouble)
    {
        // A device that is being stopped meanwhile stays stopped.
        if (State != DeviceState.Running)
        {
            return;
        }

        _trouble = trouble;
        State = DeviceState.NeedsReset;
        Machine.Log.Warning(Name + ": " + trouble);
    }

    private void OnConfigurationInterrupt()
    {
        if (State != DeviceState.Running)
        {
            return;
        }

        if ((Transport.Status & DeviceStatus.DeviceNeedsReset) != 0)
        {
            Fail("the device asks for a reset");
        }
        else
        {
            string? failure = RefreshConfiguration();
            if (failure != null)
            {
                Fail("the device " + failure);
            }
        }

        _owner.OnConfigurationChange();
    }

    /// <summary>
    /// Stands between transport and owner: the driver sees a change first, and no event before DRIVER_OK.
    /// </summary>
    private sealed class Relay : DeviceEventSink
    {
        private readonly VirtioDevice _device;

        internal Relay(VirtioDevice device)
        {
            _device = device;
        }

        public override void OnUsedBuffers(ushort queueIndex)
        {
            if (_device.State == DeviceState.Running)
            {
                _device._owner.OnUsedBuffers(queueIndex);
            }
        }

        public override void OnConfigurationChange() => _device.OnConfigurationInterrupt();
    }
}
