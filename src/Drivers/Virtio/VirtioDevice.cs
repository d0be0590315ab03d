using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio;

/// <summary>
/// The life of a device with its driver: initialisation (virtio 1.4, 3.1.1), configuration changes, suspension,
/// trouble, reset.
/// </summary>
/// <remarks>
/// A driver never blocks but for the bounded waits of a reset and a suspension, starts no thread and takes no lock. Its
/// owner keeps calls that concern one queue from overlapping, and calls <see cref="TryStart"/>, <see cref="Suspend"/>,
/// <see cref="Resume"/>, <see cref="ObserveChange"/> and <see cref="Stop"/> while nothing else is called. An interrupt
/// changes nothing here: it only reaches the owner.
/// </remarks>
public abstract partial class VirtioDevice
{
    /// <summary>What every driver implements, because queues and this class do.</summary>
    private const ulong CommonFeatures = (ulong)RingFeatures.All
        | FeatureBits.AccessPlatform
        | FeatureBits.NotificationConfigurationData
        | FeatureBits.RingReset
        | FeatureBits.Suspend;

    private readonly DeviceEventRelay _relay;
    private readonly DeviceQueues _queues;
    private readonly DeviceDma _dma;
    private FeatureReport _report;
    private string? _trouble;
    private string? _lastTrouble;
    private int _lives;

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
        _dma = new DeviceDma(transport.Machine.Dma);
        _queues = new DeviceQueues(transport, _dma, queueNames);
        _relay = new DeviceEventRelay(this, queueNames.Length, owner);
        _report = new FeatureReport(transport, 0, 0, 0, 0);
    }

    /// <summary>What the owner calls the device, for example <c>disk0</c>.</summary>
    public string Name { get; }

    /// <summary>The way to the device.</summary>
    public VirtioTransport Transport { get; }

    /// <summary>
    /// Memory for the device. What of it is quarantined counts as the device's (<see
    /// cref="DeviceDescription.QuarantinedBytes"/>).
    /// </summary>
    public DmaTag Dma => _dma;

    /// <summary>Where the device is in its life.</summary>
    public DeviceState State { get; private set; }

    /// <summary>Why the device was refused, needs a reset or was abandoned; null while nothing is wrong.</summary>
    public string? Trouble => _trouble;

    /// <summary>The features that were negotiated; 0 before.</summary>
    public ulong Features { get; private set; }

    /// <summary>Whether the device may raise events: it is running or suspended.</summary>
    internal bool IsLive => State is DeviceState.Running or DeviceState.Suspended;

    /// <summary>The machine that the device belongs to.</summary>
    protected Machine Machine => Transport.Machine;

    /// <summary>The bits of the device type that the driver implements.</summary>
    protected abstract ulong ImplementedFeatures { get; }

    /// <summary>The most descriptors that the driver has a use for in a queue.</summary>
    protected abstract int PreferredQueueSize { get; }

    /// <summary>How many segments the longer of its usual buffers have; 0 where all have one.</summary>
    protected virtual int UsualChainLength => 0;

    /// <summary>Whether the owner has still to take requests back that an earlier life of the device left.</summary>
    protected virtual bool HasUnfinished => false;

    /// <summary>Brings the device up.</summary>
    /// <param name="failure">
    /// Why the device cannot be driven, as the end of a sentence that starts with the device. It was told FAILED, reset
    /// and cut off then.
    /// </param>
    /// <returns>Whether the device is live.</returns>
    /// <remarks>
    /// Called on a new device, or on one that was stopped once all of its requests were taken back: that is how a
    /// device that needed a reset is recovered.
    /// </remarks>
    /// <exception cref="InvalidOperationException">The device is in another state.</exception>
    public bool TryStart(out string failure)
    {
        if (State is not (DeviceState.New or DeviceState.Stopped) || HasUnfinished)
        {
            throw new InvalidOperationException(Name + " can be started when it is new, or stopped and drained");
        }

        _lastTrouble = _trouble ?? _lastTrouble;
        _trouble = null;
        Features = 0;
        _queues.Clear();
        Clear();
        string? reason = Initialise();
        failure = reason ?? string.Empty;
        if (reason == null)
        {
            _lives++;
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
        if (State is DeviceState.Running or DeviceState.Suspended or DeviceState.NeedsReset)
        {
            Shutdown();
        }

        return State != DeviceState.Abandoned;
    }

    /// <summary>
    /// Has the device finish what it is at, keep its state and rest (virtio 1.4, 3.4). What it finished meanwhile can
    /// be taken back before or after <see cref="Resume"/>.
    /// </summary>
    /// <returns>
    /// Whether it is suspended. If not, it is as it was where it cannot be suspended, and needs a reset otherwise.
    /// </returns>
    public bool Suspend()
    {
        if (State != DeviceState.Running || !Has(FeatureBits.Suspend))
        {
            return false;
        }

        // From here on nothing is made available and nobody notified, although the device has not confirmed yet.
        State = DeviceState.Suspended;
        if (!Transport.Suspend())
        {
            Fail("the device does not suspend");
        }

        return State == DeviceState.Suspended;
    }

    /// <summary>
    /// Has a suspended device go on (virtio 1.4, 3.4). The owner then looks at each queue once: used buffers may have
    /// been left there.
    /// </summary>
    /// <returns>Whether it runs. If not, it was not suspended, or needs a reset.</returns>
    public bool Resume()
    {
        if (State != DeviceState.Suspended)
        {
            return false;
        }

        if (!Transport.Resume())
        {
            Fail("the device does not resume");
            return false;
        }

        State = DeviceState.Running;
        for (int i = 0; i < _queues.Count; i++)
        {
            NotifyIfDue(_queues[i]);
        }

        return true;
    }

    /// <summary>
    /// Looks at what the device has changed: whether it asks for a reset, and its configuration. The owner calls it
    /// after <see cref="DeviceEventSink.OnConfigurationChange"/>, and whenever it cannot tell whether it missed one.
    /// </summary>
    /// <remarks>Does nothing while the device is not live; one that is started is looked at then.</remarks>
    public void ObserveChange()
    {
        if (!IsLive)
        {
            return;
        }

        string? failure = LookAtChange();
        if (failure != null)
        {
            Fail("the device " + failure);
        }
    }

    /// <summary>Tells about the device.</summary>
    public DeviceDescription Describe() => new DeviceDescription
    {
        Name = Name,
        TypeName = DeviceTypes.NameOf(Transport.DeviceType),
        Transport = Transport.Kind + " at " + Transport.Location,
        Interface = Transport.Interface,
        Interrupts = Transport.InterruptKind,
        InterruptReason = Transport.InterruptReason,
        ConfigurationInterrupts = _relay.ConfigurationInterrupts,
        RingFormat = _queues.Format,
        State = State,
        Trouble = _trouble,
        Restarts = _lives > 1 ? _lives - 1 : 0,
        LastTrouble = _lastTrouble,
        Features = FeatureNames.NamesOf(Transport.DeviceType, Features),
        FeatureReport = _report,
        QuarantinedBytes = _dma.QuarantinedBytes,
        Queues = _queues.Describe(_relay),
        Counters = ReadCounters(),
    };

    /// <summary>
    /// Takes bits out of what the driver implements, for a device whose configuration makes no sense of them.
    /// </summary>
    /// <remarks>Before FEATURES_OK; the configuration may be read, not written (virtio 1.4, 3.1.1).</remarks>
    protected virtual ulong RefuseFeatures(ulong offered) => 0;

    /// <summary>Reads all that the driver uses of the configuration into a place of its own; may be repeated.</summary>
    /// <returns>Null, or why it cannot be read.</returns>
    protected abstract string? ReadConfiguration();

    /// <summary>
    /// Takes over what <see cref="ReadConfiguration"/> read, now known to be of one moment. It comes before <see
    /// cref="SetUp"/>, which looks whether the values make sense.
    /// </summary>
    protected abstract void AcceptConfiguration();

    /// <summary>
    /// Takes over what <see cref="ReadConfiguration"/> read of a live device, as far as it may change: what queues and
    /// buffers were made for stays as it was when they were made.
    /// </summary>
    protected abstract void AcceptChange();

    /// <summary>Prepares requests and fills queues, before DRIVER_OK.</summary>
    /// <returns>Null, or why the device cannot be driven.</returns>
    protected abstract string? SetUp();

    /// <summary>Does what had to wait for DRIVER_OK.</summary>
    protected virtual void OnLive()
    {
    }

    /// <summary>Drops what an earlier life of the device left. Its memory was given up then.</summary>
    protected abstract void Clear();

    /// <summary>Gives back or quarantines the driver's own memory that the device was told of.</summary>
    /// <param name="quarantine">Whether the device may still use it.</param>
    protected abstract void ReleaseMemory(bool quarantine);

    /// <summary>What the driver has counted.</summary>
    protected abstract Counter[] ReadCounters();

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
        ulong implemented = ImplementedFeatures | CommonFeatures;
        ulong refused = RefuseFeatures(offered);
        string? failure = FeatureNegotiation.Accept(
            Transport, offered, implemented & ~refused, FeatureBits.Version1, out ulong accepted);
        _report = new FeatureReport(Transport, offered, implemented | FeatureBits.Version1, refused, accepted);
        if (failure != null)
        {
            return failure;
        }

        Features = accepted;
        failure = RefreshConfiguration(isChange: false)
            ?? _queues.Create((RingFeatures)accepted & RingFeatures.All, PreferredQueueSize, UsualChainLength)
            ?? SetUp()
            ?? Transport.ConnectInterrupts(Name, _queues.Names, _relay)
            ?? _queues.Enable();
        if (failure != null)
        {
            return failure;
        }

        State = DeviceState.Running;
        Transport.Status |= DeviceStatus.DriverOk;

        // A device tells of changes only once it is live (virtio 1.4, 3.1.1 and 2.5): what it changed since the
        // configuration was read has raised no interrupt, and a wish for a reset neither.
        failure = LookAtChange();
        if (failure != null)
        {
            return failure + " as soon as it is live";
        }

        OnLive();
        return null;
    }

    private void Shutdown()
    {
        // From here on late interrupts go nowhere.
        State = DeviceState.NeedsReset;
        bool confirmed = Transport.Reset();
        Transport.Close();
        _queues.Release(quarantine: !confirmed);
        ReleaseMemory(quarantine: !confirmed);
        State = confirmed ? DeviceState.Stopped : DeviceState.Abandoned;
        if (!confirmed)
        {
            _trouble ??= "does not finish its reset";
            Machine.Log.Warning(Name + ": the device does not confirm its reset: cut off, its memory is quarantined");
        }
    }
}
