using System;

namespace VirtioGuest.Net.Tcp;

/// <summary>How many bytes may be in flight: CUBIC (RFC 9438) above slow start (RFC 5681).</summary>
internal sealed class TcpCongestion
{
    // RFC 9438, 4.6 and 4.1: what is left of the window after a loss, and how steeply it grows, in segments/s^3.
    private const double Beta = 0.7;
    private const double C = 0.4;

    // RFC 9438, 4.3: with this, CUBIC's estimate grows as fast on average as Reno's window.
    private const double Alpha = 3 * (1 - Beta) / (1 + Beta);

    private int _segment = 536;
    private double _window;
    private double _highest;
    private double _before;
    private double _reno;
    private double _timeToHighest;
    private TimeSpan? _epoch;

    /// <summary>The congestion window in bytes (cwnd).</summary>
    public long Window => (long)_window;

    /// <summary>Below this many bytes the window grows by what is acknowledged (ssthresh).</summary>
    public long SlowStartThreshold { get; private set; } = long.MaxValue;

    /// <summary>
    /// Starts with ten segments (RFC 6928), or one where the SYN had to be sent again (RFC 5681, 3.1).
    /// </summary>
    public void Begin(int segment, bool wasSynLost)
    {
        _segment = segment;
        _window = wasSynLost ? segment : InitialWindow;
    }

    /// <summary>The segment size has changed; the window in bytes stays.</summary>
    public void SetSegment(int segment) => _segment = segment;

    /// <summary>Something was acknowledged while the window was the limit and nothing was being repaired.</summary>
    /// <param name="bytes">How much.</param>
    /// <param name="now">The time.</param>
    /// <param name="roundTrip">The smoothed round-trip time.</param>
    public void OnAcknowledged(long bytes, TimeSpan now, TimeSpan roundTrip)
    {
        if (_window < SlowStartThreshold)
        {
            double grown = Math.Min(_window + bytes, Math.Max(SlowStartThreshold, _window));
            bytes -= (long)(grown - _window);
            _window = grown;
            if (bytes <= 0)
            {
                return;
            }
        }

        if (_epoch is null)
        {
            BeginEpoch(now);
        }

        double time = (now - _epoch!.Value).TotalSeconds;
        _reno += (_reno < _before ? Alpha : 1) * bytes * _segment / _window;
        double cubic = At(time);
        if (cubic < _reno)
        {
            _window = Math.Max(_window, _reno);
            return;
        }

        double target = Math.Clamp(At(time + roundTrip.TotalSeconds), _window, 1.5 * _window);
        _window += (target - _window) * bytes / _window;
    }

    /// <summary>
    /// After a timeout the window grows by a segment for each acknowledgment at most (RFC 3465, 2.3).
    /// </summary>
    public void OnAcknowledgedAfterTimeout(long bytes, TimeSpan now, TimeSpan roundTrip) =>
        OnAcknowledged(Math.Min(bytes, _segment), now, roundTrip);

    /// <summary>Something was lost, and is being repaired.</summary>
    public void OnLoss()
    {
        Reduce();
        _window = SlowStartThreshold;
    }

    /// <summary>Nothing was acknowledged for a long time.</summary>
    /// <param name="isFirst">Whether this is the first time for what is in flight.</param>
    public void OnTimeout(bool isFirst)
    {
        if (isFirst)
        {
            Reduce();
        }

        _window = _segment;
    }

    /// <summary>Nothing was sent for longer than the timeout: what the window says is old (RFC 5681, 4.1).</summary>
    public void OnIdle()
    {
        _window = Math.Min(_window, InitialWindow);
        _epoch = null;
    }

    private double InitialWindow => Math.Min(10 * _segment, Math.Max(2 * _segment, 14600));

    private void Reduce()
    {
        _before = _window;

        // Fast convergence: leave room to others where the window did not get back to what it was (RFC 9438, 4.7).
        _highest = _window < _highest ? _window * (1 + Beta) / 2 : _window;
        SlowStartThreshold = (long)Math.Max(_window * Beta, 2 * _segment);
        _epoch = null;
    }

    private void BeginEpoch(TimeSpan now)
    {
        _epoch = now;
        _highest = Math.Max(_highest, _window);
        _reno = _window;
        _timeToHighest = Math.Cbrt((_highest - _window) / _segment / C);
    }

    /// <summary>The cubic function of the time since the epoch began (RFC 9438, 4.2).</summary>
    private double At(double time)
    {
        double distance = time - _timeToHighest;
        return (C * distance * distance * distance * _segment) + _highest;
    }
}
