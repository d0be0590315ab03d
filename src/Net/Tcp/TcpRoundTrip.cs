using System;

namespace VirtioGuest.Net.Tcp;

/// <summary>The round-trip time of a connection, and how long to wait for an acknowledgment (RFC 6298).</summary>
internal sealed class TcpRoundTrip
{
    /// <summary>The timeout before there is a measurement (RFC 6298, 2.1).</summary>
    public static readonly TimeSpan InitialTimeout = TimeSpan.FromSeconds(1);

    /// <summary>The shortest timeout. RFC 6298 has a second here; 200 ms is longer than peers delay ACKs.</summary>
    public static readonly TimeSpan ShortestTimeout = TimeSpan.FromMilliseconds(200);

    /// <summary>The longest timeout, however often it was doubled (RFC 6298, 2.5).</summary>
    public static readonly TimeSpan LongestTimeout = TimeSpan.FromSeconds(60);

    /// <summary>The timeout for data where the SYN was lost and nothing could be measured (RFC 6298, 5.7).</summary>
    private static readonly TimeSpan s_timeoutAfterLostSyn = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan s_granularity = TimeSpan.FromMilliseconds(1);

    private TimeSpan _variation;
    private TimeSpan _timeout = InitialTimeout;
    private int _backOff;

    /// <summary>The smoothed round-trip time; zero before the first measurement.</summary>
    public TimeSpan Smoothed { get; private set; }

    /// <summary>How long to wait for an acknowledgment now, doubled for each time that none came.</summary>
    public TimeSpan Timeout
    {
        get
        {
            TimeSpan timeout = _timeout * (1L << Math.Min(_backOff, 16));
            return timeout < LongestTimeout ? timeout : LongestTimeout;
        }
    }

    /// <summary>How many times in a row none came.</summary>
    public int BackOffs => _backOff;

    /// <summary>Takes a measurement, of something that was sent once or by its timestamp (Karn's algorithm).</summary>
    public void Measure(TimeSpan time)
    {
        time = time > s_granularity ? time : s_granularity;
        if (Smoothed == default)
        {
            Smoothed = time;
            _variation = time / 2;
        }
        else
        {
            _variation = ((_variation * 3) + (Smoothed - time).Duration()) / 4;
            Smoothed = ((Smoothed * 7) + time) / 8;
        }

        TimeSpan margin = _variation * 4 > s_granularity ? _variation * 4 : s_granularity;
        TimeSpan timeout = Smoothed + margin;
        _timeout = timeout > ShortestTimeout ? timeout : ShortestTimeout;
        EndBackOff();
    }

    public void BackOff() => _backOff++;

    /// <summary>Ends the doubling.</summary>
    public void EndBackOff() => _backOff = 0;

    public void OnLostSyn()
    {
        if (Smoothed == default)
        {
            _timeout = s_timeoutAfterLostSyn;
            EndBackOff();
        }
    }
}
