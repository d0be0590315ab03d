using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices;

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
public abstract class VirtioDevice
{
    /// <summary>What every driver implements, because queues and this class do.</summary>
    private const Features CommonFeatures = Virtqueue.ImplementedFeatures
        | Features.AccessPlatform
        | Features.NotifConfigData
        | Features.RingReset
        | Features.Suspend;

    /// <summary>
    /// How often the configuration is read again when it changed meanwhile. A device that changes it without end is in
    /// trouble itself.
    /// </summary>
    private const int ConfigurationAttempts = 100;

    private readonly DeviceEventRelay _events;
    private readonly DeviceQueues _queues;
    private readonly DeviceDma _dma;
    private DeviceState _state;
    private Failure? _trouble;
    private Failure? _lastTrouble;
    private int _lives;

    /// <summary>Describes a device; touches nothing of it.</summary>
    /// <param name="driver">The driver that it is made by.</param>
    /// <param name="transport">The way to it.</param>
    /// <param name="name">What the owner calls it.</param>
    /// <param name="owner">Who is told of interrupts.</param>
    /// <param name="queueNames">The specification's names of the queues that the driver uses, by index.</param>
    protected VirtioDevice(
        VirtioDriver driver, VirtioTransport transport, string name, DeviceEventSink owner, params string[] queueNames)
    {
        Driver = driver;
        Transport = transport;
        Name = name;
        _dma = new DeviceDma(transport.Machine.Dma);
        _queues = new DeviceQueues(transport, _dma, queueNames);
        _events = new DeviceEventRelay(this, queueNames.Length, owner);
    }

    /// <summary>The driver that it was made by.</summary>
    public VirtioDriver Driver { get; }

    /// <summary>What the owner calls the device, for example <c>disk0</c>.</summary>
    public string Name { get; }

    /// <summary>The way to the device.</summary>
    public VirtioTransport Transport { get; }

    /// <summary>
    /// Memory for the device. What of it is quarantined counts as the device's (<see
    /// cref="QuarantinedBytes"/>).
    /// </summary>
    public DmaTag Dma => _dma;

    /// <summary>
    /// Who is told of hand-overs of the memory that the device gets from its next start on; null for nobody. Its queues
    /// then work as on a machine without coherent memory.
    /// </summary>
    public HandOverObserver? Observer
    {
        get => _dma.Observer;
        set => _dma.Observer = value;
    }

    /// <summary>
    /// The queues, by index; none until they were created. They may be replaced meanwhile: it is the old ones or the
    /// new ones then.
    /// </summary>
    public ReadOnlySpan<Virtqueue> RunningQueues => _queues.All;

    /// <summary>The specification's name of a queue.</summary>
    public string NameOf(int queue) => _queues.Names[queue];

    /// <summary>Where the device is in its life.</summary>
    public DeviceState State
    {
        get => _state;
        private set
        {
            _state = value;
            OnStateChange();
        }
    }

    /// <summary>Why the device was refused, needs a reset or was abandoned; null while nothing is wrong.</summary>
    public Failure? Trouble => _trouble;

    /// <summary>The features that were negotiated; 0 before.</summary>
    public Features Features { get; private set; }

    /// <summary>The features from bit 64 on that were negotiated; 0 before.</summary>
    public HighFeatures HighFeatures { get; private set; }

    /// <summary>How often it was brought up again.</summary>
    public int Restarts => _lives > 1 ? _lives - 1 : 0;

    /// <summary>What was wrong before it was brought up again the last time; null where nothing was.</summary>
    internal Failure? LastTrouble => _lastTrouble;

    /// <summary>What the device offered in the last negotiation.</summary>
    internal Features Offered { get; private set; }

    /// <summary>
    /// What it offered from bit 64 on; nobody looks where there is no code for any of it.
    /// </summary>
    internal HighFeatures OfferedHigh { get; private set; }

    /// <summary>What there is code for.</summary>
    internal Features Implemented { get; private set; }

    /// <summary>What there is code for from bit 64 on.</summary>
    internal HighFeatures ImplementedHigh => ImplementedHighFeatures;

    /// <summary>What there is code for, but was not wanted of this device.</summary>
    internal Features Refused { get; private set; }

    /// <summary>How much memory can never be used again because a reset was not confirmed, in bytes.</summary>
    internal ulong QuarantinedBytes => _dma.QuarantinedBytes;

    internal DeviceQueues Queues => _queues;

    internal DeviceEventRelay Events => _events;

    /// <summary>Whether the device may raise events: it is running or suspended.</summary>
    internal bool IsLive => State is DeviceState.Running or DeviceState.Suspended;

    /// <summary>The machine that the device belongs to.</summary>
    protected Machine Machine => Transport.Machine;

    /// <summary>The bits of the device type that the driver implements.</summary>
    protected virtual Features ImplementedFeatures => Features.None;

    /// <summary>The bits from 64 on that the driver implements.</summary>
    protected virtual HighFeatures ImplementedHighFeatures => HighFeatures.None;

    /// <summary>
    /// How many of its queues the driver uses, once the configuration was read: the first ones, at least 1 and at most
    /// as many as it has names for.
    /// </summary>
    protected virtual int UsedQueueCount => _events.QueueCount;

    /// <summary>
    /// The names of these queues, where they are not the first ones of those that it was made with: one queue may lie
    /// behind a number of others that the device chooses.
    /// </summary>
    protected virtual string[]? UsedQueueNames => null;

    /// <summary>The most descriptors that the driver has a use for in a queue.</summary>
    protected virtual int PreferredQueueSize => 1;

    /// <summary>What the buffers of its queues have in common; nothing where all are single segments.</summary>
    protected virtual ChainShape ChainShape => default;

    /// <summary>Whether the owner has still to take requests back that an earlier life of the device left.</summary>
    protected virtual bool HasUnfinished => false;

    /// <summary>Brings the device up.</summary>
    /// <param name="failure">
    /// Why the device cannot be driven. It was told FAILED, reset and cut off then.
    /// </param>
    /// <returns>Whether the device is live.</returns>
    /// <remarks>
    /// Called on a new device, or on one that was stopped once all of its requests were taken back: that is how a
    /// device that needed a reset is recovered.
    /// </remarks>
    /// <exception cref="InvalidOperationException">The device is in another state.</exception>
    public bool TryStart([NotNullWhen(false)] out Failure? failure)
    {
        if (State is not (DeviceState.New or DeviceState.Stopped) || HasUnfinished)
        {
            throw new InvalidOperationException(Name + " can be started when it is new, or stopped and drained");
        }

        _lastTrouble = _trouble ?? _lastTrouble;
        _trouble = null;
        Features = Features.None;
        HighFeatures = HighFeatures.None;
        _queues.Clear();
        Clear();
        failure = Initialise();
        if (failure is null)
        {
            _lives++;
            return true;
        }

        _trouble = failure;
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
        if (State != DeviceState.Running || !Has(Features.Suspend))
        {
            return false;
        }

        // From here on nothing is made available and nobody notified, although the device has not confirmed yet.
        State = DeviceState.Suspended;
        if (!Transport.Suspend())
        {
            Fail(new Failure("does not suspend"));
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
            Fail(new Failure("does not resume"));
            return false;
        }

        State = DeviceState.Running;
        for (int i = 0; i < _queues.Count; i++)
        {
            _queues[i].NotifyIfDue();
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

        Failure? failure = LookAtChange();
        if (failure is not null)
        {
            Fail(failure);
        }
    }

    /// <summary>
    /// Begins what people ask of the device: one of <see cref="VirtioDriver.Operations"/>. One at a time.
    /// </summary>
    /// <param name="operation">What is asked.</param>
    /// <param name="argument">1 to the operation's maximum; 0 where it takes no argument.</param>
    /// <returns>Null, or why it cannot be done.</returns>
    public virtual Failure? BeginOperation(DeviceOperation operation, int argument) =>
        new Failure("has no such operation");

    /// <summary>
    /// Goes on with the operation. The owner calls it after an interrupt, and now and then without one.
    /// </summary>
    /// <param name="result">What there is to show, once it has ended well.</param>
    /// <param name="failure">Why it could not be done, once it has ended otherwise; null in all other cases.</param>
    /// <returns>Whether it has ended, well or not.</returns>
    public virtual bool TryEndOperation(out string result, out Failure? failure)
    {
        result = string.Empty;
        failure = null;
        return true;
    }

    /// <summary>
    /// Takes bits out of what the driver implements, for a device whose configuration makes no sense of them.
    /// </summary>
    /// <remarks>Before FEATURES_OK; the configuration may be read, not written (virtio 1.4, 3.1.1).</remarks>
    protected virtual Features RefuseFeatures(Features offered) => Features.None;

    /// <summary>Reads all that the driver uses of the configuration into a place of its own; may be repeated.</summary>
    /// <returns>Null, or why it cannot be read.</returns>
    protected virtual Failure? ReadConfiguration() => null;

    /// <summary>
    /// Takes over what <see cref="ReadConfiguration"/> read, now known to be of one moment. It comes before <see
    /// cref="SetUp"/>, which looks whether the values make sense.
    /// </summary>
    protected virtual void AcceptConfiguration()
    {
    }

    /// <summary>
    /// Takes over what <see cref="ReadConfiguration"/> read of a live device, as far as it may change: what queues and
    /// buffers were made for stays as it was when they were made.
    /// </summary>
    protected virtual void AcceptChange()
    {
    }

    /// <summary>
    /// Looks at what the device offers before anything of it is accepted. The configuration may be read, fields of
    /// features that are offered included (virtio 1.4, 2.5.2).
    /// </summary>
    /// <returns>Null, or why the device cannot be driven.</returns>
    protected virtual Failure? CheckOffer(Features offered) => null;

    /// <summary>
    /// Takes note that <see cref="State"/> has changed: a driver may keep in one place what a request is checked
    /// against. Where queues have contexts of their own, trouble is found by any of them.
    /// </summary>
    protected virtual void OnStateChange()
    {
    }

    /// <summary>Prepares requests and fills queues, before DRIVER_OK.</summary>
    /// <returns>Null, or why the device cannot be driven.</returns>
    protected virtual Failure? SetUp() => null;

    /// <summary>Does what had to wait for DRIVER_OK.</summary>
    protected virtual void OnLive()
    {
    }

    /// <summary>Drops what an earlier life of the device left. Its memory was given up then.</summary>
    protected virtual void Clear()
    {
    }

    /// <summary>Gives back or quarantines the driver's own memory that the device was told of.</summary>
    /// <param name="quarantine">Whether the device may still use it.</param>
    protected virtual void ReleaseMemory(bool quarantine)
    {
    }

    /// <summary>What else there is to tell people of the device, a line each: <c>cache: writeback</c>.</summary>
    protected internal virtual string[] ReadDetails() => Array.Empty<string>();

    /// <summary>What the driver has counted.</summary>
    protected internal virtual Counter[] ReadCounters() => Array.Empty<Counter>();

    private Failure? Initialise()
    {
        Transport.Open();
        if (!Transport.Reset())
        {
            return UnfinishedReset();
        }

        Transport.Status |= DeviceStatus.Acknowledge;
        Transport.Status |= DeviceStatus.Driver;

        Features offered = FeatureNegotiation.ReadOffered(Transport);
        Features implemented = ImplementedFeatures | CommonFeatures;
        Features refused = RefuseFeatures(offered);
        HighFeatures offeredHigh = ImplementedHigh == HighFeatures.None
            ? HighFeatures.None
            : FeatureNegotiation.ReadOfferedHigh(Transport, offered);
        Features accepted = Features.None;
        HighFeatures acceptedHigh = HighFeatures.None;
        Failure? failure = CheckOffer(offered) ?? FeatureNegotiation.Accept(
            Transport,
            Driver,
            offered,
            implemented & ~refused,
            Features.Version1,
            offeredHigh & ImplementedHigh,
            out accepted,
            out acceptedHigh);
        Offered = offered;
        OfferedHigh = offeredHigh;
        Implemented = implemented | Features.Version1;
        Refused = refused;
        if (failure is not null)
        {
            return failure;
        }

        Features = accepted;
        HighFeatures = acceptedHigh;
        failure = RefreshConfiguration(isChange: false)
            ?? _queues.Create(accepted, UsedQueueNames, UsedQueueCount, PreferredQueueSize, ChainShape)
            ?? SetUp()
            ?? Transport.ConnectInterrupts(Name, _queues.Names, _events)
            ?? _queues.Enable();
        if (failure is not null)
        {
            return failure;
        }

        State = DeviceState.Running;
        Transport.Status |= DeviceStatus.DriverOk;

        // A device tells of changes only once it is live (virtio 1.4, 3.1.1 and 2.5): what it changed since the
        // configuration was read has raised no interrupt, and neither has a need for a reset.
        failure = LookAtChange();
        if (failure is not null)
        {
            return failure.Adding("as soon as it is live");
        }

        OnLive();
        return State == DeviceState.Running ? null : _trouble;
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
            _trouble ??= UnfinishedReset();
            Machine.Log.Warning(Name + ": the device does not confirm its reset: cut off, its memory is quarantined");
        }
    }

    /// <summary>The queue with an index, once <see cref="SetUp"/> is called.</summary>
    protected Virtqueue Queue(int index) => _queues[index];

    /// <summary>Whether a feature was negotiated.</summary>
    protected bool Has(Features feature) => (Features & feature) != 0;

    /// <summary>Looks whether a queue was found broken, and if so gives up on the device.</summary>
    protected internal void CheckFault(Virtqueue queue)
    {
        if (queue.Fault != QueueFault.None)
        {
            Fail(queue.Index, new Failure(QueueFaults.Describe(queue.Fault)));
        }
    }

    /// <summary>Takes the next used buffer of a queue, where the device runs and there is one.</summary>
    /// <param name="index">The virtqueue index.</param>
    /// <param name="length">How many bytes the device says it wrote, never more than it could.</param>
    /// <remarks>A device whose ring is found broken needs a reset afterwards.</remarks>
    protected bool TryGetUsed(int index, out uint length)
    {
        length = 0;
        if (State != DeviceState.Running)
        {
            return false;
        }

        bool isUsed = _queues[index].TryGetUsed(out _, out length);
        CheckFault(_queues[index]);
        return isUsed;
    }

    /// <summary>Gives memory of the driver's back, or takes it out of use for good.</summary>
    /// <param name="memory">The memory; null afterwards.</param>
    /// <param name="length">How many bytes at its start the device had when it was reset.</param>
    /// <param name="operation">The hand-over by which they come back.</param>
    /// <param name="quarantine">Whether the device may still use it.</param>
    /// <param name="site">The name of the place.</param>
    protected static void Release(
        ref DmaMemory? memory,
        uint length,
        DmaSync operation,
        bool quarantine,
        AccessSite site = AccessSite.Unnamed)
    {
        if (quarantine)
        {
            memory?.Quarantine();
        }
        else if (memory is not null)
        {
            if (length != 0)
            {
                memory.Sync(0, length, operation, site);
            }

            memory.Free();
        }

        memory = null;
    }

    /// <summary>
    /// Resets one queue of a running device that negotiated RING_RESET (virtio 1.4, 2.6.1). Its buffers can be detached
    /// then; afterwards <see cref="ReplaceQueue"/> puts a new one in its place.
    /// </summary>
    /// <returns>Whether the device confirmed it. If it did not, it needs a reset as a whole.</returns>
    protected bool ResetQueue(int index)
    {
        if (State != DeviceState.Running || !Has(Features.RingReset))
        {
            return false;
        }

        bool confirmed = Transport.ResetQueue((ushort)index);
        if (!confirmed)
        {
            Fail(index, UnfinishedReset());
        }

        return confirmed;
    }

    /// <summary>
    /// Puts an empty, enabled queue in the place of one that was reset and whose buffers were detached.
    /// </summary>
    /// <param name="index">The virtqueue index.</param>
    /// <param name="preferredSize">The most descriptors that the driver has a use for.</param>
    /// <returns>Whether there is one. If there is none, the device needs a reset as a whole.</returns>
    protected bool ReplaceQueue(int index, int preferredSize)
    {
        Failure? failure = _queues.Replace(index, preferredSize);
        if (failure is not null)
        {
            Fail(failure);
        }

        return failure is null;
    }

    /// <summary>Gives up on a live device; its owner stops it.</summary>
    /// <param name="trouble">What is wrong with the device.</param>
    protected void Fail(Failure trouble)
    {
        // The first trouble is the one to tell of.
        if (IsLive)
        {
            _trouble = trouble;
            State = DeviceState.NeedsReset;
            Machine.Log.Warning(Name + ": " + trouble.Of("the device"));
        }
    }

    private void Fail(int queue, Failure trouble) =>
        Fail(new Failure(_queues.Names[queue] + ": " + trouble.Of("the device"), isSentence: true));

    private static Failure UnfinishedReset() => new Failure("does not finish its reset");

    /// <summary>Looks at the status and the configuration of a live device.</summary>
    /// <returns>Null, or what is wrong.</returns>
    private Failure? LookAtChange() =>
        (Transport.Status & DeviceStatus.DeviceNeedsReset) != 0
            ? new Failure("asks for a reset")
            : RefreshConfiguration(isChange: true);

    private Failure? RefreshConfiguration(bool isChange)
    {
        for (int attempt = 0; attempt < ConfigurationAttempts; attempt++)
        {
            uint generation = Transport.ConfigurationGeneration;
            Failure? failure = ReadConfiguration();
            if (Transport.ConfigurationGeneration == generation)
            {
                if (failure is null && isChange)
                {
                    AcceptChange();
                }
                else if (failure is null)
                {
                    AcceptConfiguration();
                }

                return failure;
            }
        }

        return new Failure("changes its configuration without end");
    }
}

/// <summary>Where a device is in its life with its driver.</summary>
public enum DeviceState
{
    /// <summary>Not started yet.</summary>
    New = 0,

    /// <summary>Live: DRIVER_OK is set.</summary>
    Running = 1,

    /// <summary>
    /// Live in name only: the device asked for a reset or broke the rules. Nothing is submitted any more; the owner
    /// calls <see cref="VirtioDevice.Stop"/>.
    /// </summary>
    NeedsReset = 2,

    /// <summary>
    /// Reset, and the device confirmed it: memory that it was told of is free again. It can be started once more.
    /// </summary>
    Stopped = 3,

    /// <summary>
    /// The device did not confirm its reset. It was cut off, and memory that it was told of must never be used again.
    /// </summary>
    Abandoned = 4,

    /// <summary>
    /// Suspended by <see cref="VirtioDevice.Suspend"/>: it keeps its state and its buffers, and uses none of them.
    /// Nothing is submitted until it was resumed.
    /// </summary>
    Suspended = 5,
}
