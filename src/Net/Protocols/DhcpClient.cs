using System;
using System.Threading;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>A DHCP client: gets an address, and keeps it (RFC 2131, 4.4).</summary>
/// <remarks>
/// A state machine that time and messages drive. While it looks for a new lease it keeps the old one as long as that is
/// valid, so that a failed attempt loses nothing.
/// </remarks>
internal sealed partial class DhcpClient
{
    /// <summary>How often a request is sent before another offer is looked for (RFC 2131, 3.1, 5).</summary>
    public const int RequestLimit = 4;

    private const int LongestBackOffSeconds = 64;

    /// <summary>How long to wait after a refusal, so that a server that refuses everything causes no storm.</summary>
    private static readonly TimeSpan s_refusalPause = TimeSpan.FromSeconds(1);

    /// <summary>How long other servers may answer before one is taken that has failed us.</summary>
    private static readonly TimeSpan s_secondChoicePause = TimeSpan.FromSeconds(1);

    /// <summary>The shortest time between attempts to prolong a lease (RFC 2131, 4.4.5).</summary>
    private static readonly TimeSpan s_shortestRenewalInterval = TimeSpan.FromSeconds(60);

    private readonly IPv4Interface _ipv4;
    private readonly StackCounters _counters;
    private readonly Random _random;
    private readonly MacAddress _hardware;

    private DhcpState _state;
    private uint _transactionId;
    private TimeSpan _started;
    private TimeSpan _asked;
    private TimeSpan _retry;
    private int _attempts;
    private bool _wantsBroadcast;

    private DhcpAnswer _offer;
    private DhcpAnswer _granted;

    // The offer of a second server, and the server that did not stand by its offer.
    private DhcpAnswer? _reserve;
    private IPv4Address _avoided;
    private DhcpTimes _times = DhcpTimes.Never;

    /// <summary>Creates an idle client.</summary>
    public DhcpClient(IPv4Interface ipv4, StackCounters counters, Random random, MacAddress hardware)
    {
        _ipv4 = ipv4;
        _counters = counters;
        _random = random;
        _hardware = hardware;
    }

    /// <summary>What is granted at the moment; null for nothing.</summary>
    public DhcpLease? Lease { get; private set; }

    /// <summary>What the attempt under way would come to if it ended now.</summary>
    public DhcpStatus Progress { get; private set; }

    /// <summary>Whether DHCP is in use.</summary>
    public bool IsIdle => _state == DhcpState.Idle;

    /// <summary>Whether messages of servers are expected.</summary>
    public bool IsListening => _state is not (DhcpState.Idle or DhcpState.Bound);

    /// <summary>Released when the state has changed, and with it perhaps <see cref="NextTimer"/>.</summary>
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

    /// <summary>Starts to look for a lease.</summary>
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

    /// <summary>Does what is due: repeats messages, prolongs the lease or gives it up.</summary>
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

            case DhcpState.Selecting when now >= _retry:
                Ask(now, now + NextBackOff());
                break;

            case DhcpState.Requesting when now >= _retry && _attempts >= RequestLimit:
                _avoided = _offer.Server;
                Discover(now);
                Ask(now, now + NextBackOff());
                break;

            case DhcpState.Requesting when now >= _retry:
                Ask(now, now + NextBackOff());
                break;

            case DhcpState.Bound when now >= _times.Renewal:
                NewTransaction(DhcpState.Renewing, now);
                Ask(now, now + RenewalInterval(_times.Rebinding - now));
                break;

            case DhcpState.Renewing when now >= _times.Rebinding:
                NewTransaction(DhcpState.Rebinding, now);
                Ask(now, now + RenewalInterval(_times.Expiry - now));
                break;

            case DhcpState.Renewing when now >= _retry:
                Ask(now, now + RenewalInterval(_times.Rebinding - now));
                break;

            case DhcpState.Rebinding when now >= _retry:
                Ask(now, now + RenewalInterval(_times.Expiry - now));
                break;

            default:
                break;
        }
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

    /// <summary>4, 8, 16, 32, then 64 seconds, each a second more or less (RFC 2131, 4.1).</summary>
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
