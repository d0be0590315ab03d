using System;
using System.Globalization;
using System.Threading;
using System.Threading.Tasks;
using System.Threading.Tasks.Sources;
using VirtioGuest.Drivers.Virtio.Devices.Block;

namespace VirtioGuest.Kernel.Services;

/// <summary>
/// One request to a disk with a buffer of its own: rented, started, waited for, used in place, and rented again.
/// Allocates nothing after its creation.
/// </summary>
/// <remarks>
/// Its owner does not touch <see cref="Data"/> between the start and the end of the wait. Awaiting goes on at the
/// thread pool, so that code which blocks never stops completions.
/// </remarks>
internal abstract class DiskTransfer : IValueTaskSource<BlockStatus>
{
    /// <summary>The sequence number of nothing.</summary>
    public const ulong NoSequence = ulong.MaxValue;

    private readonly object _gate = new();
    private ManualResetValueTaskSourceCore<BlockStatus> _source = new() { RunContinuationsAsynchronously = true };
    private BlockStatus _status;
    private BlockOperation _operation;
    private ulong _firstSector;
    private bool _isInFlight;
    private bool _isOverdue;
    private bool _isNamed;
    private ulong _sequence;
    private ulong _firstEnded = NoSequence;
    private ulong _countedUntil;
    private ulong _waited;
    private ulong _stalled;

    /// <summary>The buffer; constant in place and size, a multiple of 512 bytes.</summary>
    public abstract Span<byte> Data { get; }

    /// <summary>The buffer's size in sectors.</summary>
    public int SectorCapacity => Data.Length / Disk.SectorSize;

    /// <summary>Whether the device may be at work on it.</summary>
    public bool IsInFlight => Volatile.Read(ref _isInFlight);

    /// <summary>Whether the limit that the user chose was over before its end.</summary>
    public bool IsOverdue => Volatile.Read(ref _isOverdue);

    /// <summary>Whether it waited so long that it was named to people.</summary>
    public bool IsNamed => Volatile.Read(ref _isNamed);

    /// <summary>
    /// How long it waited, as far as that was counted, in nanoseconds of time in which the guest ran.
    /// </summary>
    public ulong Waited => Volatile.Read(ref _waited);

    /// <summary>What it does, for people.</summary>
    public string Description => _operation switch
    {
        BlockOperation.Read => "read of sector " + _firstSector.ToString(CultureInfo.InvariantCulture),
        BlockOperation.Write => "write of sector " + _firstSector.ToString(CultureInfo.InvariantCulture),
        _ => "flush",
    };

    /// <summary>Gives its memory back, for good. Nobody holds it.</summary>
    public virtual void Free()
    {
    }

    /// <summary>Marks it as handed to the device.</summary>
    /// <param name="sequence">How many were handed over before it.</param>
    /// <param name="now">The time in nanoseconds.</param>
    /// <exception cref="InvalidOperationException">It is already.</exception>
    public void Begin(ulong sequence, ulong now)
    {
        lock (_gate)
        {
            if (_isInFlight)
            {
                throw new InvalidOperationException("a disk transfer was started twice");
            }

            _source.Reset();
            _sequence = sequence;
            _waited = 0;
            _isNamed = false;
            Restart(now);
            _isInFlight = true;
        }
    }

    /// <summary>Starts its limit anew, because it was handed over again, or the device did a part of it.</summary>
    /// <param name="now">The time in nanoseconds.</param>
    public void Restart(ulong now)
    {
        lock (_gate)
        {
            _countedUntil = now;
            _stalled = 0;
            _isOverdue = false;
        }
    }

    /// <summary>Says how it ended. Called once for each <see cref="Begin"/>, from any thread.</summary>
    public void Complete(BlockStatus status)
    {
        lock (_gate)
        {
            if (!_isInFlight)
            {
                throw new InvalidOperationException("a disk transfer was completed twice");
            }

            _status = status;
            _isInFlight = false;
            _firstEnded = Math.Min(_firstEnded, _sequence);

            // Inside the lock, or the next owner's transfer could get this result. Continuations run elsewhere.
            _source.SetResult(status);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Blocks until it has ended.</summary>
    /// <returns>False where it has not ended in time; some time before that is possible.</returns>
    public bool TryWait(TimeSpan timeout, out BlockStatus status)
    {
        lock (_gate)
        {
            if (_isInFlight)
            {
                Monitor.Wait(_gate, timeout);
            }

            status = _isInFlight ? BlockStatus.TimedOut : _status;
            return !_isInFlight;
        }
    }

    /// <summary>Takes note of the lowest sequence number under which it has ended since the last call.</summary>
    /// <returns>The number; <see cref="NoSequence"/> where it has not ended.</returns>
    public ulong TakeFirstEnded()
    {
        lock (_gate)
        {
            ulong sequence = _firstEnded;
            _firstEnded = NoSequence;
            return sequence;
        }
    }

    /// <summary>Counts the time since the last call, where it is in flight.</summary>
    /// <param name="now">The time in nanoseconds.</param>
    /// <param name="longestStep">The most that counts, however much it was.</param>
    /// <param name="firstEnded">
    /// The lowest sequence number that ended since the last call: where it is lower than this one's, the device was at
    /// work on what came before.
    /// </param>
    /// <param name="limit">How long it may wait while that is not so; 0 for ever.</param>
    /// <returns>Whether it is overdue from now on.</returns>
    public bool Count(ulong now, ulong longestStep, ulong firstEnded, ulong limit)
    {
        lock (_gate)
        {
            if (!_isInFlight)
            {
                return false;
            }

            ulong step = Math.Min(now - Math.Min(now, _countedUntil), longestStep);
            _countedUntil = now;
            _waited += step;
            _stalled = firstEnded < _sequence ? 0 : _stalled + step;
            bool isNew = !_isOverdue && limit != 0 && _stalled >= limit;
            _isOverdue |= isNew;
            return isNew;
        }
    }

    /// <summary>Marks it as named to people, where it is still in flight.</summary>
    public bool TryName()
    {
        lock (_gate)
        {
            _isNamed |= _isInFlight;
            return _isInFlight;
        }
    }

    /// <summary>Says what it will do.</summary>
    public void Describe(BlockOperation operation, ulong firstSector)
    {
        _operation = operation;
        _firstSector = firstSector;
    }

    /// <summary>Its end, to be awaited once.</summary>
    public ValueTask<BlockStatus> Completion => new(this, _source.Version);

    BlockStatus IValueTaskSource<BlockStatus>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<BlockStatus>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<BlockStatus>.OnCompleted(
        Action<object?> continuation,
        object? state,
        short token,
        ValueTaskSourceOnCompletedFlags flags) => _source.OnCompleted(continuation, state, token, flags);
}
