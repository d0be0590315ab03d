using System;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;
using System.Threading.Tasks.Sources;

namespace VirtioGuest.Kernel.Services;

/// <summary>
/// One request to a disk with a buffer of its own: rented, started, waited for, used in place, and rented again.
/// Allocates nothing after its creation.
/// </summary>
/// <remarks>
/// Its owner does not touch <see cref="Data"/> between the start and the end of the wait. Awaiting goes on at the
/// thread pool, so that code which blocks never stops completions.
/// </remarks>
internal abstract class DiskTransfer : IValueTaskSource<DiskStatus>
{
    private readonly object _gate = new();
    private ManualResetValueTaskSourceCore<DiskStatus> _source = new() { RunContinuationsAsynchronously = true };
    private DiskStatus _status;
    private bool _isInFlight;
    private long _started;

    /// <summary>The buffer; constant in place and size, a multiple of 512 bytes.</summary>
    public abstract Span<byte> Data { get; }

    /// <summary>The buffer's size in sectors.</summary>
    public int SectorCapacity => Data.Length / Disk.SectorSize;

    /// <summary>Whether the device may be at work on it.</summary>
    public bool IsInFlight => Volatile.Read(ref _isInFlight);

    /// <summary>Gives its memory back, for good. Nobody holds it.</summary>
    public virtual void Free()
    {
    }

    /// <summary>Marks it as handed to the device.</summary>
    /// <exception cref="InvalidOperationException">It is already.</exception>
    public void Begin()
    {
        lock (_gate)
        {
            if (_isInFlight)
            {
                throw new InvalidOperationException("a disk transfer was started twice");
            }

            _source.Reset();
            _started = Stopwatch.GetTimestamp();
            _isInFlight = true;
        }
    }

    /// <summary>Says how it ended. Called once for each <see cref="Begin"/>, from any thread.</summary>
    public void Complete(DiskStatus status)
    {
        lock (_gate)
        {
            if (!_isInFlight)
            {
                throw new InvalidOperationException("a disk transfer was completed twice");
            }

            _status = status;
            _isInFlight = false;

            // Inside the lock, or the next owner's transfer could get this result. Continuations run elsewhere.
            _source.SetResult(status);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Blocks until it has ended.</summary>
    /// <returns>False where it has not ended in time.</returns>
    public bool TryWait(TimeSpan timeout, out DiskStatus status)
    {
        lock (_gate)
        {
            while (_isInFlight)
            {
                TimeSpan left = timeout - Stopwatch.GetElapsedTime(_started);
                if (left <= TimeSpan.Zero || !Monitor.Wait(_gate, left))
                {
                    break;
                }
            }

            status = _isInFlight ? DiskStatus.TimedOut : _status;
            return !_isInFlight;
        }
    }

    /// <summary>Its end, to be awaited once.</summary>
    public ValueTask<DiskStatus> Completion => new(this, _source.Version);

    /// <summary>Whether it has been with the device for longer than <paramref name="timeout"/>.</summary>
    public bool IsOverdue(TimeSpan timeout) => IsInFlight && Stopwatch.GetElapsedTime(_started) > timeout;

    DiskStatus IValueTaskSource<DiskStatus>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<DiskStatus>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<DiskStatus>.OnCompleted(
        Action<object?> continuation,
        object? state,
        short token,
        ValueTaskSourceOnCompletedFlags flags) => _source.OnCompleted(continuation, state, token, flags);
}
