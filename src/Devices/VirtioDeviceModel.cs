using System;
using System.Collections.Generic;
using System.Numerics;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;

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
public abstract class VirtioDeviceModel
{
    /// <summary>
    /// More than a full queue of the largest size needs: a device that goes round and round, because memory hides from
    /// it what it was told of, comes to an end.
    /// </summary>
    private const int MostStepsOfOneNotification = 4 * DeviceQueue.LargestSize;

    private const byte SetByDevice = StatusBit.NeedsReset | StatusBit.Suspend;

    private readonly ModelQueue[] _queues;
    private readonly List<DriverFinding> _findings = new List<DriverFinding>();
    private readonly List<SharedMemoryRegion> _sharedMemory = new List<SharedMemoryRegion>();
    private readonly DeviceConfiguration _configuration;
    private readonly List<Action> _changesWhileSuspended = new List<Action>();
    private DeviceTransport? _transport;
    private ulong _offered = FeatureBit.Usual;
    private ulong _accepted;
    private ulong _offeredHigh;
    private ulong _acceptedHigh;
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

    /// <summary>The features from bit 64 on that it offers, bit 64 being the lowest.</summary>
    /// <exception cref="ArgumentException">A feature is one that the device cannot handle.</exception>
    public ulong OfferedHighFeatures
    {
        get => _offeredHigh;
        set
        {
            if ((value & ~TypeHighFeatures) != 0)
            {
                throw new ArgumentException($"Features {value:x} cannot be handled.", nameof(value));
            }

            _offeredHigh = value;
        }
    }

    /// <summary>
    /// Whether the device looks at one bit of the feature select, so that its words come again and again: a fault.
    /// </summary>
    public bool RepeatsFeatureWords { get; set; }

    /// <summary>How many times the driver has read a feature word from the third on.</summary>
    public int HighFeatureReads { get; private set; }

    /// <summary>The features from bit 64 on that the driver accepted.</summary>
    public ulong DriverHighFeatures => _acceptedHigh;

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

    /// <summary>Whether sizes of split queues are presented that are no powers of two: a fault.</summary>
    public bool PresentsAnySize { get; set; }

    /// <summary>How many more times the driver reads the old status after it asked for a reset.</summary>
    public int ResetDelay { get; set; }

    /// <summary>How many times the driver reads that a queue is still being reset.</summary>
    public int QueueResetDelay { get; set; }

    /// <summary>Whether the driver asks in vain for the reset of a queue, which goes on as it was: a fault.</summary>
    public bool IgnoresQueueReset { get; set; }

    /// <summary>How many more times the driver reads the old status after it suspended or resumed the device.</summary>
    public int SuspendDelay { get; set; }

    /// <summary>Whether the next suspension fails, so that the device needs a reset.</summary>
    public bool FailsToSuspend { get; set; }

    /// <summary>Whether the next resumption fails, so that the device needs a reset.</summary>
    public bool FailsToResume { get; set; }

    /// <summary>Whether the device works on its queues: accesses to memory are not the driver's then.</summary>
    public bool IsAtWork { get; private set; }

    /// <summary>
    /// Whether a notification brings all work that there is to do, so that it is done when the driver goes on.
    /// </summary>
    public bool RunsWhenNotified { get; set; }

    /// <summary>
    /// Features that it offers although it cannot handle them: a fault. A driver that accepts one of them is found out.
    /// </summary>
    public ulong FalseFeatures { get; set; }

    /// <summary>
    /// Called when DRIVER_OK is set, before it takes effect: the device can change what it cannot tell of any more.
    /// </summary>
    public Action? BeforeLive { get; set; }

    /// <summary>
    /// Told of each register write that means something by itself: <c>status=b</c>, <c>queue_size[0]=64</c>. The names
    /// are those of virtio-pci, and a queue's address is told without its value.
    /// </summary>
    public Action<string>? OnRegisterWrite { get; set; }

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

    /// <summary>Sends a used buffer notification, whether or not a buffer was used.</summary>
    public void SendUsedNotification(ModelQueue queue) => _transport?.NotifyUsed(queue);

    /// <summary>
    /// The configuration space, to be written by the device type, and by a test whose device is to say something else.
    /// </summary>
    public Span<byte> ConfigurationStore => _configuration.Bytes;

    /// <summary>The features from bit 64 on that the device type can handle.</summary>
    protected virtual ulong TypeHighFeatures => 0;

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

    internal uint ReadOfferedFeatures(uint word)
    {
        HighFeatureReads += word >= 2 ? 1 : 0;
        return Word(_offered | FalseFeatures, _offeredHigh, RepeatsFeatureWords ? word & 1 : word);
    }

    internal uint ReadDriverFeatures(uint word) => Word(_accepted, _acceptedHigh, word);

    internal void WriteDriverFeatures(uint word, uint value)
    {
        OnRegisterWrite?.Invoke($"driver_feature[{word}]={value:x}");
        if ((Status & StatusBit.FeaturesOk) != 0)
        {
            Report(DriverRule.FeatureAfterFeaturesOk, $"feature word {word} was written after FEATURES_OK");
            return;
        }

        ref ulong words = ref (word < 2 ? ref _accepted : ref _acceptedHigh);
        if (word >= 4)
        {
            _acceptsUnknown |= value != 0;
            return;
        }

        int shift = (int)(32 * (word % 2));
        words = (words & ~((ulong)uint.MaxValue << shift)) | ((ulong)value << shift);
    }

    private static uint Word(ulong low, ulong high, uint word) => word switch
    {
        0 or 1 => (uint)(low >> (int)(32 * word)),
        2 or 3 => (uint)(high >> (int)(32 * (word - 2))),
        _ => 0,
    };

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

    /// <summary>
    /// Finishes what is being worked on, or puts it back, because the device is about to be suspended.
    /// </summary>
    protected virtual void OnSuspend()
    {
    }

    internal byte ReadStatus()
    {
        if (_looksLeft > 0)
        {
            _looksLeft--;
            return _shownStatus;
        }

        return Status;
    }

    internal void WriteStatus(byte value)
    {
        OnRegisterWrite?.Invoke($"status={value:x}");
        if (value == 0)
        {
            Reset();
            return;
        }

        if (_looksLeft > 0 && (value & StatusBit.Failed) != 0)
        {
            // A driver may give up at any time.
            return;
        }

        if (_looksLeft > 0)
        {
            Report(DriverRule.InitialisationOrder, $"status {value:x2} was written before an earlier one took effect");
            return;
        }

        if ((Status & ~value & ~SetByDevice) != 0)
        {
            Report(DriverRule.StatusBitCleared, $"status {Status:x2} was overwritten by {value:x2}");
        }

        byte added = (byte)(value & ~Status);
        Status |= (byte)(added & StatusBit.Failed);
        if ((Status & (StatusBit.NeedsReset | StatusBit.Failed)) != 0)
        {
            // What the driver says of itself stays its own to say.
            Status |= (byte)(added & (StatusBit.Acknowledge | StatusBit.Driver));
            return;
        }

        if (IsSuspended)
        {
            Resume((added & StatusBit.DriverOk) != 0);
            return;
        }

        bool wasRunning = IsRunning;
        Discover(added);
        if ((added & StatusBit.FeaturesOk) != 0)
        {
            Negotiate();
        }

        if ((added & StatusBit.DriverOk) != 0)
        {
            Start();
        }

        if ((added & StatusBit.Suspend) != 0)
        {
            Suspend(wasRunning);
        }
    }

    private void Discover(byte added)
    {
        Status |= (byte)(added & (StatusBit.Acknowledge | StatusBit.Driver));
        if ((Status & StatusBit.Driver) != 0 && (Status & StatusBit.Acknowledge) == 0)
        {
            Report(DriverRule.InitialisationOrder, "DRIVER was set without ACKNOWLEDGE");
        }
    }

    private void Negotiate()
    {
        if ((Status & StatusBit.Driver) == 0)
        {
            Report(DriverRule.InitialisationOrder, "FEATURES_OK was set without DRIVER");
        }

        ulong foreign = _accepted & ~_offered;
        ulong foreignHigh = _acceptedHigh & ~_offeredHigh;
        if (foreign != 0 || foreignHigh != 0 || _acceptsUnknown)
        {
            Report(
                DriverRule.FeatureNotAcceptable,
                $"features {foreign:x} and, from bit 64 on, {foreignHigh:x} were accepted but not offered");
        }
        else if (!RefusesFeatures && AcceptsFeatures(_accepted))
        {
            Status |= StatusBit.FeaturesOk;
        }
    }

    private void Start()
    {
        if ((Status & StatusBit.FeaturesOk) == 0)
        {
            Report(DriverRule.InitialisationOrder, "DRIVER_OK was set without FEATURES_OK");
            return;
        }

        BeforeLive?.Invoke();
        Status |= StatusBit.DriverOk;
    }

    private void Suspend(bool wasRunning)
    {
        if (!wasRunning || (_accepted & FeatureBit.Suspend) == 0)
        {
            Report(DriverRule.SuspendTime, "SUSPEND was set on a device that does not run or did not offer it");
            return;
        }

        if (FailsToSuspend)
        {
            FailsToSuspend = false;
            SetNeedsReset("the device failed to suspend");
            return;
        }

        Settle();
        Delay(SuspendDelay);
        Status = (byte)((Status | StatusBit.Suspend) & ~StatusBit.DriverOk);
    }

    /// <summary>Gives back what is finished and puts back what is not, so that the device has nothing.</summary>
    internal void Settle()
    {
        OnSuspend();
        foreach (ModelQueue queue in _queues)
        {
            GiveBack(queue, asksPolicy: false, isIdle: true);
        }
    }

    private void Resume(bool isAsked)
    {
        if (!isAsked)
        {
            return;
        }

        if (FailsToResume)
        {
            FailsToResume = false;
            SetNeedsReset("the device failed to resume");
            return;
        }

        Delay(SuspendDelay);
        Status = (byte)((Status | StatusBit.DriverOk) & ~StatusBit.Suspend);
        foreach (ModelQueue queue in _queues)
        {
            queue.IsAwake = queue.Ring != null;
        }

        Action[] changes = _changesWhileSuspended.ToArray();
        _changesWhileSuspended.Clear();
        foreach (Action change in changes)
        {
            ChangeConfiguration(change);
        }
    }

    private void Reset()
    {
        Delay(ResetDelay);
        Status = 0;
        Trouble = string.Empty;
        _accepted = 0;
        _acceptedHigh = 0;
        _acceptsUnknown = false;
        foreach (ModelQueue queue in _queues)
        {
            if (!IgnoresStatus || !queue.IsEnabled)
            {
                queue.ResetRegisters();
            }
        }

        OnReset();
        Action[] changes = _changesWhileSuspended.ToArray();
        _changesWhileSuspended.Clear();
        foreach (Action change in changes)
        {
            ChangeConfiguration(change);
        }

        _transport?.OnReset();
    }

    /// <summary>Goes on showing the present status for so many looks, or what is still shown.</summary>
    private void Delay(int looks)
    {
        _shownStatus = _looksLeft > 0 ? _shownStatus : Status;
        _looksLeft = looks;
    }

    /// <summary>Does the next bit of work on every queue that asks for it: one buffer taken, some given back.</summary>
    /// <returns>Whether there was anything to do.</returns>
    public bool Step()
    {
        bool wasAtWork = IsAtWork;
        IsAtWork = true;
        try
        {
            bool isBusy = false;
            foreach (ModelQueue queue in _queues)
            {
                isBusy |= IsRunning && _transport is not { CanAccessMemory: false } && Work(queue);
            }

            return isBusy;
        }
        finally
        {
            IsAtWork = wasAtWork;
        }
    }

    /// <summary>Steps until there is nothing more to do.</summary>
    /// <param name="limit">How many steps at most.</param>
    /// <returns>How many steps there was something to do in.</returns>
    public int Run(int limit = 1_000_000)
    {
        int steps = 0;
        while (steps < limit && Step())
        {
            steps++;
        }

        return steps;
    }

    /// <summary>Takes the next request of a queue and works on it.</summary>
    /// <returns>Whether there was one that could be worked on.</returns>
    protected abstract bool Serve(ModelQueue queue);

    /// <summary>
    /// Whether a queue without buffers keeps the device from working; then the driver is asked to notify.
    /// </summary>
    protected virtual bool WantsBuffers(ModelQueue queue) => true;

    /// <summary>Forgets the buffers of a queue that the driver has reset.</summary>
    protected virtual void OnQueueReset(ModelQueue queue)
    {
    }

    /// <summary>
    /// Has a queue looked at although the driver did not notify, because the device has something for it.
    /// </summary>
    public void Wake(ModelQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        queue.IsAwake = queue.Ring != null;
    }

    internal ModelQueue? FindQueue(uint index) =>
        index < _queues.Length && _queues[index].MaximumSize != 0 ? _queues[index] : null;

    internal void Notify(ModelQueue queue, QueueNotification notification)
    {
        OnRegisterWrite?.Invoke($"notify[{queue.Index}]");
        queue.NotificationsReceived++;
        if ((Status & (StatusBit.NeedsReset | StatusBit.Failed)) != 0)
        {
            return;
        }

        if ((Status & StatusBit.DriverOk) == 0 || queue.Ring == null)
        {
            Report(DriverRule.NotificationTime, $"queue {queue.Index} was notified at status {Status:x2}");
            if (!IsRunning || queue.Ring == null)
            {
                return;
            }
        }

        queue.LastNotification = notification;
        queue.IsAwake = true;
        if (RunsWhenNotified)
        {
            Run(MostStepsOfOneNotification);
        }
    }

    /// <summary>
    /// The size of a queue as the driver may see and use it: without RING_PACKED a power of two (virtio 1.4,
    /// 4.1.4.3.1).
    /// </summary>
    internal ushort SizeOf(ModelQueue queue) => Allowed(queue.Size);

    /// <summary>The largest size of a queue, likewise.</summary>
    internal ushort LargestSizeOf(ModelQueue queue) => Allowed(queue.MaximumSize);

    internal void SetQueueSize(ModelQueue queue, uint size)
    {
        OnRegisterWrite?.Invoke($"queue_size[{queue.Index}]={size}");
        bool isPacked = (_accepted & FeatureBit.RingPacked) != 0;
        if (queue.IsEnabled)
        {
            Report(DriverRule.QueueEnabled, $"the size of enabled queue {queue.Index} was written");
        }
        else if (size == 0 || size > queue.MaximumSize || (!isPacked && !BitOperations.IsPow2(size)))
        {
            Report(DriverRule.QueueSize, $"queue {queue.Index} was given size {size}");
        }
        else if (!queue.HasOneSize)
        {
            queue.Size = (ushort)size;
        }
    }

    /// <summary>Takes 32 bits of an address: part 0 descriptor, 1 driver, 2 device.</summary>
    internal void SetQueueArea(ModelQueue queue, uint part, bool isHigh, uint value)
    {
        string name = part switch
        {
            0 => "queue_desc",
            1 => "queue_driver",
            _ => "queue_device",
        };
        OnRegisterWrite?.Invoke($"{name}_{(isHigh ? "high" : "low")}[{queue.Index}]");
        SetQueueAreas(queue, queue.Areas.WithHalf(part, isHigh, value));
    }

    internal void SetQueueAreas(ModelQueue queue, QueueAreas areas)
    {
        if (queue.IsEnabled)
        {
            Report(DriverRule.QueueEnabled, $"an address of enabled queue {queue.Index} was written");
            return;
        }

        queue.Areas = areas;
    }

    internal void EnableQueue(ModelQueue queue)
    {
        OnRegisterWrite?.Invoke($"queue_enable[{queue.Index}]=1");
        if ((Status & StatusBit.FeaturesOk) == 0)
        {
            Report(DriverRule.InitialisationOrder, $"queue {queue.Index} was enabled before FEATURES_OK");
            return;
        }

        if (queue.IsEnabled || queue.IsResetting)
        {
            Report(DriverRule.QueueEnabled, $"queue {queue.Index} was enabled while enabled or being reset");
            return;
        }

        if ((Status & StatusBit.DriverOk) != 0 && (_accepted & FeatureBit.RingReset) == 0)
        {
            Report(DriverRule.InitialisationOrder, $"queue {queue.Index} was enabled after DRIVER_OK");
        }

        queue.IsEnabled = true;
        queue.Size = SizeOf(queue);
        DeviceQueue? ring = DeviceQueue.TryOpen(Memory, queue.Areas, queue.Size, _accepted, out QueueError error);
        if (ring == null)
        {
            Report(DriverRule.QueueAreas, $"queue {queue.Index}: {error}");
            SetNeedsReset($"queue {queue.Index} cannot be used: {error}");
            return;
        }

        queue.Open(ring);
    }

    /// <summary>Stops a queue for good, as only virtio-mmio lets a driver do (virtio 1.4, 4.2.2.2).</summary>
    internal void StopQueue(ModelQueue queue)
    {
        queue.Close();
        OnQueueReset(queue);
    }

    internal void ResetQueue(ModelQueue queue)
    {
        OnRegisterWrite?.Invoke($"queue_reset[{queue.Index}]=1");
        if ((_accepted & FeatureBit.RingReset) == 0 || (Status & StatusBit.FeaturesOk) == 0 || !queue.IsEnabled)
        {
            Report(DriverRule.QueueReset, $"queue {queue.Index} was reset while not enabled, or without RING_RESET");
            return;
        }

        if (IgnoresQueueReset)
        {
            return;
        }

        queue.ResetRegisters();
        queue.ResetLooksLeft = QueueResetDelay;
        OnQueueReset(queue);
    }

    internal static bool LooksReset(ModelQueue queue)
    {
        if (queue.ResetLooksLeft > 0)
        {
            queue.ResetLooksLeft--;
            return false;
        }

        return true;
    }

    private ushort Allowed(ushort size)
    {
        bool isPacked = (_accepted & FeatureBit.RingPacked) != 0;
        return isPacked || PresentsAnySize || size == 0 ? size : (ushort)(1 << BitOperations.Log2(size));
    }

    private bool Work(ModelQueue queue)
    {
        DeviceQueue? ring = queue.Ring;
        if (ring == null)
        {
            return false;
        }

        bool isAwake = queue.IsAwake || queue.Notifications == NotificationMode.Never;
        bool isServed = isAwake && Serve(queue);
        if (isServed)
        {
            queue.OnServed();
        }

        bool isUsed = IsRunning && GiveBack(queue, asksPolicy: true, isIdle: !isServed);
        bool hasMore = isAwake && !isServed && IsRunning && queue.GoIdle(WantsBuffers(queue));
        if (ring.Error != QueueError.None)
        {
            Report(DriverRule.ChainForm, $"queue {queue.Index}: {ring.Error}");
            SetNeedsReset($"queue {queue.Index} is broken: {ring.Error}");
            return false;
        }

        return isServed || isUsed || hasMore;
    }

    private bool GiveBack(ModelQueue queue, bool asksPolicy, bool isIdle)
    {
        bool isUsed = queue.Use(asksPolicy, isIdle, out bool isNotificationWanted);
        queue.NotificationsSent += isNotificationWanted ? 1UL : 0;
        if (isUsed)
        {
            _transport?.OnUsed(queue, isNotificationWanted);
        }

        return isUsed;
    }
}

/// <summary>Memory of the device that the driver may map (virtio 1.4, 2.10).</summary>
public sealed class SharedMemoryRegion
{
    private readonly byte[] _bytes;

    /// <summary>Creates a zeroed region.</summary>
    /// <param name="id">Its number, unique for the device.</param>
    /// <param name="length">Its size in bytes, at least 1.</param>
    public SharedMemoryRegion(byte id, int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        Id = id;
        _bytes = new byte[length];
    }

    /// <summary>Its number.</summary>
    public byte Id { get; }

    /// <summary>What it holds.</summary>
    public Span<byte> Bytes => _bytes;
}
