using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices.Net;

/// <summary>A network device (virtio 1.4, 5.1): Ethernet frames over one receive and one transmit queue.</summary>
/// <remarks>
/// The two sides are independent: one context at a time calls <see cref="Receive"/> and the receive interrupts, and one
/// context at a time the transmit calls.
/// </remarks>
public sealed class VirtioNet : VirtioDevice
{
    /// <summary>The virtqueue index of the receive queue.</summary>
    public const ushort ReceiveQueueIndex = 0;

    /// <summary>The virtqueue index of the transmit queue.</summary>
    public const ushort TransmitQueueIndex = 1;

    /// <summary>The size of an Ethernet header in bytes, the shortest frame that is sent or handed on.</summary>
    public const int EthernetHeaderLength = 14;

    /// <summary>
    /// The size of an IEEE 802.1Q tag in bytes: received frames may have one on top of header and <see cref="Mtu"/>,
    /// because the device leaves what it finds on the wire.
    /// </summary>
    public const int TagLength = 4;

    /// <summary>
    /// What receive buffers hold at least: a full Ethernet frame, a VLAN tag or two and some room.
    /// </summary>
    private const uint MinimumReceiveLength = 1524;

    /// <summary>
    /// How long the device is left alone between two reminders of a full transmit queue, in nanoseconds.
    /// </summary>
    private const ulong ReminderInterval = 10_000_000;

    private const ulong MulticastBit = 1UL << 40;
    private const ulong LocalBit = 1UL << 41;
    private const ulong MacMask = (1UL << 48) - 1;

    private readonly NetCounters _counters = new NetCounters();
    private NetConfiguration _read;
    private NetConfiguration _configuration;
    private FrameBuffers? _receiveBuffers;
    private FrameBuffers? _transmitBuffers;
    private ReceiveSide? _receive;
    private TransmitSide? _transmit;
    private ulong _lastReminder;
    private bool _isFull;
    private bool _wasReminded;

    /// <summary>Describes a network device; touches nothing of it.</summary>
    /// <param name="transport">The way to a device of type <see cref="DeviceTypes.Network"/>.</param>
    /// <param name="name">What the owner calls it, for example <c>net0</c>.</param>
    /// <param name="owner">Who is told of interrupts.</param>
    public VirtioNet(VirtioTransport transport, string name, DeviceEventSink owner)
        : this(DriverRegistry.Find(DeviceTypes.Network)!, transport, name, owner)
    {
    }

    internal VirtioNet(VirtioDriver driver, VirtioTransport transport, string name, DeviceEventSink owner)
        : base(driver, transport, name, owner, "receiveq1", "transmitq1")
    {
    }

    /// <summary>
    /// The MAC address, first byte in bits 47 to 40: the device's, or a locally administered one where it has none.
    /// </summary>
    public ulong MacAddress { get; private set; }

    /// <summary>Whether <see cref="MacAddress"/> is the device's own.</summary>
    public bool HasDeviceMacAddress { get; private set; }

    /// <summary>Whether the link is up; a device that does not say has its link up.</summary>
    public bool IsLinkUp => _configuration.IsLinkUp;

    /// <summary>The largest payload of a frame in bytes, behind the Ethernet header.</summary>
    public int Mtu { get; private set; }

    /// <inheritdoc/>
    protected override Features ImplementedFeatures => NetDriver.Implemented;

    /// <inheritdoc/>
    /// <remarks>
    /// More than there are buffers, because kvmtool's queues have this size whatever the driver says, and over MMIO
    /// there is no way to notice.
    /// </remarks>
    protected override int PreferredQueueSize => 256;

    /// <summary>Hands received frames on and gives their buffers back to the device.</summary>
    /// <param name="sink">Who takes them.</param>
    /// <param name="maximum">How many buffers to take at most, so that a flood cannot hold the caller for ever.</param>
    /// <returns>How many buffers were taken; fewer than the maximum means that there are no more for now.</returns>
    public int Receive(FrameSink sink, int maximum)
    {
        if (_receive == null || State != DeviceState.Running)
        {
            return 0;
        }

        int count = _receive.Drain(sink, maximum);
        CheckFault(Queue(ReceiveQueueIndex));
        Queue(ReceiveQueueIndex).NotifyIfDue();
        return count;
    }

    /// <summary>Asks for an interrupt at the next received frame.</summary>
    /// <returns>
    /// Whether there is something for <see cref="Receive"/> to look at already, frames or a broken ring; no interrupt
    /// may come for it.
    /// </returns>
    public bool EnableReceiveInterrupts() =>
        State == DeviceState.Running && Queue(ReceiveQueueIndex).EnableInterrupts();

    /// <summary>Asks for no receive interrupts; some may come all the same.</summary>
    public void DisableReceiveInterrupts()
    {
        if (State == DeviceState.Running)
        {
            Queue(ReceiveQueueIndex).DisableInterrupts();
        }
    }

    /// <summary>Copies a frame for the device to send; the device is not notified yet.</summary>
    /// <param name="frame">
    /// An Ethernet frame without checksum: from <see cref="EthernetHeaderLength"/> bytes to that and
    /// <see cref="Mtu"/>.
    /// </param>
    public TransmitStatus TryTransmit(ReadOnlySpan<byte> frame)
    {
        if (_transmit == null || State != DeviceState.Running)
        {
            return TransmitStatus.NotRunning;
        }

        if (frame.Length < EthernetHeaderLength || frame.Length > EthernetHeaderLength + Mtu)
        {
            return TransmitStatus.BadLength;
        }

        if (_transmit.TryAdd(frame))
        {
            _isFull = false;
            return TransmitStatus.Ok;
        }

        Virtqueue queue = Queue(TransmitQueueIndex);
        CheckFault(queue);
        if (State != DeviceState.Running)
        {
            return TransmitStatus.NotRunning;
        }

        _isFull = true;
        Remind(queue);
        return TransmitStatus.Full;
    }

    /// <summary>Tells the device of the frames since the last call, if it wants to be told.</summary>
    public void NotifyTransmit()
    {
        if (State == DeviceState.Running)
        {
            Queue(TransmitQueueIndex).NotifyIfDue();
        }
    }

    /// <summary>Takes back the buffers of frames that were sent; for interrupts of the transmit queue.</summary>
    /// <returns>How many.</returns>
    public int ReclaimTransmitted()
    {
        if (_transmit == null || State != DeviceState.Running)
        {
            return 0;
        }

        int count = _transmit.Reclaim();
        Virtqueue queue = Queue(TransmitQueueIndex);
        CheckFault(queue);
        _isFull &= count == 0;
        if (_isFull && State == DeviceState.Running)
        {
            Remind(queue);
        }

        return count;
    }

    /// <inheritdoc/>
    protected override Features RefuseFeatures(Features offered) => NetConfiguration.RefuseFeatures(Transport, offered);

    /// <inheritdoc/>
    protected override Failure? ReadConfiguration()
    {
        _read.Read(Transport, Features);
        return null;
    }

    /// <inheritdoc/>
    protected override void AcceptConfiguration() => _configuration = _read;

    /// <inheritdoc/>
    protected override void AcceptChange() => _configuration.IsLinkUp = _read.IsLinkUp;

    /// <inheritdoc/>
    protected override Failure? SetUp()
    {
        if (!_configuration.HasUsableMtu)
        {
            // It was another one when the feature was accepted.
            return new Failure("has an MTU below the smallest that is allowed");
        }

        Virtqueue receiveQueue = Queue(ReceiveQueueIndex);
        Virtqueue transmitQueue = Queue(TransmitQueueIndex);
        Mtu = _configuration.Mtu;
        ChooseMacAddress();

        uint frameLength = (uint)(EthernetHeaderLength + Mtu);
        _receiveBuffers = FrameBuffers.TryCreate(
            Dma, receiveQueue.Size, Math.Max(frameLength + TagLength, MinimumReceiveLength));
        _transmitBuffers = FrameBuffers.TryCreate(Dma, transmitQueue.Size, frameLength);
        if (_receiveBuffers == null || _transmitBuffers == null)
        {
            return new Failure("cannot be given memory for its frames");
        }

        _transmit = new TransmitSide(transmitQueue, _transmitBuffers, _counters);
        _receive = new ReceiveSide(receiveQueue, _receiveBuffers, _counters);
        _receive.PostAll();
        return null;
    }

    /// <inheritdoc/>
    protected override void OnLive() => Queue(ReceiveQueueIndex).NotifyIfDue();

    /// <inheritdoc/>
    protected override void Clear()
    {
        _receive = null;
        _transmit = null;
        _isFull = false;
        _wasReminded = false;
        _receiveBuffers = null;
        _transmitBuffers = null;
    }

    /// <inheritdoc/>
    protected override void ReleaseMemory(bool quarantine)
    {
        if (!quarantine)
        {
            _receive?.TakeAllBack();
            _transmit?.TakeAllBack();
        }

        _receiveBuffers?.ReleaseMemory(quarantine);
        _transmitBuffers?.ReleaseMemory(quarantine);
    }

    /// <inheritdoc/>
    protected internal override Counter[] ReadCounters() => new[]
    {
        new Counter("frames received", _counters.FramesReceived),
        new Counter("bytes received", _counters.BytesReceived),
        new Counter("buffers too short", _counters.TooShort),
        new Counter("frames sent", _counters.FramesSent),
        new Counter("bytes sent", _counters.BytesSent),
        new Counter("transmit queue full", _counters.Full),
    };

    /// <summary>Notifies the device of a full transmit queue, once for as long as it lasts, and rarely again.</summary>
    /// <remarks>
    /// <para>
    /// What was never announced is announced now, or nobody would ever make room. All of it may have been announced,
    /// and the device still sleep: kvm-host's card loses a notification now and then. Another one is always allowed
    /// (virtio 1.4, 2.8.16), but each is an exit from the guest, so that whoever keeps trying must not cause one with
    /// every frame.
    /// </para>
    /// <para>
    /// So a queue that stays full gets one now and then: it moves on however many are lost, and it costs a hundred a
    /// second at most.
    /// </para>
    /// </remarks>
    private void Remind(Virtqueue queue)
    {
        ulong now = Machine.Clock.Nanoseconds;
        if (queue.NeedsNotification() || !_wasReminded || now - _lastReminder >= ReminderInterval)
        {
            _wasReminded = true;
            _lastReminder = now;
            queue.Notifier!.Notify(queue);
        }
    }

    /// <summary>
    /// Takes the device's address if it is one station's; otherwise makes one up (virtio 1.4, 5.1.4.2).
    /// </summary>
    private void ChooseMacAddress()
    {
        ulong address = _configuration.Mac;
        bool hasMadeUp = MacAddress != 0 && !HasDeviceMacAddress;
        HasDeviceMacAddress = address != 0 && (address & MulticastBit) == 0;
        if (!HasDeviceMacAddress && hasMadeUp)
        {
            // A device that is brought up again is the same station as before.
            return;
        }

        if (!HasDeviceMacAddress)
        {
            // FNV-1a over the place and the time: different for each device of a guest, and most likely between guests.
            ulong hash = 0xCBF29CE484222325 ^ Machine.Clock.Nanoseconds;
            foreach (char character in Transport.Location)
            {
                hash = (hash ^ character) * 0x100000001B3;
            }

            address = ((hash ^ (hash >> 48)) & MacMask & ~MulticastBit) | LocalBit;
        }

        MacAddress = address;
    }
}

/// <summary>What a network device's driver counts through all of the device's lives.</summary>
internal sealed class NetCounters
{
    /// <summary>How many frames were received.</summary>
    internal ulong FramesReceived { get; set; }

    /// <summary>How many bytes those had.</summary>
    internal ulong BytesReceived { get; set; }

    /// <summary>How often the device used a buffer without a whole header and Ethernet header in it.</summary>
    internal ulong TooShort { get; set; }

    /// <summary>How many frames were sent.</summary>
    internal ulong FramesSent { get; set; }

    /// <summary>How many bytes those had.</summary>
    internal ulong BytesSent { get; set; }

    /// <summary>How often no buffer was free.</summary>
    internal ulong Full { get; set; }
}

/// <summary>What became of a frame that was to be sent.</summary>
public enum TransmitStatus
{
    /// <summary>It is on its way; the caller's memory is free.</summary>
    Ok = 0,

    /// <summary>
    /// All buffers are in flight. An interrupt of the transmit queue follows when one is free; then call
    /// <see cref="VirtioNet.ReclaimTransmitted"/>.
    /// </summary>
    Full = 1,

    /// <summary>It is shorter than an Ethernet header or longer than the MTU and the header.</summary>
    BadLength = 2,

    /// <summary>The device is not running.</summary>
    NotRunning = 3,
}

/// <summary>Who takes received frames.</summary>
public abstract class FrameSink
{
    /// <summary>Takes a frame.</summary>
    /// <param name="frame">
    /// An Ethernet frame of at least 14 bytes, without checksum; only for the length of the call. It is memory that a
    /// device wrote, and one that breaks the rules could still be writing: what must not change under its reader is
    /// copied first.
    /// </param>
    /// <remarks>Must not throw, and must not call back into the receive side of the device.</remarks>
    public abstract void OnFrame(ReadOnlySpan<byte> frame);
}
