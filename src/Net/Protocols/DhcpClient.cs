using System;
using System.Threading;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>A DHCP client: gets an address, and keeps it (RFC 2131, 4.4).</summary>
/// <remarks>
/// A state machine driven by time and messages. While it looks for a new lease it keeps the old one for as long as that
/// is valid, so that a failed attempt loses nothing.
/// </remarks>
internal sealed class DhcpClient
{
    /// <summary>How many times a request is sent before it looks for another offer (RFC 2131, 3.1, 5).</summary>
    public const int RequestLimit = 4;

    private const int LongestBackOffSeconds = 64;

    /// <summary>How long to wait after a refusal, so that a server that refuses everything causes no storm.</summary>
    private static readonly TimeSpan s_refusalPause = TimeSpan.FromSeconds(1);

    /// <summary>How long other servers have to answer before one that has failed us is taken.</summary>
    private static readonly TimeSpan s_secondChoicePause = TimeSpan.FromSeconds(1);

    /// <summary>The shortest time between attempts to renew a lease (RFC 2131, 4.4.5).</summary>
    private static readonly TimeSpan s_shortestRenewalInterval = TimeSpan.FromSeconds(60);

    private readonly IPv4Interface _ipv4;
    private readonly StackCounters _counters;
    private readonly Random _random;
    private readonly MacAddress _hardware;

    private DhcpState _state;
    private uint _transactionId;
    private TimeSpan _started;
    private TimeSpan _sent;
    private TimeSpan _retry;
    private int _attempts;
    private bool _wantsBroadcast;

    private DhcpAnswer _offer;
    private DhcpAnswer _granted;

    // A second server's offer, and the server that did not stand by its own.
    private DhcpAnswer? _reserve;
    private IPv4Address _avoided;
    private DhcpTimes _times = DhcpTimes.Never;

    public DhcpClient(IPv4Interface ipv4, StackCounters counters, Random random, MacAddress hardware)
    {
        _ipv4 = ipv4;
        _counters = counters;
        _random = random;
        _hardware = hardware;
    }

    /// <summary>The lease in use; null where there is none.</summary>
    public DhcpLease? Lease { get; private set; }

    /// <summary>How the present attempt would end if it ended now.</summary>
    public DhcpStatus Progress { get; private set; }

    public bool IsIdle => _state == DhcpState.Idle;

    /// <summary>Whether it waits for messages from servers.</summary>
    public bool IsListening => _state is not (DhcpState.Idle or DhcpState.Bound);

    /// <summary>Released when the state, and perhaps <see cref="NextTimer"/>, has changed.</summary>
    public SemaphoreSlim Signal { get; } = new(0);

    /// <summary>When <see cref="RunTimers"/> has something to do next; null for never.</summary>
    public TimeSpan? NextTimer
    {
        get
        {
            TimeSpan next = _state switch
            {
                DhcpState.Idle => TimeSpan.MaxValue,
                DhcpState.Bound => _times.Renewal,
                DhcpState.Renewing => _retry < _times.Rebinding ? _retry : _times.Rebinding,
                _ => _retry,
            };
            if (Lease is not null && _times.Expiry < next)
            {
                next = _times.Expiry;
            }

            return next == TimeSpan.MaxValue ? null : next;
        }
    }

    public void Start(TimeSpan now)
    {
        Progress = DhcpStatus.NoOffer;
        _avoided = default;
        Discover(now);
        RunTimers(now);
    }

    /// <summary>Ends an attempt that has taken too long; an older lease stays in use.</summary>
    public void Abandon()
    {
        if (IsListening)
        {
            _state = Lease is null ? DhcpState.Idle : DhcpState.Bound;
        }
    }

    /// <summary>Ends the use of DHCP; the caller changes the configuration.</summary>
    public void Stop()
    {
        _state = DhcpState.Idle;
        Lease = null;
        _times = DhcpTimes.Never;
        Wake();
    }

    /// <summary>Does what is due: sends messages again, renews the lease or gives it up.</summary>
    public void RunTimers(TimeSpan now)
    {
        if (Lease is not null && now >= _times.Expiry)
        {
            GiveUpLease(now);
        }

        switch (_state)
        {
            case DhcpState.Selecting or DhcpState.Requesting when now >= _retry && _reserve is not null:
                _avoided = _state == DhcpState.Requesting ? _offer.Server : _avoided;
                Choose(_reserve.Value, now);
                break;

            case DhcpState.Requesting when now >= _retry && _attempts >= RequestLimit:
                _avoided = _offer.Server;
                Discover(now);
                Send(now, now + NextBackOff());
                break;

            case DhcpState.Selecting or DhcpState.Requesting when now >= _retry:
                Send(now, now + NextBackOff());
                break;

            case DhcpState.Bound when now >= _times.Renewal:
                NewTransaction(DhcpState.Renewing, now);
                Send(now, now + RenewalInterval(_times.Rebinding - now));
                break;

            case DhcpState.Renewing when now >= _times.Rebinding:
                NewTransaction(DhcpState.Rebinding, now);
                Send(now, now + RenewalInterval(_times.Expiry - now));
                break;

            case DhcpState.Renewing when now >= _retry:
                Send(now, now + RenewalInterval(_times.Rebinding - now));
                break;

            case DhcpState.Rebinding when now >= _retry:
                Send(now, now + RenewalInterval(_times.Expiry - now));
                break;

            default:
                break;
        }
    }

    /// <param name="source">The datagram's IPv4 source.</param>
    /// <param name="data">The data of a UDP datagram to port 68; some servers and relays send from any port.</param>
    /// <param name="now">The time.</param>
    public void OnMessage(IPv4Address source, ReadOnlySpan<byte> data, TimeSpan now)
    {
        if (!DhcpMessage.TryParse(data, out DhcpMessage message))
        {
            _counters.Drop(DropReason.DhcpMalformed);
            return;
        }

        bool isForUs = message.IsReply
            && message.TransactionId == _transactionId
            && message.ClientHardware == _hardware;
        if (!isForUs || !TryAct(new DhcpAnswer(message, source), now))
        {
            _counters.Drop(DropReason.DhcpIgnored);
            return;
        }

        // The next message may now be due earlier than the waiting thread expected when it went to sleep.
        Wake();
    }

    private bool TryAct(in DhcpAnswer answer, TimeSpan now) => answer.Message.Type switch
    {
        DhcpMessageType.Offer => TryTakeOffer(answer, now),
        DhcpMessageType.None => TryTakeBootpReply(answer),
        DhcpMessageType.Ack => TryTakeLease(answer),
        DhcpMessageType.Nak => TryTakeRefusal(answer, now),
        _ => false,
    };

    private bool TryTakeOffer(in DhcpAnswer offer, TimeSpan now)
    {
        if (_state is not (DhcpState.Selecting or DhcpState.Requesting) || !CanUse(offer))
        {
            return false;
        }

        if (_state == DhcpState.Selecting && offer.Server != _avoided)
        {
            Choose(offer, now);
            return true;
        }

        // From a second server, or one that has failed us: for when the first one fails or nobody else answers soon.
        bool isAnother = _state == DhcpState.Selecting || !offer.IsFromSameServer(_offer);
        if (_reserve is not null || !isAnother)
        {
            return false;
        }

        _reserve = offer;
        if (_state == DhcpState.Selecting && now + s_secondChoicePause < _retry)
        {
            _retry = now + s_secondChoicePause;
        }

        return true;
    }

    private bool CanUse(in DhcpAnswer offer)
    {
        if (offer.ToConfiguration() is not null)
        {
            return true;
        }

        if (Progress == DhcpStatus.NoOffer)
        {
            Progress = DhcpStatus.UnusableOffer;
        }

        return false;
    }

    private void Choose(in DhcpAnswer offer, TimeSpan now)
    {
        _offer = offer;
        _reserve = null;
        _state = DhcpState.Requesting;
        _attempts = 0;
        if (Progress is DhcpStatus.NoOffer or DhcpStatus.UnusableOffer)
        {
            Progress = DhcpStatus.NoAcknowledgement;
        }

        Send(now, now + NextBackOff());
    }

    /// <summary>Takes an address from a BOOTP server, which makes no offer but grants at once (RFC 1534).</summary>
    private bool TryTakeBootpReply(in DhcpAnswer answer)
    {
        return _state == DhcpState.Selecting && CanUse(answer) && TryBind(answer);
    }

    private bool TryTakeLease(in DhcpAnswer grant)
    {
        if (!IsExpected(grant))
        {
            return false;
        }

        // When we have the address already, some servers name it in ciaddr alone.
        DhcpMessage message = grant.Message;
        IPv4Address address = message.YourAddress.IsAny && _state != DhcpState.Requesting
            ? message.ClientAddress
            : message.YourAddress;
        DhcpAnswer addressed = grant with { Message = message with { YourAddress = address } };
        return TryBind(addressed.WithDefaultsFrom(_state == DhcpState.Requesting ? _offer : _granted));
    }

    /// <summary>Whether an answer is from a server that the request went to.</summary>
    private bool IsExpected(in DhcpAnswer answer) => _state switch
    {
        DhcpState.Requesting => answer.IsFromSameServer(_offer),
        DhcpState.Renewing => answer.IsFromSameServer(_granted),
        DhcpState.Rebinding => true,
        _ => false,
    };

    /// <summary>Uses what was granted, even if the address is not the one that was offered.</summary>
    private bool TryBind(in DhcpAnswer grant)
    {
        IPv4Configuration? configuration = grant.ToConfiguration();
        if (configuration is null)
        {
            return false;
        }

        // The lease runs from the request, not from the answer (RFC 2131, 4.4.1).
        _times = DhcpTimes.From(grant.Message, grant.LeaseSeconds, _sent);
        Lease = new DhcpLease(configuration, grant.Server, grant.LeaseSeconds);
        _granted = grant;
        _reserve = null;
        _avoided = default;
        _state = DhcpState.Bound;
        Progress = DhcpStatus.Bound;
        if (_ipv4.Configuration is null || !_ipv4.Configuration.IsSameAs(configuration))
        {
            _ipv4.Configure(configuration);
        }

        return true;
    }

    private bool TryTakeRefusal(in DhcpAnswer refusal, TimeSpan now)
    {
        if (!IsExpected(refusal))
        {
            return false;
        }

        // A refusal to renew a lease ends it at once (RFC 2131, 3.2); a refusal after an offer leaves an older lease
        // alone.
        if (_state == DhcpState.Requesting)
        {
            _avoided = _offer.Server;
        }
        else
        {
            Lease = null;
            _times = DhcpTimes.Never;
            _ipv4.Configure(null);
        }

        Progress = DhcpStatus.Refused;
        if (_reserve is not null)
        {
            Choose(_reserve.Value, now);
            return true;
        }

        Discover(now);
        _retry = now + s_refusalPause;
        return true;
    }

    private void GiveUpLease(TimeSpan now)
    {
        Lease = null;
        _times = DhcpTimes.Never;
        _ipv4.Configure(null);
        if (_state is DhcpState.Bound or DhcpState.Renewing or DhcpState.Rebinding)
        {
            Progress = DhcpStatus.NoOffer;
            Discover(now);
        }
    }

    private void Discover(TimeSpan now)
    {
        NewTransaction(DhcpState.Selecting, now);
        _reserve = null;
        _wantsBroadcast = false;
        _retry = now;
    }

    private void NewTransaction(DhcpState state, TimeSpan now)
    {
        _state = state;
        _transactionId = (uint)_random.NextInt64(1L << 32);
        _started = now;
        _attempts = 0;
    }

    /// <summary>Sends the message that the state calls for (RFC 2131, table 5).</summary>
    private void Send(TimeSpan now, TimeSpan retry)
    {
        _sent = now;
        _retry = retry;
        _attempts++;

        bool isExtending = _state is DhcpState.Renewing or DhcpState.Rebinding;
        bool isRequesting = _state == DhcpState.Requesting;

        // Answers may be addressed to us before the address is ours. Every other message asks for a broadcast instead,
        // for servers that cannot do that, until one is answered (RFC 2131, 4.1).
        _wantsBroadcast ^= _attempts > 1;
        var message = new DhcpMessage
        {
            TransactionId = _transactionId,
            Seconds = (ushort)Math.Min((now - _started).TotalSeconds, ushort.MaxValue),
            WantsBroadcast = !isExtending && _wantsBroadcast,
            ClientHardware = _hardware,
            ClientAddress = isExtending ? Lease!.Configuration.Address : default,
            Type = _state == DhcpState.Selecting ? DhcpMessageType.Discover : DhcpMessageType.Request,
            RequestedAddress = isRequesting ? _offer.Message.YourAddress : default,
            ServerIdentifier = isRequesting ? _offer.Server : default,
        };

        IPv4Address source = message.ClientAddress;
        IPv4Address destination = _state == DhcpState.Renewing ? Lease!.Server : IPv4Address.Broadcast;
        Span<byte> datagram = _ipv4.Payload;
        message.Write(datagram[UdpHeader.Length..]);
        var header = new UdpHeader(
            DhcpMessage.ClientPort, DhcpMessage.ServerPort, UdpHeader.Length + DhcpMessage.WrittenLength);
        header.Write(source, destination, datagram);

        // What is lost here is sent again, like what is lost on the way.
        _ = isExtending
            ? _ipv4.Send(destination, IPv4Protocol.Udp, header.DatagramLength, now)
            : _ipv4.SendUnconfigured(IPv4Protocol.Udp, header.DatagramLength);
    }

    /// <summary>4, 8, 16, 32, then 64 seconds, each give or take a second (RFC 2131, 4.1).</summary>
    private TimeSpan NextBackOff()
    {
        int seconds = Math.Min(4 << Math.Min(_attempts, 4), LongestBackOffSeconds);
        return TimeSpan.FromSeconds(seconds + (_random.NextDouble() * 2) - 1);
    }

    /// <summary>Half of what is left, but not too often.</summary>
    private static TimeSpan RenewalInterval(TimeSpan left)
    {
        TimeSpan half = left / 2;
        return half > s_shortestRenewalInterval ? half : s_shortestRenewalInterval;
    }

    private void Wake()
    {
        if (Signal.CurrentCount == 0)
        {
            Signal.Release();
        }
    }
}

/// <summary>The states of a DHCP client (RFC 2131, figure 5).</summary>
internal enum DhcpState
{
    /// <summary>DHCP is not in use.</summary>
    Idle,

    /// <summary>Looking for an offer.</summary>
    Selecting,

    /// <summary>Waiting for the chosen server to confirm its offer.</summary>
    Requesting,

    /// <summary>An address is granted, and its renewal is not yet due.</summary>
    Bound,

    /// <summary>Asking the server that granted the lease to extend it.</summary>
    Renewing,

    /// <summary>Asking any server to extend the lease.</summary>
    Rebinding,
}
