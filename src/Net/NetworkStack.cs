using System;
using System.Threading;
using VirtioGuest.Hal;
using VirtioGuest.Net.Protocols;
using VirtioGuest.Net.Tcp;

namespace VirtioGuest.Net;

/// <summary>
/// IPv4 on one Ethernet link, with ARP, ICMP echo, UDP, TCP and DHCP: what a host needs to get an address and to talk.
/// </summary>
/// <remarks>
/// <para>
/// The stack has no thread. Frames come in on the driver's thread, calls come from any thread, and each of them also
/// does what has become due in the meantime; a machine that is otherwise idle calls <see cref="RunTimers"/>.
/// </para>
/// <para>
/// One lock guards everything (<see cref="Turn"/>). It is held while frames are sent, and never while a caller waits or
/// handles an event.
/// </para>
/// </remarks>
public sealed class NetworkStack
{
    /// <summary>
    /// The smallest <see cref="EthernetLink.Mtu"/>: what every link must carry in one piece (RFC 791, 3.2).
    /// </summary>
    public const int MinimumMtu = 68;

    /// <summary>The size in bytes of a packet that every host must be able to receive (RFC 1122, 3.3.2).</summary>
    internal const int SurePacketLength = 576;

    /// <summary>The largest <see cref="EthernetLink.Mtu"/>: the largest IPv4 packet (RFC 791, 3.1).</summary>
    public const int MaximumMtu = 65535;

    private static readonly TimeSpan s_shortestWait = TimeSpan.FromMilliseconds(1);

    private readonly Lock _gate = new();
    private readonly EthernetLink _link;
    private readonly EthernetPort _port;
    private readonly NetworkClock _clock;
    private readonly StackCounters _counters = new();
    private readonly ArpCache _arp;
    private readonly Reassembly _reassembly;
    private readonly IPv4Interface _ipv4;
    private readonly IcmpEcho _icmp;
    private readonly UdpPorts _udp;
    private readonly DhcpClient _dhcp;
    private readonly FrameReceiver _receiver;
    private readonly TcpSecret _secret;
    private IPv4Configuration? _connectionsFrom;
    private TimeSpan _promised = TimeSpan.MaxValue;
    private TimeSpan _batchNow;
    private bool _isAwaitingDhcp;

    /// <summary>Creates a stack without an address.</summary>
    /// <exception cref="ArgumentException">The stack cannot work with the link's address or MTU.</exception>
    public NetworkStack(EthernetLink link)
        : this(link, NetworkClock.System)
    {
    }

    /// <summary>Creates a stack without an address.</summary>
    /// <param name="link">The network device.</param>
    /// <param name="clock">The clock for timeouts and timers, which is read with every frame.</param>
    /// <exception cref="ArgumentException">The stack cannot work with the link's address or MTU.</exception>
    public NetworkStack(EthernetLink link, NetworkClock clock)
        : this(link, clock, new Random(), NewSecret())
    {
    }

    /// <summary>Creates a stack without an address.</summary>
    /// <param name="link">The network device.</param>
    /// <param name="clock">The clock for timeouts and timers.</param>
    /// <param name="random">Where everything comes from that is chosen at random.</param>
    /// <exception cref="ArgumentException">The stack cannot work with the link's address or MTU.</exception>
    public NetworkStack(EthernetLink link, NetworkClock clock, Random random)
        : this(link, clock, random, NewSecret(random))
    {
    }

    private NetworkStack(EthernetLink link, NetworkClock clock, Random random, ReadOnlySpan<byte> secret)
    {
        ArgumentNullException.ThrowIfNull(link);
        ArgumentNullException.ThrowIfNull(clock);
        ArgumentNullException.ThrowIfNull(random);
        if (!link.Address.IsUnicast)
        {
            throw new ArgumentException($"{link.Address} cannot be the address of a network device.", nameof(link));
        }

        if (link.Mtu is < MinimumMtu or > MaximumMtu)
        {
            throw new ArgumentException(
                $"An MTU of {link.Mtu} is not between {MinimumMtu} and {MaximumMtu}.", nameof(link));
        }

        _link = link;
        _clock = clock;
        _port = new EthernetPort(link, _counters);
        var output = new IPv4Output(_port, _counters);
        _arp = new ArpCache(_port, output, _counters, OnUnanswered);
        _reassembly = new Reassembly(_counters);
        _ipv4 = new IPv4Interface(output, _arp, random);
        _icmp = new IcmpEcho(_ipv4, _counters, random);
        _udp = new UdpPorts(_ipv4, _counters, random);
        _secret = new TcpSecret(secret);
        Tcp = new TcpTable(new TcpOverIPv4(_ipv4, link.Offloads), _counters, _secret);
        _dhcp = new DhcpClient(_ipv4, _counters, random, _port.Address);
        var icmp = new IcmpInput(_ipv4, _counters, _icmp, Tcp, _udp);
        var errors = new IcmpErrors(_ipv4);
        _receiver = new FrameReceiver(_port, _counters, _arp, _ipv4, _reassembly, icmp, errors, _udp, Tcp, _dhcp);
    }

    /// <summary>
    /// Raised when <see cref="RunTimers"/> has to be called earlier than it has said last. Without a lock, on any
    /// thread.
    /// </summary>
    public event Action? SoonerTimer;

    /// <summary>The longest that any call waits; longer timeouts are cut to it.</summary>
    public static TimeSpan LongestWait { get; } = TimeSpan.FromHours(1);

    /// <summary>The address in use and what goes with it; null where there is none.</summary>
    public IPv4Configuration? Configuration
    {
        get
        {
            lock (_gate)
            {
                return _ipv4.Configuration;
            }
        }
    }

    /// <summary>What a DHCP server has granted; null where the address does not come from one.</summary>
    public DhcpLease? Lease
    {
        get
        {
            lock (_gate)
            {
                return _dhcp.Lease;
            }
        }
    }

    /// <summary>Who sees the frames; null for nobody. Nobody is called any more once another is set.</summary>
    public FrameObserver? Observer
    {
        get
        {
            lock (_gate)
            {
                return _port.Observer;
            }
        }

        set
        {
            lock (_gate)
            {
                _port.Observer = value;
            }
        }
    }

    /// <summary>
    /// Takes a frame that the device has received. Whatever is in it, this does not throw; it allocates only for a new
    /// connection.
    /// </summary>
    /// <param name="frame">Header and data, without the frame check sequence. Not kept after the return.</param>
    /// <remarks>
    /// Called by the driver on any thread, without a lock that <see cref="EthernetLink.TrySend"/> takes.
    /// </remarks>
    public void OnFrame(ReadOnlySpan<byte> frame) => OnFrame(frame, FrameChecksum.Unknown);

    /// <summary>Takes a frame of which the device knows more; as the other one otherwise.</summary>
    /// <param name="frame">Header and data.</param>
    /// <param name="checksum">What the device knows of TCP's or UDP's checksum.</param>
    public void OnFrame(ReadOnlySpan<byte> frame, FrameChecksum checksum)
    {
        using Turn turn = Enter(isLate: true);
        Take(frame, checksum, turn.Now);
    }

    /// <summary>
    /// Begins a batch of frames, which are one turn of the stack: <see cref="OnBatchedFrame"/> for each, then
    /// <see cref="EndBatch"/>, all on one thread. Whoever it is for hears of them at the end, when answers leave, too.
    /// </summary>
    /// <remarks>The stack's lock is held until the end, so that the batch is to be a short one.</remarks>
    public void BeginBatch()
    {
        _gate.Enter();
        _batchNow = _clock.Now;
    }

    /// <summary>Takes a frame of a batch; as <see cref="OnFrame(ReadOnlySpan{byte}, FrameChecksum)"/> otherwise.
    /// </summary>
    public void OnBatchedFrame(ReadOnlySpan<byte> frame, FrameChecksum checksum) => Take(frame, checksum, _batchNow);

    /// <summary>Ends a batch.</summary>
    public void EndBatch() => Leave(_batchNow, isLate: true);

    /// <summary>
    /// Tells the neighbours where this host is (RFC 5227, 2.3): for a device that has found itself on another network.
    /// </summary>
    public void Announce()
    {
        using Turn turn = Enter();
        _arp.Announce();
    }

    /// <summary>Sets an address by hand, and ends the use of DHCP.</summary>
    /// <returns>Whether the parts fit together; if not, nothing has changed.</returns>
    /// <seealso cref="IPv4Configuration.TryCreate"/>
    public bool TrySetStatic(
        IPv4Address address, int prefixLength, IPv4Address gateway, IPv4Address nameServer = default)
    {
        if (!IPv4Configuration.TryCreate(
            address, prefixLength, gateway, nameServer, out IPv4Configuration? configuration))
        {
            return false;
        }

        using Turn turn = Enter();
        _dhcp.Stop();
        _ipv4.Configure(configuration);
        return true;
    }

    /// <summary>Gets an address by DHCP and uses it. An address in use stays until there is a new one.</summary>
    /// <param name="timeout">
    /// How long to wait at most, cut to <see cref="LongestWait"/>. A lost message is sent again after four seconds,
    /// then after eight.
    /// </param>
    public DhcpResult Dhcp(TimeSpan timeout)
    {
        TimeSpan deadline;
        using (Turn turn = Enter())
        {
            deadline = DeadlineAfter(turn.Now, timeout);
            if (_isAwaitingDhcp)
            {
                return new DhcpResult(DhcpStatus.Busy);
            }

            if (!_link.IsUp)
            {
                return new DhcpResult(DhcpStatus.LinkDown);
            }

            _isAwaitingDhcp = true;
            _dhcp.Start(turn.Now);
        }

        while (true)
        {
            TimeSpan wait;
            using (Turn turn = Enter())
            {
                if (_dhcp.IsIdle || _dhcp.Progress == DhcpStatus.Bound || turn.Now >= deadline)
                {
                    return EndDhcp();
                }

                wait = WaitFrom(turn.Now, deadline);
            }

            _clock.Wait(_dhcp.Signal, wait);
        }
    }

    /// <summary>Sends an ICMP echo request and waits for the reply.</summary>
    /// <param name="destination">A unicast address.</param>
    /// <param name="sequence">A number that tells this request from the ones before and after.</param>
    /// <param name="timeout">How long to wait at most; cut to <see cref="LongestWait"/>.</param>
    /// <param name="payload">What to send along; a reply that does not bring the same back does not count.</param>
    public PingResult Ping(IPv4Address destination, ushort sequence, TimeSpan timeout, ReadOnlySpan<byte> payload)
    {
        EchoRequest? request;
        TimeSpan deadline;
        using (Turn turn = Enter())
        {
            deadline = DeadlineAfter(turn.Now, timeout);
            request = _icmp.Start(destination, sequence, payload, turn.Now, out PingResult failure);
            if (request is null)
            {
                return failure;
            }
        }

        while (true)
        {
            TimeSpan wait;
            using (Turn turn = Enter())
            {
                if (request.Result is not null || turn.Now >= deadline)
                {
                    _icmp.Forget(request);
                    return request.Result ?? PingResults.TimedOut;
                }

                wait = WaitFrom(turn.Now, deadline);
            }

            _clock.Wait(request.Signal, wait);
        }
    }

    /// <summary>Opens a UDP port.</summary>
    /// <param name="port">The port, or 0 for any that is free.</param>
    /// <returns>The socket, or null where the port is in use or too many are open.</returns>
    public UdpSocket? OpenUdp(ushort port)
    {
        lock (_gate)
        {
            UdpQueue? queue = _udp.Open(port);
            return queue is null ? null : new UdpSocket(this, queue);
        }
    }

    /// <summary>Makes a TCP socket, which is not bound and not connected.</summary>
    public TcpSocket OpenTcp() => new(this);

    /// <summary>Does what has become due: sends something again, renews a lease or gives it up.</summary>
    /// <returns>
    /// How long until there is something to do again; at most <see cref="LongestWait"/>. Where that changes,
    /// <see cref="SoonerTimer"/> says so.
    /// </returns>
    public TimeSpan RunTimers()
    {
        using Turn turn = Enter();
        TimeSpan wait = WaitFrom(turn.Now, turn.Now + LongestWait);
        _promised = turn.Now + wait;
        return wait;
    }

    /// <summary>What the stack has done so far.</summary>
    public NetworkStatistics GetStatistics()
    {
        lock (_gate)
        {
            TimeSpan now = _clock.Now;
            _reassembly.RunTimers(now);
            return _counters.Snapshot(_arp.CountResolved(now), Tcp.Connections);
        }
    }

    /// <summary>The time.</summary>
    internal TimeSpan Now => _clock.Now;

    /// <summary>The connections; under the lock.</summary>
    internal TcpTable Tcp { get; }

    internal SendStatus SendUdp(UdpQueue queue, IPv4Address destination, ushort port, ReadOnlySpan<byte> data)
    {
        using Turn turn = Enter();
        return _udp.Send(queue, destination, port, data, turn.Now);
    }

    internal SendStatus SendUdp(
        UdpQueue queue, IPv4Address destination, ushort port, ReadOnlySpan<byte> data, int size, out int sent)
    {
        using Turn turn = Enter();
        SendStatus status = SendStatus.Sent;
        for (sent = 0; sent < data.Length && status is SendStatus.Sent or SendStatus.Queued;)
        {
            int length = Math.Min(size, data.Length - sent);
            status = _udp.Send(queue, destination, port, data.Slice(sent, length), turn.Now);
            sent += status is SendStatus.Sent or SendStatus.Queued ? length : 0;
        }

        return status;
    }

    internal bool ReceiveUdp(UdpQueue queue, Span<byte> buffer, TimeSpan timeout, out UdpDatagram datagram)
    {
        TimeSpan deadline = DeadlineAfter(_clock.Now, timeout);
        while (true)
        {
            TimeSpan wait;
            using (Turn turn = Enter())
            {
                bool isTaken = queue.TryTake(buffer, isPeek: false, out datagram);
                if (isTaken || !queue.IsOpen || turn.Now >= deadline || queue.TellUnreachable())
                {
                    queue.WakeNext();
                    return isTaken;
                }

                wait = WaitFrom(turn.Now, deadline);
            }

            _clock.Wait(queue.Signal, wait);
        }
    }

    internal bool TakeUdp(UdpQueue queue, Span<byte> buffer, bool isPeek, out UdpDatagram datagram)
    {
        using Turn turn = Enter();
        return queue.TryTake(buffer, isPeek, out datagram);
    }

    internal int TakeUdp(UdpQueue queue, Span<byte> buffer, Span<UdpDatagram> datagrams)
    {
        using Turn turn = Enter();
        int count = 0;
        while (count < datagrams.Length
            && (count == 0 || queue.NextLength <= buffer.Length)
            && queue.TryTake(buffer, isPeek: false, out datagrams[count]))
        {
            buffer = buffer[Math.Min(datagrams[count++].Length, buffer.Length)..];
        }

        return count;
    }

    internal int? NextLength(UdpQueue queue)
    {
        lock (_gate)
        {
            return queue.NextLength;
        }
    }

    internal bool HasSomething(UdpQueue queue)
    {
        lock (_gate)
        {
            return queue.HasSomething;
        }
    }

    internal void SetChanged(UdpQueue queue, Action changed)
    {
        lock (_gate)
        {
            queue.Changed = changed;
        }
    }

    /// <summary>A number for a question, which nobody can guess.</summary>
    internal ushort DrawIdentifier()
    {
        lock (_gate)
        {
            return (ushort)_secret.Draw(ushort.MaxValue + 1);
        }
    }

    internal bool TakeUnreachable(UdpQueue queue, out UdpUnreachable error)
    {
        lock (_gate)
        {
            return queue.TryTakeUnreachable(out error);
        }
    }

    internal bool JoinGroup(UdpQueue queue, IPv4Address group)
    {
        lock (_gate)
        {
            bool isJoined = queue.IsOpen && _ipv4.TryJoin(group);
            if (isJoined)
            {
                queue.Groups.Add(group);
                _link.SetGroups(_ipv4.GroupStations());
            }

            return isJoined;
        }
    }

    internal void LeaveGroup(UdpQueue queue, IPv4Address group)
    {
        lock (_gate)
        {
            if (queue.Groups.Remove(group))
            {
                _ipv4.Leave(group);
                _link.SetGroups(_ipv4.GroupStations());
            }
        }
    }

    internal void CloseUdp(UdpQueue queue)
    {
        lock (_gate)
        {
            if (queue.Groups.Count != 0)
            {
                queue.Groups.ForEach(_ipv4.Leave);
                queue.Groups.Clear();
                _link.SetGroups(_ipv4.GroupStations());
            }

            _udp.Close(queue);
        }
    }

    private DhcpResult EndDhcp()
    {
        _isAwaitingDhcp = false;
        if (_dhcp.IsIdle)
        {
            return new DhcpResult(DhcpStatus.Busy);
        }

        _dhcp.Abandon();
        return new DhcpResult(_dhcp.Progress, _dhcp.Progress == DhcpStatus.Bound ? _dhcp.Lease : null);
    }

    private static byte[] NewSecret(Random random)
    {
        byte[] secret = new byte[TcpSecret.KeyLength];
        random.NextBytes(secret);
        return secret;
    }

    /// <summary>A key from the system's own source, which nobody can compute from other numbers of ours.</summary>
    private static byte[] NewSecret()
    {
        // A GUID has 122 random bits; a second one covers the places of the other six.
        Span<byte> other = stackalloc byte[TcpSecret.KeyLength];
        byte[] secret = Guid.NewGuid().ToByteArray();
        Guid.NewGuid().TryWriteBytes(other);
        for (int i = 0; i < secret.Length; i++)
        {
            secret[i] ^= other[(i + 4) % other.Length];
        }

        return secret;
    }

    /// <summary>Takes the lock, and does what has become due.</summary>
    /// <param name="isLate">Whether that is done at the end, for the sake of what waits to be done.</param>
    internal Turn Enter(bool isLate = false)
    {
        _gate.Enter();
        TimeSpan now = _clock.Now;
        if (!isLate)
        {
            RunDueTimers(now);
        }

        return new Turn(this, now, isLate);
    }

    private void Take(ReadOnlySpan<byte> frame, FrameChecksum checksum, TimeSpan now)
    {
        _port.Observer?.OnFrame(frame, isSent: false);
        _receiver.OnFrame(frame, checksum != FrameChecksum.Unknown, now);
    }

    private void Leave(TimeSpan now, bool isLate)
    {
        bool hasRaised;
        bool isSooner;
        try
        {
            if (isLate)
            {
                RunDueTimers(now);
            }

            _receiver.ReceiveLoopback(now);
            _port.Flush();
            if (_ipv4.Configuration != _connectionsFrom)
            {
                _connectionsFrom = _ipv4.Configuration;
                Tcp.OnAddressChange();
            }

            hasRaised = Tcp.HasRaised || _udp.HasRaised;
            TimeSpan next = NextTimer(now);
            isSooner = next < _promised;
            _promised = isSooner ? next : _promised;
        }
        finally
        {
            _gate.Exit();
        }

        if (hasRaised)
        {
            RaiseReadiness();
        }

        if (isSooner)
        {
            SoonerTimer?.Invoke();
        }
    }

    private void RaiseReadiness()
    {
        while (true)
        {
            TcpSocket? socket;
            TcpReadiness readiness;
            UdpQueue? queue;
            lock (_gate)
            {
                Tcp.TryTakeRaised(out socket, out readiness);
                queue = socket is null ? _udp.TakeRaised() : null;
            }

            if (socket is null && queue is null)
            {
                return;
            }

            socket?.RaiseReadiness(readiness);
            queue?.Changed?.Invoke();
        }
    }

    private void OnUnanswered(IPv4Address neighbour)
    {
        _icmp.OnUnanswered(neighbour);
        Tcp.OnNoNeighbour(
            remote => _ipv4.TryRoute(remote.IPv4, out IPv4Address nextHop) && nextHop == neighbour);
    }

    private void RunDueTimers(TimeSpan now)
    {
        _reassembly.RunTimers(now);
        _arp.RunTimers(now);
        _dhcp.RunTimers(now);
        Tcp.RunTimers(now);
    }

    private static TimeSpan DeadlineAfter(TimeSpan now, TimeSpan timeout)
    {
        return now + TimeSpan.FromTicks(Math.Clamp(timeout.Ticks, 0, LongestWait.Ticks));
    }

    /// <summary>How long to wait for the next timer, or for the deadline where that comes first.</summary>
    private TimeSpan WaitFrom(TimeSpan now, TimeSpan deadline)
    {
        TimeSpan until = Earlier(deadline, NextTimer(now));
        return until - now > s_shortestWait ? until - now : s_shortestWait;
    }

    private TimeSpan NextTimer(TimeSpan now) =>
        _ipv4.HasLoopback ? now : Earlier(Earlier(Tcp.NextTimer, _arp.NextTimer), _dhcp.NextTimer);

    private static TimeSpan Earlier(TimeSpan time, TimeSpan? other) => other < time ? other.Value : time;

    /// <summary>A visit to the stack: the lock is held until it is disposed of.</summary>
    internal readonly ref struct Turn
    {
        private readonly NetworkStack _stack;
        private readonly bool _isLate;

        public Turn(NetworkStack stack, TimeSpan now, bool isLate)
        {
            _stack = stack;
            _isLate = isLate;
            Now = now;
        }

        /// <summary>The time.</summary>
        public TimeSpan Now { get; }

        public TcpTable Tcp => _stack.Tcp;

        /// <summary>Receives what was sent to ourselves, releases the lock, and raises events.</summary>
        public void Dispose() => _stack.Leave(Now, _isLate);
    }
}
