using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.Drivers.Virtio.Devices.Net;

/// <summary>A network device (virtio 1.4, 5.1): Ethernet frames over pairs of queues, usually one.</summary>
/// <remarks>
/// The sides are independent: one context at a time calls <see cref="Receive(FrameSink, int)"/> and the receive
/// interrupts, one context at a time the transmit calls, and one <see cref="Control"/>.
/// </remarks>
public sealed class VirtioNet : VirtioDevice
{
    /// <summary>The virtqueue index of the first receive queue; those of further ones are even, too.</summary>
    public const ushort ReceiveQueueIndex = 0;

    /// <summary>The virtqueue index of the first transmit queue; those of further ones are odd, too.</summary>
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
    /// How long the device is left alone between two reminders of a transmit queue, in nanoseconds.
    /// </summary>
    internal const ulong ReminderInterval = 10_000_000;

    /// <summary>
    /// What receive buffers hold where frames may lie in several: sixteen for the largest, and two to a page of 8 KiB.
    /// </summary>
    private const uint MergeableReceiveLength = 4096;

    /// <summary>What buffers for the largest frames may take in all.</summary>
    private const uint LargestReceiveBytes = 1024 * 1024;

    /// <summary>How many buffers there are for frames that the device cuts.</summary>
    private const int LargeTransmitBuffers = 8;

    /// <summary>Which part of a small transmit queue they may take.</summary>
    private const int LargeTransmitPart = 2;

    private const int QueuesOfPair = 2;
    private const ulong MulticastBit = 1UL << 40;
    private const ulong LocalBit = 1UL << 41;
    private const ulong MacMask = (1UL << 48) - 1;

    private readonly NetCounters _counters = new NetCounters();
    private readonly NetOptions _options;
    private readonly NetPair?[] _pairs;
    private NetConfiguration _read;
    private NetConfiguration _configuration;
    private ControlQueue? _control;
    private TransmitSide? _transmit;

    // What a usual frame is checked against: how many lengths its payload can have. Nothing is usual while the device
    // does not run, or where there are several queues to choose from.
    private uint _usualLengths;

    /// <summary>Describes a network device; touches nothing of it.</summary>
    /// <param name="transport">The way to a device of type <see cref="DeviceTypes.Network"/>.</param>
    /// <param name="name">What the owner calls it, for example <c>net0</c>.</param>
    /// <param name="owner">Who is told of interrupts.</param>
    /// <param name="options">What the owner has a use for; plain frames unless told otherwise.</param>
    public VirtioNet(VirtioTransport transport, string name, DeviceEventSink owner, NetOptions? options = null)
        : this(DriverRegistry.Find(DeviceTypes.Network)!, transport, name, owner, options ?? NetOptions.Plain)
    {
    }

    internal VirtioNet(
        VirtioDriver driver, VirtioTransport transport, string name, DeviceEventSink owner, NetOptions options)
        : base(driver, transport, name, owner, NameQueues(MostPairs(options)))
    {
        _options = options;
        _pairs = new NetPair?[options.QueuePairs];
        Control = new NetControl(this);
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

    /// <summary>How many queue pairs are in use, at least 1 once the device has been started.</summary>
    public int QueuePairs { get; private set; }

    /// <summary>What is asked of the device by commands.</summary>
    public NetControl Control { get; }

    /// <summary>Whether the device completes checksums of frames that are sent.</summary>
    public bool CanCompleteChecksums => Has(NetDriver.Checksum);

    /// <summary>The longest frame that is sent; more than the MTU allows only where the device cuts it.</summary>
    public int LongestTransmit { get; private set; }

    /// <summary>The longest frame that may be received.</summary>
    public int LongestReceive { get; private set; }

    /// <summary>
    /// Whether the device asks for announcements of the station; changes in <see cref="VirtioDevice.ObserveChange"/>.
    /// The owner makes them and calls <see cref="NetControl.AcknowledgeAnnouncement"/>.
    /// </summary>
    public bool IsAnnouncementDue => _configuration.IsAnnouncementDue;

    /// <summary>The speed in Mbit/s; null where the device does not say.</summary>
    public uint? Speed => _configuration.Speed > int.MaxValue ? null : _configuration.Speed;

    /// <summary>Whether both directions work at the same time; null where the device does not say.</summary>
    public bool? IsFullDuplex => _configuration.Duplex > 1 ? null : _configuration.Duplex == 1;

    /// <summary>What the device can hash, as bits (virtio 1.4, 5.1.9.4.3); 0 where nothing.</summary>
    public uint HashTypes => _configuration.HashTypes;

    /// <summary>Inside of which tunnels it can do so, as bits (virtio 1.4, 5.1.9.4.4).</summary>
    public uint HashTunnels => _configuration.TunnelTypes;

    /// <inheritdoc/>
    protected override Features ImplementedFeatures => NetDriver.Implemented & _options.Wanted;

    /// <inheritdoc/>
    protected override HighFeatures ImplementedHighFeatures => NetDriver.ImplementedHigh & _options.WantedHigh;

    /// <inheritdoc/>
    protected override string[] UsedQueueNames
    {
        get
        {
            string[] names = NameQueues(AllPairs);
            if (!Has(NetDriver.ControlQueue))
            {
                Array.Resize(ref names, names.Length - 1);
            }

            return names;
        }
    }

    /// <summary>How many queue pairs the device has; all of them exist, whether they are used or not.</summary>
    private int AllPairs =>
        Math.Min(Math.Max((int)_configuration.MaximumQueuePairs, 1), NetOptions.MaximumQueuePairs);

    /// <inheritdoc/>
    /// <remarks>
    /// More than there are buffers, because kvmtool's queues have this size whatever the driver says, and over MMIO
    /// there is no way to notice.
    /// </remarks>
    protected override int PreferredQueueSize => 256;

    /// <summary>Whether what is sent may be cut into such pieces by the device.</summary>
    public bool CanCut(SegmentKind segments) => LongestTransmit > EthernetHeaderLength + Mtu && Has(segments switch
    {
        SegmentKind.Tcp4 => NetDriver.HostTso4,
        SegmentKind.Tcp6 => NetDriver.HostTso6,
        SegmentKind.Udp => NetDriver.HostUso,
        _ => Features.None,
    });

    /// <summary>Whether what is cut may go through a UDP tunnel.</summary>
    /// <param name="hasChecksum">Whether the outer UDP header has a checksum.</param>
    public bool CanTunnel(bool hasChecksum) => LongestTransmit > EthernetHeaderLength + Mtu
        && (HighFeatures & (hasChecksum ? NetDriver.HostUdpTunnelChecksum : NetDriver.HostUdpTunnel)) != 0;

    /// <summary>Whether the device can be told where the network header begins.</summary>
    public bool TakesOuterNetworkHeader => (HighFeatures & NetDriver.OuterNetworkHeader) != 0;

    /// <summary>Hands received frames on and gives their buffers back to the device.</summary>
    /// <param name="sink">Who takes them.</param>
    /// <param name="maximum">How many buffers to take at most, so that a flood cannot hold the caller for ever.</param>
    /// <returns>How many buffers were taken; fewer than the maximum means that there are no more for now.</returns>
    public int Receive(FrameSink sink, int maximum)
    {
        int count = 0;
        for (int pair = 0; pair < QueuePairs && count < maximum; pair++)
        {
            count += Receive(pair, sink, maximum - count);
        }

        return count;
    }

    /// <summary>The same for one queue pair, of those that are in use.</summary>
    public int Receive(int pair, FrameSink sink, int maximum)
    {
        if (State != DeviceState.Running)
        {
            return 0;
        }

        int count = _pairs[pair]!.Receive.Drain(sink, maximum);
        Virtqueue queue = Queue(ReceiveQueueOf(pair));
        CheckFault(queue);
        queue.NotifyIfDue();
        return count;
    }

    /// <summary>Asks for an interrupt at the next received frame.</summary>
    /// <returns>
    /// Whether there is something for <see cref="Receive(FrameSink, int)"/> to look at already, frames or a broken
    /// ring; no interrupt may come for it.
    /// </returns>
    public bool EnableReceiveInterrupts()
    {
        bool isWaiting = false;
        for (int pair = 0; State == DeviceState.Running && pair < QueuePairs; pair++)
        {
            isWaiting |= Queue(ReceiveQueueOf(pair)).EnableInterrupts();
        }

        return isWaiting;
    }

    /// <summary>Asks for no receive interrupts; some may come all the same.</summary>
    public void DisableReceiveInterrupts()
    {
        for (int pair = 0; State == DeviceState.Running && pair < QueuePairs; pair++)
        {
            Queue(ReceiveQueueOf(pair)).DisableInterrupts();
        }
    }

    /// <summary>Copies a frame for the device to send; the device is not notified yet.</summary>
    /// <param name="frame">
    /// An Ethernet frame without checksum: from <see cref="EthernetHeaderLength"/> bytes to that and
    /// <see cref="Mtu"/>.
    /// </param>
    public TransmitStatus TryTransmit(ReadOnlySpan<byte> frame) => TryTransmit(frame, default);

    /// <summary>Copies a frame that the device completes before it sends it; it is not notified yet.</summary>
    /// <param name="frame">
    /// As for <see cref="TryTransmit(ReadOnlySpan{byte})"/>; where it is to be cut, up to
    /// <see cref="LongestTransmit"/> bytes.
    /// </param>
    /// <param name="offload">What the device has to do.</param>
    public TransmitStatus TryTransmit(ReadOnlySpan<byte> frame, in TransmitOffload offload)
    {
        bool isUsual = offload.IsNone && (uint)(frame.Length - EthernetHeaderLength) < _usualLengths;
        return isUsual && _transmit!.TryAddUsual(frame) ? TransmitStatus.Ok : TransmitAny(frame, offload);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private TransmitStatus TransmitAny(ReadOnlySpan<byte> frame, in TransmitOffload offload)
    {
        TransmitSide? side = _transmit;
        if (side == null || State != DeviceState.Running)
        {
            return TransmitStatus.NotRunning;
        }

        bool isCut = !offload.IsNone && offload.Segments != SegmentKind.None;
        if (frame.Length < EthernetHeaderLength
            || frame.Length > (isCut ? LongestTransmit : EthernetHeaderLength + Mtu))
        {
            return TransmitStatus.BadLength;
        }

        if (!offload.IsNone && !offload.IsAllowed(Features, HighFeatures, frame))
        {
            return TransmitStatus.BadOffload;
        }

        int pair = 0;
        if (QueuePairs > 1)
        {
            pair = (int)(FlowHash.Of(frame) % (uint)QueuePairs);
            side = _pairs[pair]!.Transmit;
        }

        if (side.TryAdd(frame, offload))
        {
            side.IsFull = false;
            return TransmitStatus.Ok;
        }

        CheckFault(Queue(TransmitQueueOf(pair)));
        if (State != DeviceState.Running)
        {
            return TransmitStatus.NotRunning;
        }

        side.IsFull = true;
        side.Remind(Machine.Clock.Nanoseconds);
        return TransmitStatus.Full;
    }

    /// <summary>Tells the device of the frames since the last call, if it wants to be told.</summary>
    public void NotifyTransmit()
    {
        for (int pair = 0; State == DeviceState.Running && pair < QueuePairs; pair++)
        {
            Queue(TransmitQueueOf(pair)).NotifyIfDue();
        }
    }

    /// <summary>Takes back the buffers of frames that were sent; for interrupts of the transmit queues.</summary>
    /// <returns>How many.</returns>
    public int ReclaimTransmitted()
    {
        int count = 0;
        for (int pair = 0; State == DeviceState.Running && pair < QueuePairs; pair++)
        {
            TransmitSide side = _pairs[pair]!.Transmit;
            int each = side.Reclaim();
            CheckFault(Queue(TransmitQueueOf(pair)));
            side.IsFull &= each == 0;
            if (side.IsFull && State == DeviceState.Running)
            {
                side.Remind(Machine.Clock.Nanoseconds);
            }

            count += each;
        }

        return count;
    }

    /// <summary>
    /// Takes back the buffers of frames that were sent, and notifies a device that still has frames, in case that it
    /// sleeps over them: for owners, some time after <see cref="NotifyTransmit"/>.
    /// </summary>
    /// <returns>Whether it still has frames, so that another look is due.</returns>
    public bool LookAfterTransmitted()
    {
        bool hasFrames = false;
        for (int pair = 0; State == DeviceState.Running && pair < QueuePairs; pair++)
        {
            TransmitSide side = _pairs[pair]!.Transmit;
            side.IsFull &= side.Reclaim() == 0;
            CheckFault(Queue(TransmitQueueOf(pair)));
            if (side.HasFrames && State == DeviceState.Running)
            {
                side.Remind(Machine.Clock.Nanoseconds);
                hasFrames = true;
            }
        }

        return hasFrames;
    }

    internal bool HasFeature(Features feature) => Has(feature);

    /// <summary>Has the device carry out a command.</summary>
    internal ControlStatus Execute(ControlCommand command, ReadOnlySpan<byte> data)
    {
        if (_control == null || State != DeviceState.Running)
        {
            return ControlStatus.NotRunning;
        }

        ControlStatus status = _control.Execute(command, data);
        CheckFault(_control.Queue);
        if (status == ControlStatus.Unanswered)
        {
            Fail(new Failure("does not answer a command within 1 s"));
        }

        return status;
    }

    /// <summary>The device has another address from now on.</summary>
    internal void OnAddressSet(ulong address) => MacAddress = address;

    /// <summary>The station was announced.</summary>
    internal void OnAnnounced() => _configuration.IsAnnouncementDue = false;

    /// <summary>The device goes on with one queue pair.</summary>
    internal void OnQueuePairsRefused()
    {
        QueuePairs = 1;
        OnStateChange();
    }

    /// <summary>Whether an address is that of one station.</summary>
    internal static bool IsStation(ulong address) => address != 0 && (address & ~MacMask) == 0
        && (address & MulticastBit) == 0;

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
    protected override void AcceptChange()
    {
        _configuration.IsLinkUp = _read.IsLinkUp;
        _configuration.IsAnnouncementDue = _read.IsAnnouncementDue;
        _configuration.Speed = _read.Speed;
        _configuration.Duplex = _read.Duplex;
    }

    /// <inheritdoc/>
    protected override void OnStateChange() =>
        _usualLengths = State == DeviceState.Running && QueuePairs == 1 ? (uint)Mtu + 1 : 0;

    /// <inheritdoc/>
    protected override Failure? SetUp()
    {
        if (!_configuration.HasUsableMtu)
        {
            // It was another one when the feature was accepted.
            return new Failure("has an MTU below the smallest that is allowed");
        }

        if (_configuration.MaximumQueuePairs != AllPairs)
        {
            return new Failure("has another number of queue pairs than before");
        }

        Mtu = _configuration.Mtu;
        ChooseMacAddress();
        QueuePairs = Math.Min(AllPairs, _pairs.Length);
        for (int pair = 0; pair < QueuePairs; pair++)
        {
            _pairs[pair] = CreatePair(pair);
            if (_pairs[pair] == null)
            {
                return new Failure("cannot be given memory for its frames");
            }
        }

        _transmit = _pairs[0]!.Transmit;
        LongestTransmit = _pairs[0]!.HasLargeTransmit ? NetHeader.LargestFrame : EthernetHeaderLength + Mtu;
        if (Has(NetDriver.ControlQueue))
        {
            _control = ControlQueue.TryCreate(Queue(QueuesOfPair * AllPairs), Dma, Machine.Clock, _counters);
            return _control == null ? new Failure("cannot be given memory for its commands") : null;
        }

        return null;
    }

    /// <inheritdoc/>
    protected override void OnLive()
    {
        for (int pair = 0; pair < QueuePairs; pair++)
        {
            Queue(ReceiveQueueOf(pair)).NotifyIfDue();
        }

        if (_control != null)
        {
            Control.Restore();
        }
    }

    /// <inheritdoc/>
    protected override void Clear()
    {
        _transmit = null;
        _control = null;
        QueuePairs = 0;
        for (int pair = 0; pair < _pairs.Length; pair++)
        {
            _pairs[pair] = null;
        }
    }

    /// <inheritdoc/>
    protected override void ReleaseMemory(bool quarantine)
    {
        for (int pair = 0; pair < _pairs.Length; pair++)
        {
            _pairs[pair]?.ReleaseMemory(quarantine);
        }

        _control?.ReleaseMemory(quarantine);
    }

    /// <summary>Makes the buffers of a pair and fills its receive queue; null where no memory is left.</summary>
    private NetPair? CreatePair(int pair)
    {
        Virtqueue receiveQueue = Queue(ReceiveQueueOf(pair));
        Virtqueue transmitQueue = Queue(TransmitQueueOf(pair));
        uint headerLength = NetHeader.LengthOf(Features, HighFeatures);
        uint frameLength = (uint)(EthernetHeaderLength + Mtu);
        uint usual = Math.Max(frameLength + TagLength, MinimumReceiveLength);
        bool hasSegments = Has(NetDriver.GuestSegments);
        LongestReceive = hasSegments ? NetHeader.LargestFrame : (int)(frameLength + TagLength);
        FrameBuffers? receive;
        if (hasSegments && Has(NetDriver.MergeableBuffers))
        {
            receive = FrameBuffers.TryCreate(
                Dma, receiveQueue.Size, headerLength, MergeableReceiveLength - headerLength);
        }
        else if (hasSegments)
        {
            receive = FrameBuffers.TryCreate(
                Dma, receiveQueue.Size, headerLength, NetHeader.LargestFrame, LargestReceiveBytes);
        }
        else
        {
            receive = FrameBuffers.TryCreate(Dma, receiveQueue.Size, headerLength, usual);
        }

        int large = Has(NetDriver.HostSegments)
            ? Math.Min(LargeTransmitBuffers, transmitQueue.Size / LargeTransmitPart)
            : 0;
        FrameBuffers? transmit = FrameBuffers.TryCreate(Dma, transmitQueue.Size - large, headerLength, frameLength);
        FrameBuffers? largeTransmit = large == 0
            ? null
            : FrameBuffers.TryCreate(Dma, large, headerLength, NetHeader.LargestFrame, LargestReceiveBytes);
        if (receive == null || transmit == null || (large != 0 && largeTransmit == null))
        {
            receive?.ReleaseMemory(quarantine: false);
            transmit?.ReleaseMemory(quarantine: false);
            largeTransmit?.ReleaseMemory(quarantine: false);
            return null;
        }

        NetPair made = new NetPair(
            new ReceiveSide(receiveQueue, receive, Features, HighFeatures, _counters),
            new TransmitSide(transmitQueue, transmit, largeTransmit, _counters),
            receive,
            transmit,
            largeTransmit);
        made.Receive.PostAll();
        return made;
    }

    /// <inheritdoc/>
    protected internal override Counter[] ReadCounters()
    {
        List<Counter> counters = new List<Counter>
        {
            new Counter("frames received", _counters.FramesReceived),
            new Counter("bytes received", _counters.BytesReceived),
            new Counter("buffers too short", _counters.TooShort),
            new Counter("frames sent", _counters.FramesSent),
            new Counter("bytes sent", _counters.BytesSent),
            new Counter("transmit queue full", _counters.Full),
        };
        if (Has(NetDriver.MergeableBuffers | NetDriver.GuestChecksum)
            || (HighFeatures & NetDriver.OuterNetworkHeader) != 0)
        {
            counters.Add(new Counter("bad headers", _counters.BadHeaders));
        }

        if (Has(NetDriver.MergeableBuffers))
        {
            counters.Add(new Counter("frames incomplete", _counters.Incomplete));
            counters.Add(new Counter("frames too long", _counters.TooLong));
        }

        if (Has(NetDriver.ControlQueue))
        {
            counters.Add(new Counter("commands", _counters.Commands));
            counters.Add(new Counter("commands refused", _counters.CommandsRefused));
            counters.Add(new Counter("commands unanswered", _counters.CommandsUnanswered));
        }

        return counters.ToArray();
    }

    /// <inheritdoc/>
    protected internal override string[] ReadDetails()
    {
        NetPair? first = _pairs[0];
        if (first == null)
        {
            return Array.Empty<string>();
        }

        List<string> details = new List<string>
        {
            "link: " + (IsLinkUp ? "up" : "down")
                + (Speed is uint speed ? ", " + DecimalText.Of(speed) + " Mbit/s" : "")
                + (IsFullDuplex is bool isFull ? isFull ? ", full duplex" : ", half duplex" : ""),
            "receive buffers: " + DecimalText.Of((ulong)first.ReceiveCount) + " of "
                + DecimalText.Of(first.ReceiveLength) + " bytes" + (Has(NetDriver.MergeableBuffers) ? ", merged" : ""),
        };
        if (Has(NetDriver.ManyQueues))
        {
            details.Add("queue pairs: " + DecimalText.Of((ulong)QueuePairs) + " of " + DecimalText.Of((ulong)AllPairs));
        }

        return details.ToArray();
    }

    /// <summary>The queues of all pairs, and the control queue behind them.</summary>
    private static string[] NameQueues(int pairs)
    {
        string[] names = new string[(QueuesOfPair * pairs) + 1];
        for (int pair = 0; pair < pairs; pair++)
        {
            names[ReceiveQueueOf(pair)] = "receiveq" + DecimalText.Of((ulong)pair + 1);
            names[TransmitQueueOf(pair)] = "transmitq" + DecimalText.Of((ulong)pair + 1);
        }

        names[^1] = "controlq";
        return names;
    }

    private static int MostPairs(NetOptions options) => options.QueuePairs == 1 ? 1 : NetOptions.MaximumQueuePairs;

    private static int ReceiveQueueOf(int pair) => QueuesOfPair * pair;

    private static int TransmitQueueOf(int pair) => (QueuesOfPair * pair) + 1;

    /// <summary>
    /// Takes the device's address if it is one station's; otherwise makes one up (virtio 1.4, 5.1.4.2).
    /// </summary>
    private void ChooseMacAddress()
    {
        ulong address = _configuration.Mac;
        bool hasMadeUp = MacAddress != 0 && !HasDeviceMacAddress;
        HasDeviceMacAddress = IsStation(address);
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

    /// <summary>How many frames had a header that cannot be right.</summary>
    internal ulong BadHeaders { get; set; }

    /// <summary>How many frames lay in more buffers than were used.</summary>
    internal ulong Incomplete { get; set; }

    /// <summary>How many frames were longer than any can be.</summary>
    internal ulong TooLong { get; set; }

    /// <summary>How many commands were given.</summary>
    internal ulong Commands { get; set; }

    /// <summary>How many of these the device refused, or answered with nonsense.</summary>
    internal ulong CommandsRefused { get; set; }

    /// <summary>How many it did not answer in time.</summary>
    internal ulong CommandsUnanswered { get; set; }
}

/// <summary>A receive and a transmit queue, with their buffers.</summary>
internal sealed class NetPair
{
    private readonly FrameBuffers _receive;
    private readonly FrameBuffers _transmit;
    private readonly FrameBuffers? _largeTransmit;

    internal NetPair(
        ReceiveSide receiveSide,
        TransmitSide transmitSide,
        FrameBuffers receive,
        FrameBuffers transmit,
        FrameBuffers? largeTransmit)
    {
        Receive = receiveSide;
        Transmit = transmitSide;
        _receive = receive;
        _transmit = transmit;
        _largeTransmit = largeTransmit;
    }

    /// <summary>The receive queue.</summary>
    internal ReceiveSide Receive { get; }

    /// <summary>The transmit queue.</summary>
    internal TransmitSide Transmit { get; }

    /// <summary>Whether there are buffers for frames that the device cuts.</summary>
    internal bool HasLargeTransmit => _largeTransmit != null;

    /// <summary>How many buffers there are to receive into.</summary>
    internal int ReceiveCount => _receive.Count;

    /// <summary>How many bytes each has.</summary>
    internal uint ReceiveLength => _receive.Length;

    /// <summary>Gives the memory back, or takes it out of use for good.</summary>
    internal void ReleaseMemory(bool quarantine)
    {
        if (!quarantine)
        {
            Receive.TakeAllBack();
            Transmit.TakeAllBack();
        }

        _receive.ReleaseMemory(quarantine);
        _transmit.ReleaseMemory(quarantine);
        _largeTransmit?.ReleaseMemory(quarantine);
    }
}

/// <summary>Which frames belong together, for whoever spreads them over queues.</summary>
internal static class FlowHash
{
    private const int TypeOffset = 12;
    private const int IPv4HeaderOffset = 14;
    private const int IPv4AddressesOffset = 26;
    private const int IPv6AddressesOffset = 22;
    private const int IPv6PayloadOffset = 54;
    private const int IPv6NextOffset = 20;
    private const int IPv4ProtocolOffset = 23;
    private const int FragmentOffset = 20;
    private const byte Tcp = 6;
    private const byte Udp = 17;

    /// <summary>
    /// A number that is the same for all frames of a flow: of its addresses and, for TCP and UDP, its ports. Frames of
    /// other protocols are one flow.
    /// </summary>
    internal static uint Of(ReadOnlySpan<byte> frame)
    {
        uint hash = 0;
        if (frame.Length < IPv4HeaderOffset)
        {
            return hash;
        }

        int type = (frame[TypeOffset] << 8) | frame[TypeOffset + 1];
        int ports = 0;
        byte protocol = 0;
        if (type == 0x0800 && frame.Length >= IPv4AddressesOffset + 8)
        {
            hash = Mix(hash, frame.Slice(IPv4AddressesOffset, 8));
            bool isFragment = ((frame[FragmentOffset] & 0x3F) | frame[FragmentOffset + 1]) != 0;
            protocol = isFragment ? (byte)0 : frame[IPv4ProtocolOffset];
            ports = IPv4HeaderOffset + ((frame[IPv4HeaderOffset] & 0xF) * 4);
        }
        else if (type == 0x86DD && frame.Length >= IPv6PayloadOffset)
        {
            hash = Mix(hash, frame.Slice(IPv6AddressesOffset, 32));
            protocol = frame[IPv6NextOffset];
            ports = IPv6PayloadOffset;
        }

        bool hasPorts = protocol is Tcp or Udp && frame.Length >= ports + 4;
        return hasPorts ? Mix(hash, frame.Slice(ports, 4)) : hash;
    }

    // FNV-1a, whose upper half is the better one.
    private static uint Mix(uint hash, ReadOnlySpan<byte> bytes)
    {
        hash ^= 0x811C9DC5;
        for (int i = 0; i < bytes.Length; i++)
        {
            hash = (hash ^ bytes[i]) * 0x01000193;
        }

        return hash ^ (hash >> 16);
    }
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

    /// <summary>The device is asked for what was not negotiated, or what makes no sense.</summary>
    BadOffload = 4,
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

    /// <summary>Takes a frame together with what the device says of it; as <see cref="OnFrame(ReadOnlySpan{byte})"/>
    /// otherwise.</summary>
    public virtual void OnFrame(ReadOnlySpan<byte> frame, in FrameInfo info) => OnFrame(frame);

    /// <summary>Whether frames are offered to <see cref="TryBorrow"/> first.</summary>
    public virtual bool Borrows => false;

    /// <summary>Takes a frame with its buffer, until <see cref="LentFrame.Return"/> is called.</summary>
    /// <remarks>
    /// Every buffer that is kept is one that the device does not have. Frames that were put together from several
    /// buffers are never lent.
    /// </remarks>
    /// <returns>Whether it was taken; if not, it goes to OnFrame.</returns>
    public virtual bool TryBorrow(LentFrame frame, in FrameInfo info) => false;
}
