using System;
using System.Collections.Generic;
using System.Globalization;
using System.Threading;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Services.Block;

/// <summary>
/// Counts how long the requests of a disk wait, names to people those that wait long, and finds those for which the
/// limit is over that the user may have chosen.
/// </summary>
/// <remarks>
/// <para>
/// Slow is not broken. Only time in which the guest ran counts: somebody looks every second, and what lies between two
/// looks counts for two seconds at most, even where the machine was paused for hours. And a device that completes what
/// it was given before a request is at work: the limit of that request begins again.
/// </para>
/// <para>What it was given later does not count, so that a request which it forgot is found while others pass.</para>
/// </remarks>
internal sealed class RequestWatch
{
    private const ulong Second = 1_000_000_000;
    private const ulong LongestStep = 2 * Second;

    /// <summary>How long a request waits before it is named; then twice as long, and so on.</summary>
    private const ulong FirstNaming = 30 * Second;

    private readonly Lock _gate = new();
    private readonly List<DiskRequest> _all = [];
    private readonly string _disk;
    private readonly MonotonicClock _clock;
    private readonly DeviceLog _log;
    private readonly ulong _limit;
    private ulong _sequence;
    private ulong _nextNaming = FirstNaming;

    /// <summary>Watches nothing yet.</summary>
    /// <param name="disk">What people call the disk.</param>
    /// <param name="clock">The time.</param>
    /// <param name="log">Where people read it.</param>
    /// <param name="limit">How long a request may wait while the device does nothing for it; zero for ever.</param>
    public RequestWatch(string disk, MonotonicClock clock, DeviceLog log, TimeSpan limit)
    {
        _disk = disk;
        _clock = clock;
        _log = log;
        _limit = (ulong)limit.TotalMilliseconds * 1_000_000;
        TimeSpan half = limit / 2;
        Interval = limit == TimeSpan.Zero || half.TotalSeconds > 1 ? TimeSpan.FromSeconds(1) : half;
    }

    /// <summary>How often somebody has to look while a request waits.</summary>
    public TimeSpan Interval { get; }

    /// <summary>Watches a request from now on.</summary>
    public void Add(DiskRequest request)
    {
        lock (_gate)
        {
            _all.Add(request);
        }
    }

    /// <summary>Watches a request no more.</summary>
    public void Drop(DiskRequest request)
    {
        lock (_gate)
        {
            _all.Remove(request);
        }
    }

    /// <summary>The time, for <see cref="Begin"/>.</summary>
    public ulong Now => _clock.Nanoseconds;

    /// <summary>A request is given to the device, whose lock is held.</summary>
    public void Begin(DiskRequest request, ulong now) => request.Begin(++_sequence, now);

    /// <summary>The same again, or a part of it was done.</summary>
    public void Restart(DiskRequest request) => request.Restart(_clock.Nanoseconds);

    /// <summary>Looks at the clock. The device's lock is held.</summary>
    /// <returns>Whether a request is overdue.</returns>
    public bool FindOverdue()
    {
        lock (_gate)
        {
            ulong firstEnded = DiskRequest.NoSequence;
            foreach (DiskRequest request in _all)
            {
                firstEnded = Math.Min(firstEnded, request.TakeFirstEnded());
            }

            ulong now = _clock.Nanoseconds;
            bool isOverdue = false;
            DiskRequest? oldest = null;
            foreach (DiskRequest request in _all)
            {
                if (request.Count(now, LongestStep, firstEnded, _limit))
                {
                    _log.Warning(
                        $"{_disk}: a {request.Description} was not answered for {Seconds(_limit)}, "
                        + "which is the limit");
                }

                isOverdue |= request.IsInFlight && request.IsOverdue;
                if (request.IsInFlight && (oldest is null || request.Waited > oldest.Waited))
                {
                    oldest = request;
                }
            }

            Name(oldest);
            return isOverdue;
        }
    }

    /// <summary>Tells of the end of a request, where people were told that it waits.</summary>
    public void TellEnd(DiskRequest request, BlockStatus status)
    {
        // A reset was told of.
        bool isAnswer = status is not (BlockStatus.TimedOut or BlockStatus.Aborted or BlockStatus.NotRunning);
        if (isAnswer && request.IsNamed)
        {
            _log.Information($"{_disk}: the {request.Description} was answered after {Seconds(request.Waited)}");
        }
    }

    private static string Seconds(ulong nanoseconds) =>
        (nanoseconds / (double)Second).ToString("0.#", CultureInfo.InvariantCulture) + " s";

    private void Name(DiskRequest? oldest)
    {
        ulong waited = oldest is null ? 0 : oldest.Waited;
        if (waited < FirstNaming)
        {
            _nextNaming = FirstNaming;
        }
        else if (waited >= _nextNaming && oldest!.TryName())
        {
            _log.Warning(
                $"{_disk}: a {oldest.Description} has not been answered for {waited / Second} s, still waiting");
            _nextNaming *= 2;
        }
    }
}
