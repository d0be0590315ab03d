using System;
using System.Threading;
using VirtioGuest.Hal;
using VirtioGuest.Net.Protocols;

namespace VirtioGuest.Net;

/// <summary>
/// IPv4 on one Ethernet link, with ARP, ICMP echo, UDP and DHCP: what a host needs to get an address and to talk.
/// </summary>
/// <remarks>
/// <para>
/// The stack has no thread. Frames come in on the driver's thread, calls come from any thread, and each of them also
/// does what has become due in the meantime; a machine that is otherwise idle calls <see cref="RunTimers"/>.
/// </para>
/// <para>
/// One lock guards everything. It is held while frames are sent, and never while a caller waits.
/// </para>
/// </remarks>
public sealed class NetworkStack
{
    /// <summary>
    /// The smallest <see cref="EthernetLink.Mtu"/>: what every host must be able to receive (RFC 1122, 3.3.2).
    /// </summary>
    public const int MinimumMtu = 576;

    /// <summary>The largest <see cref="EthernetLink.Mtu"/>: the largest IPv4 packet (RFC 791, 3.1).</summary>
    public const int MaximumMtu = 65535;

    private static readonly TimeSpan s_shortestWait = TimeSpan.FromMilliseconds(1);

    private readonly Lock _gate = new();
    private readonly EthernetLink _link;
    private readonly NetworkClock _clock;
    private readonly StackCounters _counters = new();
    private readonly ArpCache _arp;
    private readonly Reassembly _reassembly;
    private readonly IPv4Interface _ipv4;
    private readonly IcmpEcho _icmp;
    private readonly UdpPorts _udp;
    private readonly DhcpClient _dhcp;
    private readonly FrameReceiver _receiver;
    private bool _isAwaitingDhcp;

    /// <summary>Creates a stack without an address.</summary>
    /// <exception cref="ArgumentException">The stack cannot work with the link's address or MTU.</exception>
    public NetworkStack(EthernetLink link)
        : this(link, NetworkClock.System, new Random())
    {
    }

    /// <summary>Creates a stack without an address.</summary>
    /// <param name="link">The network device.</param>
    /// <param name="clock">The clock for timeouts and timers.</param>
    /// <param name="random">Where identifiers, port numbers and the jitter of retransmissions come from.</param>
    /// <exception cref="ArgumentException">The stack cannot work with the link's address or MTU.</exception>
    public NetworkStack(EthernetLink link, NetworkClock clock, Random random)
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
        var port = new EthernetPort(link, _counters);
        var output = new IPv4Output(port, _counters);
        _arp = new ArpCache(port, output, _counters, address => _icmp!.OnUnanswered(address));
        _reassembly = new Reassembly(_counters);
        _ipv4 = new IPv4Interface(output, _arp, random);
        _icmp = new IcmpEcho(_ipv4, _counters, random);
        _udp = new UdpPorts(_ipv4, _counters, random);
        _dhcp = new DhcpClient(_ipv4, _counters, random, port.Address);
        _receiver = new FrameReceiver(port, _counters, _arp, _ipv4, _reassembly, _icmp, _udp, _dhcp);
    }

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

    /// <summary>
    /// Takes a frame that the device has received. Whatever is in it, this neither throws nor allocates.
    /// </summary>
    /// <param name="frame">Header and data, without the frame check sequence. Not kept after the return.</param>
    /// <remarks>
    /// Called by the driver on any thread, without a lock that <see cref="EthernetLink.TrySend"/> takes.
    /// </remarks>
    public void OnFrame(ReadOnlySpan<byte> frame)
    {
        lock (_gate)
        {
            _receiver.OnFrame(frame, _clock.Now);
            RunDueTimers();
        }
    }

    /// <summary>Sets an address by hand, and ends the use of DHCP.</summary>
    /// <returns>Whether the parts fit together; if not, nothing has changed.</returns>
    /// <seealso cref="IPv4Configuration.TryCreate"/>
    public bool TrySetStatic(IPv4Address address, int prefixLength, IPv4Address gateway)
    {
        if (!IPv4Configuration.TryCreate(
            address, prefixLength, gateway, IPv4Address.Any, out IPv4Configuration? configuration))
        {
            return false;
        }

        lock (_gate)
        {
            _dhcp.Stop();
            _ipv4.Configure(configuration);
        }

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
        lock (_gate)
        {
            TimeSpan now = _clock.Now;
            deadline = DeadlineAfter(now, timeout);
            if (_isAwaitingDhcp)
            {
                return new DhcpResult(DhcpStatus.Busy);
            }

            if (!_link.IsUp)
            {
                return new DhcpResult(DhcpStatus.LinkDown);
            }

            _isAwaitingDhcp = true;
            _dhcp.Start(now);
        }

        while (true)
        {
            TimeSpan wait;
            lock (_gate)
            {
                TimeSpan now = RunDueTimers();
                if (_dhcp.IsIdle || _dhcp.Progress == DhcpStatus.Bound || now >= deadline)
                {
                    return EndDhcp();
                }

                wait = WaitFrom(now, deadline);
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
        lock (_gate)
        {
            TimeSpan now = _clock.Now;
            deadline = DeadlineAfter(now, timeout);
            request = _icmp.Start(destination, sequence, payload, now, out PingResult failure);
            if (request is null)
            {
                return failure;
            }

            _receiver.ReceiveLoopback(now);
        }

        while (true)
        {
            TimeSpan wait;
            lock (_gate)
            {
                TimeSpan now = RunDueTimers();
                if (request.Result is not null || now >= deadline)
                {
                    _icmp.Forget(request);
                    return request.Result ?? PingResults.TimedOut;
                }

                wait = WaitFrom(now, deadline);
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

    /// <summary>Does what has become due: sends requests again, renews a lease or gives it up.</summary>
    /// <returns>How long until there is something to do again; at most <see cref="LongestWait"/>.</returns>
    public TimeSpan RunTimers()
    {
        lock (_gate)
        {
            TimeSpan now = RunDueTimers();
            return WaitFrom(now, now + LongestWait);
        }
    }

    /// <summary>What the stack has done so far.</summary>
    public NetworkStatistics GetStatistics()
    {
        lock (_gate)
        {
            TimeSpan now = _clock.Now;
            _reassembly.RunTimers(now);
            return _counters.Snapshot(_arp.CountResolved(now));
        }
    }

    internal SendStatus SendUdp(UdpQueue queue, IPv4Address destination, ushort port, ReadOnlySpan<byte> data)
    {
        lock (_gate)
        {
            TimeSpan now = RunDueTimers();
            SendStatus status = _udp.Send(queue, destination, port, data, now);
            _receiver.ReceiveLoopback(now);
            return status;
        }
    }

    internal bool ReceiveUdp(UdpQueue queue, Span<byte> buffer, TimeSpan timeout, out UdpDatagram datagram)
    {
        TimeSpan deadline = DeadlineAfter(_clock.Now, timeout);
        while (true)
        {
            TimeSpan wait;
            lock (_gate)
            {
                TimeSpan now = RunDueTimers();
                bool isTaken = queue.TryTake(buffer, out datagram);
                if (isTaken || !queue.IsOpen || now >= deadline)
                {
                    queue.WakeNext();
                    return isTaken;
                }

                wait = WaitFrom(now, deadline);
            }

            _clock.Wait(queue.Signal, wait);
        }
    }

    internal void CloseUdp(UdpQueue queue)
    {
        lock (_gate)
        {
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

    private TimeSpan RunDueTimers()
    {
        TimeSpan now = _clock.Now;
        _reassembly.RunTimers(now);
        _arp.RunTimers(now);
        _dhcp.RunTimers(now);
        return now;
    }

    private static TimeSpan DeadlineAfter(TimeSpan now, TimeSpan timeout)
    {
        return now + TimeSpan.FromTicks(Math.Clamp(timeout.Ticks, 0, LongestWait.Ticks));
    }

    /// <summary>How long to wait for the next timer, or for the deadline where that comes first.</summary>
    private TimeSpan WaitFrom(TimeSpan now, TimeSpan deadline)
    {
        TimeSpan until = Earlier(Earlier(deadline, _arp.NextTimer), _dhcp.NextTimer);
        return until - now > s_shortestWait ? until - now : s_shortestWait;
    }

    private static TimeSpan Earlier(TimeSpan time, TimeSpan? other) => other < time ? other.Value : time;
}
