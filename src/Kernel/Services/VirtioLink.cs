using System;
using System.Diagnostics.CodeAnalysis;
using System.Threading;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Services;

/// <summary>A virtio network device as an Ethernet link.</summary>
/// <remarks>
/// <para>
/// Each queue has a lock. They are taken in the order control, receive, the stack's own, transmit: received frames are
/// handed on under the second, a batch as one turn of the stack, and what that sends in answer takes the last. Commands
/// are waited for, so that they are given on a thread of the pool, and nothing but them waits there.
/// </para>
/// <para>
/// A device that asks for a reset or breaks the rules is reset and brought up again. Frames that it had are lost, as
/// frames may be; the stack above keeps its address and its lease, because the station is the same as before.
/// </para>
/// <para>
/// Whatever touches the device leaves through <see cref="Serve"/>, which looks after it, or schedules that where the
/// stack's lock is held (<see cref="TrySend"/>). So a device in trouble always has somebody who brings it up again.
/// </para>
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "Its timer runs out once the device does not run any more.")]
internal sealed class VirtioLink : EthernetLink, ILendableDevice
{
    private const int Batch = 64;

    /// <summary>How long after a frame it is looked whether the device has sent it.</summary>
    private static readonly TimeSpan s_lookAfter = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// What the stack can do with a device. UDP datagrams that arrive in one frame it could not tell apart.
    /// </summary>
    private static readonly NetOptions s_options = new(
        NetUses.SendPartialChecksums | NetUses.SendTcpSegments | NetUses.ReceivePartialChecksums
            | NetUses.ReceiveTcpSegments | NetUses.MergeableBuffers | NetUses.Filters | NetUses.Announcements);

    private readonly Lock _controlGate = new();
    private readonly Lock _receiveGate = new();
    private readonly Lock _transmitGate = new();
    private readonly Lock _groupsGate = new();
    private readonly VirtioNet _device;
    private readonly DeviceRecovery _recovery;
    private readonly int _longestReceive;
    private FrameReceiver? _receiver;
    private ulong[] _groups = [];
    private readonly Timer _look;
    private bool _areGroupsDue;
    private bool _isLent;
    private bool _isLookPlanned;
    private bool _isGone;
    private DriverMeter? _meter;
    private ulong _begun;

    private VirtioLink(VirtioNet device)
    {
        _device = device;
        _recovery = new DeviceRecovery(device);
        Address = new MacAddress(device.MacAddress);
        Mtu = device.Mtu;
        Offloads = OffloadsOf(device);
        _longestReceive = device.LongestReceive;
        _look = new Timer(_ => LookAfterTransmitted());
        PlanLook = () => _look.Change(s_lookAfter, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The device.</summary>
    public VirtioDevice Device => _device;

    /// <inheritdoc/>
    public override MacAddress Address { get; }

    /// <inheritdoc/>
    public override int Mtu { get; }

    /// <inheritdoc/>
    public override LinkOffloads Offloads { get; }

    /// <inheritdoc/>
    public override bool IsUp => _device.IsLinkUp && _device.State == DeviceState.Running;

    /// <summary>
    /// Does work that must not be done where it is found, soon and on another thread: the thread pool, unless a test
    /// wants to choose the moment.
    /// </summary>
    public Action<Action> Elsewhere { get; set; } =
        static work => ThreadPool.UnsafeQueueUserWorkItem(static due => due(), work, preferLocal: false);

    /// <summary>Who measures what the driver costs; null, as usual, where nobody does.</summary>
    public DriverMeter? Meter
    {
        set => Alone(() => _meter = value);
    }

    /// <summary>
    /// Is told, on a driver thread, when frames can be sent again that were refused because the device had too many; he
    /// must not wait.
    /// </summary>
    public Action? RoomMade { get; set; }

    /// <summary>
    /// Has <see cref="LookAfterTransmitted"/> called in a while, on another thread: by a timer, unless a test wants to
    /// choose the moment.
    /// </summary>
    public Action PlanLook { get; set; }

    /// <summary>Brings a device up as a link.</summary>
    /// <param name="transport">The way to it.</param>
    /// <param name="name">What it will be called.</param>
    /// <param name="failure">Why it cannot be.</param>
    public static VirtioLink? TryCreate(VirtioTransport transport, string name, out Failure? failure)
    {
        var events = new OwnerEvents();
        var device = new VirtioNet(transport, name, events, s_options);
        if (!device.TryStart(out failure))
        {
            return null;
        }

        var link = new VirtioLink(device);
        link.Filter();
        events.Attach(link.OnUsedBuffers, link.OnConfigurationChange);

        // What changed before the link was there to be told: the device may have answered its first notification with
        // trouble.
        link.OnConfigurationChange();
        return link;
    }

    /// <summary>Ends the link's life because its device is about to be taken out, or has been.</summary>
    public void Remove() => Alone(() =>
    {
        _isGone = true;
        _device.Stop();
    });

    /// <inheritdoc/>
    public bool TrySuspend([NotNullWhen(false)] out Failure? failure)
    {
        Alone(() => _isLent = !_isGone && _device.Stop());
        failure = _isLent ? null : new Failure(_isGone ? "is out of use" : "does not finish its reset");
        return _isLent;
    }

    /// <inheritdoc/>
    public bool TryResume([NotNullWhen(false)] out Failure? failure)
    {
        Failure? reason = null;
        Alone(() =>
        {
            _isLent = false;
            if (_isGone)
            {
                reason = new Failure("is out of use");
                return;
            }

            if (!_device.TryStart(out reason))
            {
                _recovery.GiveUp(reason);
                _isGone = true;
            }
            else if (!IsTheSame())
            {
                reason = new Failure("is not what it was");
                _isGone = true;
            }
        });
        Serve();
        failure = reason;
        return reason is null;
    }

    /// <summary>Names the stack that received frames go to. Comes once.</summary>
    public void Connect(NetworkStack stack)
    {
        lock (_receiveGate)
        {
            _receiver = new FrameReceiver(this, stack, _longestReceive);
        }

        // What came before has raised its interrupt in vain.
        Serve();
    }

    /// <inheritdoc/>
    public override bool TrySend(ReadOnlySpan<byte> frame) => Send(frame, default);

    /// <inheritdoc/>
    public override bool TrySend(ReadOnlySpan<byte> frame, in FrameOffload offload) => Send(frame, new TransmitOffload(
        (ushort)offload.ChecksumStart,
        (ushort)offload.ChecksumOffset,
        offload.SegmentSize > 0 ? SegmentKind.Tcp4 : SegmentKind.None,
        (ushort)offload.HeaderLength,
        (ushort)offload.SegmentSize));

    /// <inheritdoc/>
    public override void Flush()
    {
        bool isInTrouble;
        lock (_transmitGate)
        {
            ulong begun = _meter?.Begin() ?? 0;
            _device.NotifyTransmit();
            _meter?.EndNotify(begun);
            isInTrouble = _device.State == DeviceState.NeedsReset;
        }

        if (isInTrouble)
        {
            Elsewhere(Serve);
        }
    }

    /// <inheritdoc/>
    public override void SetGroups(ReadOnlySpan<MacAddress> stations)
    {
        ulong[] groups = new ulong[stations.Length];
        for (int i = 0; i < groups.Length; i++)
        {
            groups[i] = stations[i].Value;
        }

        lock (_groupsGate)
        {
            _groups = groups;
            _areGroupsDue = true;
        }

        // Not here: the stack's lock is held, and the device is waited for.
        Elsewhere(NameGroups);
    }

    /// <summary>
    /// Looks whether frames were sent, and again as long as there are some that were not: a device may sleep over them.
    /// </summary>
    public void LookAfterTransmitted()
    {
        lock (_transmitGate)
        {
            _isLookPlanned = _device.LookAfterTransmitted();
            if (_isLookPlanned)
            {
                PlanLook();
            }
        }

        Serve();
    }

    private static LinkOffloads OffloadsOf(VirtioNet device) =>
        !device.CanCompleteChecksums ? LinkOffloads.None
        : device.CanCut(SegmentKind.Tcp4) ? LinkOffloads.Checksum | LinkOffloads.TcpSegmentation
        : LinkOffloads.Checksum;

    private bool Send(ReadOnlySpan<byte> frame, in TransmitOffload offload)
    {
        bool isTaken;
        bool isInTrouble;
        lock (_transmitGate)
        {
            ulong begun = _meter?.Begin() ?? 0;
            isTaken = _device.TryTransmit(frame, offload) == TransmitStatus.Ok;
            _meter?.EndSubmit(begun);
            if (isTaken && !_isLookPlanned)
            {
                _isLookPlanned = true;
                PlanLook();
            }

            isInTrouble = _device.State == DeviceState.NeedsReset;
        }

        if (isInTrouble)
        {
            // Not here: the stack's lock is held, and no interrupt need follow.
            Elsewhere(Serve);
        }

        return isTaken;
    }

    /// <summary>
    /// Has the device filter: it hands on what is for the station, for everybody, and for groups that were named; and
    /// frames whose tag names no VLAN.
    /// </summary>
    private void Filter()
    {
        lock (_controlGate)
        {
            if (_device.Control.HasStations)
            {
                _device.Control.TrySetStations([], []);
                _device.Control.TrySetModes(ReceiveModes.Promiscuous, isOn: false);
            }

            _device.Control.TrySetVlan(0, isWanted: true);
        }
    }

    /// <summary>
    /// Names the groups whose frames are wanted, or wants all where the device has no room for so many.
    /// </summary>
    private void NameGroups()
    {
        lock (_controlGate)
        {
            ulong[] groups;
            lock (_groupsGate)
            {
                groups = _groups;
                if (!_areGroupsDue)
                {
                    return;
                }

                _areGroupsDue = false;
            }

            ControlStatus status = _device.Control.TrySetStations([], groups);
            if (status is ControlStatus.Refused or ControlStatus.Invalid)
            {
                _device.Control.TrySetModes(ReceiveModes.AllMulticast, isOn: true);
            }
        }

        Serve();
    }

    /// <summary>Announces the station where the device asks for it (virtio 1.4, 5.1.9.5.4).</summary>
    private void Announce()
    {
        NetworkStack? stack;
        lock (_receiveGate)
        {
            stack = _receiver?.Stack;
        }

        // A stack that has not come yet announces its address when it gets one.
        stack?.Announce();
        lock (_controlGate)
        {
            if (_device.IsAnnouncementDue)
            {
                _device.Control.AcknowledgeAnnouncement();
            }
        }

        Serve();
    }

    /// <summary>Does something while nobody else uses the device.</summary>
    private void Alone(Action action)
    {
        lock (_controlGate)
        {
            lock (_receiveGate)
            {
                lock (_transmitGate)
                {
                    action();
                }
            }
        }
    }

    private void OnUsedBuffers(ushort queueIndex)
    {
        if (queueIndex > VirtioNet.TransmitQueueIndex)
        {
            // Whoever gives a command waits for it.
            return;
        }

        if (queueIndex == VirtioNet.TransmitQueueIndex)
        {
            lock (_transmitGate)
            {
                ulong begun = _meter?.Begin() ?? 0;
                _device.ReclaimTransmitted();
                _meter?.EndComplete(begun);
            }

            RoomMade?.Invoke();
        }

        Serve();
    }

    private void OnConfigurationChange()
    {
        Alone(_device.ObserveChange);
        Serve();
        if (_device.IsAnnouncementDue)
        {
            Elsewhere(Announce);
        }
    }

    /// <summary>Takes what the device has received, and brings it up again where it is in trouble.</summary>
    private void Serve()
    {
        do
        {
            Receive();
        }
        while (TryRecover());
    }

    private void Receive()
    {
        bool hasMore = true;
        while (hasMore)
        {
            bool isFull;
            lock (_receiveGate)
            {
                if (_isGone || _isLent || _receiver is null)
                {
                    return;
                }

                _begun = _meter?.Begin() ?? 0;
                _device.DisableReceiveInterrupts();
                isFull = _device.Receive(_receiver, Batch) == Batch;
                hasMore = isFull || _device.EnableReceiveInterrupts();
                _meter?.EndComplete(_begun);
                _receiver.End();
            }

            if (isFull)
            {
                // In a flood those have to run as well whom it is for: else it is dropped at their sockets.
                Thread.Yield();
            }
        }
    }

    /// <summary>Brings the device up again where it is in trouble.</summary>
    /// <returns>Whether it did, and has to be looked at again: there is no interrupt for what came meanwhile.</returns>
    private bool TryRecover() => _device.State == DeviceState.NeedsReset && Recover();

    private bool Recover()
    {
        bool isRecovered = false;
        Alone(() =>
        {
            // Another thread may have come first.
            if (!_isGone && _device.State == DeviceState.NeedsReset)
            {
                _device.Stop();
                _isGone = !_recovery.TryRestart() || !IsTheSame();
                isRecovered = !_isGone;
            }
        });
        return isRecovered;
    }

    /// <summary>Whether the device is what those above the link took it for.</summary>
    private bool IsTheSame()
    {
        Failure? failure = _device.MacAddress != Address.Value || _device.Mtu < Mtu
            ? new Failure("has another address or a smaller MTU than before")
            : (Offloads & ~OffloadsOf(_device)) != 0 ? new Failure("can do less with frames than before") : null;
        if (failure is not null)
        {
            _recovery.GiveUp(failure);
        }

        return failure is null;
    }

    /// <summary>Copies frames out of the device's reach before the stack looks at them.</summary>
    private sealed class FrameReceiver : FrameSink
    {
        private readonly VirtioLink _link;
        private readonly byte[] _frame;
        private bool _hasBegun;

        /// <summary>Creates a receiver for frames up to a length in bytes; longer ones are not for us.</summary>
        public FrameReceiver(VirtioLink link, NetworkStack stack, int maximumLength)
        {
            _link = link;
            Stack = stack;
            _frame = new byte[maximumLength];
        }

        /// <summary>Who takes the frames.</summary>
        public NetworkStack Stack { get; }

        /// <inheritdoc/>
        public override void OnFrame(ReadOnlySpan<byte> frame) => OnFrame(frame, default);

        /// <inheritdoc/>
        public override void OnFrame(ReadOnlySpan<byte> frame, in FrameInfo info)
        {
            if (_link._meter is DriverMeter meter)
            {
                // What follows is not the driver's.
                meter.EndComplete(_link._begun);
                Take(frame, info);
                _link._begun = meter.Begin();
            }
            else
            {
                Take(frame, info);
            }
        }

        /// <summary>Ends a batch of frames, if there were any.</summary>
        public void End()
        {
            if (_hasBegun)
            {
                _hasBegun = false;
                Stack.EndBatch();
            }
        }

        private void Take(ReadOnlySpan<byte> frame, in FrameInfo info)
        {
            if (!_hasBegun)
            {
                _hasBegun = true;
                Stack.BeginBatch();
            }

            var checksum = (FrameChecksum)info.Checksum;
            if (info.IsPrivate)
            {
                Stack.OnBatchedFrame(frame, checksum);
            }
            else if (frame.Length <= _frame.Length)
            {
                frame.CopyTo(_frame);
                Stack.OnBatchedFrame(_frame.AsSpan(0, frame.Length), checksum);
            }
        }
    }
}
