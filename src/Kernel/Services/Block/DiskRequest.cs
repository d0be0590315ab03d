using System;
using System.Buffers;
using System.Collections.Generic;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using System.Threading.Tasks.Sources;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Machine;

namespace VirtioGuest.Kernel.Services.Block;

/// <summary>
/// One request to a disk: rented, described, given to the device in as many pieces as it takes, waited for, and rented
/// again. Allocates nothing after its creation.
/// </summary>
/// <remarks>
/// <para>
/// The data is in a buffer of the request's own (<see cref="Buffer"/>), or in memory of whoever asks, which the device
/// then reads and writes where it is (<see cref="TryLoad"/>). Between the start and the end of the wait nobody else
/// touches it.
/// </para>
/// <para>
/// The device's lock is held where it begins and ends, and where its time is counted.
/// </para>
/// <para>
/// What the device gets at a time follows from what it takes at that moment, which may change whenever it is brought up
/// again. Awaiting goes on at the thread pool, so that code which blocks never stops completions.
/// </para>
/// </remarks>
internal sealed class DiskRequest : DiskWait, IValueTaskSource<BlockStatus>
{
    /// <summary>The sequence number of nothing.</summary>
    public const ulong NoSequence = ulong.MaxValue;

    private readonly DmaMemory? _buffer;
    private readonly DmaMap? _map;
    private readonly DiskBatch? _batch;
    private ManualResetValueTaskSourceCore<BlockStatus> _source = new() { RunContinuationsAsynchronously = true };

    // What it is.
    private ulong _firstSector;
    private uint _length;
    private bool _isWrittenByDevice;
    private MemoryHandle _pin;
    private Disk? _owner;

    // What it is about where it moves no data.
    private ulong _rangeLeft;
    private uint _rangePiece;
    private bool _mayUnmap;

    // The piece that the device has, or gets next.
    private DmaSegment[] _segments = new DmaSegment[1];
    private int _segmentCount;
    private uint _done;
    private uint _piece;
    private bool _isQuarantined;

    // What became of it.
    private BlockStatus _status;
    private bool _isInFlight;

    // How long it takes.
    private bool _isOverdue;
    private bool _isNamed;
    private ulong _sequence;
    private ulong _firstEnded = NoSequence;
    private ulong _countedUntil;
    private ulong _waited;
    private ulong _stalled;

    /// <summary>Creates a request with a buffer of its own.</summary>
    /// <param name="buffer">The buffer.</param>
    public DiskRequest(DmaMemory buffer)
    {
        _buffer = buffer;
    }

    /// <summary>Creates a request of a batch, which is told of its ends and waits for them.</summary>
    /// <param name="buffer">The request's buffer.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="slot">Where it stands in the batch.</param>
    public DiskRequest(DmaMemory buffer, DiskBatch batch, int slot)
        : this(buffer)
    {
        _batch = batch;
        Slot = slot;
    }

    /// <summary>Creates a request for memory of whoever asks.</summary>
    /// <param name="map">Finds where that memory is for the device.</param>
    public DiskRequest(DmaMap map)
    {
        _map = map;
    }

    /// <summary>What the device's driver knows it by.</summary>
    public int Token { get; set; }

    /// <summary>Where it stands in its batch.</summary>
    public int Slot { get; }

    /// <summary>The thread that submitted it, which decides which of the device's queues it goes to.</summary>
    public int Submitter { get; set; }

    /// <summary>What is done.</summary>
    public BlockOperation Operation { get; private set; }

    /// <summary>The request's own buffer, constant in place and size; empty where it has none.</summary>
    public Span<byte> Buffer => _buffer is null ? default : _buffer.Bytes(0, _buffer.Length);

    /// <summary>The size of its own buffer in sectors.</summary>
    public int SectorCapacity => Buffer.Length / Disk.SectorSize;

    /// <summary>The first sector of the piece.</summary>
    public ulong FirstSector => _firstSector + (_done / Disk.SectorSize);

    /// <summary>Whether it is about a range of sectors, and moves no data.</summary>
    public bool HasRange { get; private set; }

    /// <summary>Where the device reads the range from: the request's own buffer.</summary>
    public DmaMemory RangeMemory => _buffer!;

    /// <summary>The data of the piece, in segments that the device takes.</summary>
    public ReadOnlySpan<DmaSegment> Segments => _segments.AsSpan(0, _segmentCount);

    /// <summary>Whether the piece was handed over a second time, because the device was reset meanwhile.</summary>
    public bool IsRepeated { get; set; }

    /// <summary>Whether the device may be at work on it.</summary>
    public bool IsInFlight => Volatile.Read(ref _isInFlight);

    /// <inheritdoc/>
    public override bool IsOver => !IsInFlight;

    /// <summary>How it ended. It has.</summary>
    public BlockStatus Status => _status;

    /// <summary>Whether the limit that the user chose was over before its end.</summary>
    public bool IsOverdue => Volatile.Read(ref _isOverdue);

    /// <summary>Whether it waited so long that it was named to people.</summary>
    public bool IsNamed => Volatile.Read(ref _isNamed);

    /// <summary>
    /// How long it waited, as far as that was counted, in nanoseconds of time in which the guest ran.
    /// </summary>
    public ulong Waited => Volatile.Read(ref _waited);

    /// <summary>Its end, to be awaited once.</summary>
    public ValueTask<BlockStatus> Completion => new(this, _source.Version);

    /// <summary>What it does, for people.</summary>
    public string Description => Operation switch
    {
        BlockOperation.Read => Place("read of sector "),
        BlockOperation.Write => Place("write of sector "),
        BlockOperation.Flush => "flush",
        BlockOperation.Discard => Place("discard at sector "),
        BlockOperation.WriteZeroes => Place("write of zeroes at sector "),
        BlockOperation.SecureErase => Place("secure erase at sector "),
        _ => "question about the device",
    };

    /// <summary>Says what it does. It is rented and not in flight.</summary>
    /// <param name="operation">What to do.</param>
    /// <param name="firstSector">The first sector; 0 for a flush.</param>
    /// <param name="length">How many bytes; 0 for a flush.</param>
    public void Describe(BlockOperation operation, ulong firstSector, uint length)
    {
        Operation = operation;
        HasRange = operation is BlockOperation.Discard or BlockOperation.WriteZeroes or BlockOperation.SecureErase;
        _isWrittenByDevice =
            operation is BlockOperation.Read or BlockOperation.GetId or BlockOperation.GetLifetime;
        IsRepeated = false;
        _firstSector = firstSector;
        _length = length;
        _done = 0;
    }

    /// <summary>Says that it is about a range of sectors. It is rented and not in flight.</summary>
    /// <param name="operation">A discard, a write of zeroes or a secure erase.</param>
    /// <param name="firstSector">The first sector.</param>
    /// <param name="count">How many, at least 1.</param>
    /// <param name="mayUnmap">Whether a write of zeroes may deallocate them.</param>
    public void DescribeRange(BlockOperation operation, ulong firstSector, ulong count, bool mayUnmap)
    {
        Describe(operation, firstSector, 0);
        _rangeLeft = count;
        _mayUnmap = mayUnmap;
    }

    /// <summary>Takes as much of the range as goes into one request.</summary>
    /// <param name="most">How many sectors a request may have, at least 1.</param>
    /// <param name="unit">What a range is split at, in sectors.</param>
    public BlockRange CutRange(uint most, uint unit)
    {
        ulong piece = Math.Min(_rangeLeft, most);
        if (piece < _rangeLeft)
        {
            ulong tail = (_firstSector + piece) % unit;
            piece -= tail < piece ? tail : 0;
        }

        _rangePiece = (uint)piece;
        return new BlockRange(_firstSector, _rangePiece, _mayUnmap);
    }

    /// <summary>Takes memory of whoever asks as its data, and pins it until <see cref="Unload"/>.</summary>
    /// <param name="data">The memory.</param>
    /// <param name="segments">How many segments it may have for the device.</param>
    /// <param name="owner">Who gets the request back once its end was awaited.</param>
    /// <returns>False where the device cannot reach the memory as it is; then nothing is held.</returns>
    public bool TryLoad(ReadOnlyMemory<byte> data, int segments, Disk owner)
    {
        Debug.Assert(_map is not null, "a request with a buffer of its own was given another");
        _pin = data.Pin();
        bool isLoaded = PinnedMemory.Load(_map, _pin, data.Length) == DmaStatus.Ok;
        if (!isLoaded || _map.SegmentCount > segments)
        {
            Unload();
            return false;
        }

        _owner = owner;
        return true;
    }

    /// <summary>
    /// Lets go of the caller's memory; not of what a device may still write to, which stays where it is for good.
    /// </summary>
    public void Unload()
    {
        if (!_isQuarantined)
        {
            _map!.Unload();
            _pin.Dispose();
        }

        _pin = default;
        _isQuarantined = false;
        _owner = null;
    }

    /// <summary>Marks it as handed to the device.</summary>
    /// <param name="sequence">How many were handed over before it.</param>
    /// <param name="now">The time in nanoseconds.</param>
    /// <exception cref="InvalidOperationException">It is already.</exception>
    public void Begin(ulong sequence, ulong now)
    {
        if (_isInFlight)
        {
            throw new InvalidOperationException("a disk request was started twice");
        }

        if (_batch is null)
        {
            _source.Reset();
        }

        _sequence = sequence;
        _waited = 0;
        _isNamed = false;
        StartClock(now);
        _isInFlight = true;
    }

    /// <summary>Makes the next piece ready for the device, or the same once more.</summary>
    /// <param name="segmentLength">The longest segment that the device takes, in bytes.</param>
    /// <param name="segments">How many segments it takes.</param>
    /// <param name="blockSize">The device's block size, in bytes.</param>
    /// <returns>
    /// False where the device does not take a sector of this memory at a time. What has no data always goes.
    /// </returns>
    public bool TryHandOver(uint segmentLength, int segments, uint blockSize)
    {
        Debug.Assert(!HasRange, "a range is handed over by the driver");
        Cut(segmentLength, segments);
        if (_done + _piece < _length)
        {
            // Between blocks where the device takes a whole one: QEMU fails requests for parts of them.
            uint unit = _piece < blockSize ? Disk.SectorSize : blockSize;
            Shorten(_piece - (_piece % unit));
        }

        Sync(_isWrittenByDevice ? DmaSync.PreRead : DmaSync.PreWrite);
        return _piece != 0 || _length == 0;
    }

    /// <summary>Takes the piece back from the device.</summary>
    public void TakeBack()
    {
        if (HasRange)
        {
            _buffer!.Sync(0, BlockRange.Length, DmaSync.PostWrite);
        }
        else
        {
            Sync(_isWrittenByDevice ? DmaSync.PostRead : DmaSync.PostWrite);
        }
    }

    /// <summary>Moves on to the next piece.</summary>
    /// <returns>Whether there is one.</returns>
    public bool TryAdvance()
    {
        IsRepeated = false;
        if (HasRange)
        {
            _firstSector += _rangePiece;
            _rangeLeft -= _rangePiece;
            return _rangeLeft != 0;
        }

        _done += _piece;
        return _done < _length;
    }

    /// <summary>
    /// Takes its memory out of use for good, because the device may still write to it: it is never freed, moved or
    /// used again.
    /// </summary>
    public void Quarantine()
    {
        _isQuarantined = true;
        _buffer?.Quarantine();
        _map?.Quarantine();
    }

    /// <summary>Gives its memory back, for good. Nobody holds it.</summary>
    public void Free()
    {
        if (!_isQuarantined)
        {
            _buffer?.Free();
        }
    }

    /// <summary>Says how it ended. Called once for each <see cref="Begin"/>, from any thread.</summary>
    public void Complete(BlockStatus status)
    {
        if (!_isInFlight)
        {
            throw new InvalidOperationException("a disk request was completed twice");
        }

        _status = status;
        _firstEnded = Math.Min(_firstEnded, _sequence);
        Volatile.Write(ref _isInFlight, false);
        if (_batch is not null)
        {
            _batch.OnEnd(this);
        }
        else
        {
            // Whoever sees that it has ended may rent it out again, but nobody begins it before this is over: the
            // device's lock is held. Continuations run elsewhere.
            _source.SetResult(status);
            Wake();
        }
    }

    /// <summary>Starts its limit anew, because it was handed over again, or the device did a part of it.</summary>
    /// <param name="now">The time in nanoseconds.</param>
    public void Restart(ulong now) => StartClock(now);

    /// <summary>Takes note of the lowest sequence number under which it has ended since the last call.</summary>
    /// <returns>The number; <see cref="NoSequence"/> where it has not ended.</returns>
    public ulong TakeFirstEnded()
    {
        ulong sequence = _firstEnded;
        _firstEnded = NoSequence;
        return sequence;
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

    /// <summary>Marks it as named to people, where it is still in flight.</summary>
    public bool TryName()
    {
        _isNamed |= _isInFlight;
        return _isInFlight;
    }

    /// <inheritdoc/>
    /// <remarks>A request for the caller's memory is over with this, and can be rented again.</remarks>
    BlockStatus IValueTaskSource<BlockStatus>.GetResult(short token)
    {
        BlockStatus status = _source.GetResult(token);
        _owner?.EndDirect(this, status);
        return status;
    }

    ValueTaskSourceStatus IValueTaskSource<BlockStatus>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<BlockStatus>.OnCompleted(
        Action<object?> continuation,
        object? state,
        short token,
        ValueTaskSourceOnCompletedFlags flags) => _source.OnCompleted(continuation, state, token, flags);

    private string Place(string what) => what + _firstSector.ToString(CultureInfo.InvariantCulture);

    private void StartClock(ulong now)
    {
        _countedUntil = now;
        _stalled = 0;
        _isOverdue = false;
    }

    /// <summary>Makes a piece of as much of what is left as the device takes.</summary>
    private void Cut(uint segmentLength, int segments)
    {
        _segmentCount = 0;
        _piece = 0;
        if (_length == 0)
        {
            return;
        }

        if (_buffer is not null && _length - _done <= segmentLength)
        {
            _piece = _length - _done;
            _segments[0] = new DmaSegment(_buffer.DeviceAddress + _done, _piece);
            _segmentCount = 1;
            return;
        }

        var own = new DmaSegment(_buffer is null ? 0 : _buffer.DeviceAddress, _length);
        uint skipped = _done;
        foreach (DmaSegment run in _map is null ? new ReadOnlySpan<DmaSegment>(in own) : _map.Segments)
        {
            uint offset = Math.Min(skipped, run.Length);
            skipped -= offset;
            while (offset < run.Length && _segmentCount < segments)
            {
                uint part = Math.Min(run.Length - offset, segmentLength);
                if (_segmentCount == _segments.Length)
                {
                    Array.Resize(ref _segments, Math.Min(2 * _segments.Length, segments));
                }

                _segments[_segmentCount++] = new DmaSegment(run.DeviceAddress + offset, part);
                _piece += part;
                offset += part;
            }
        }
    }

    private void Shorten(uint length)
    {
        while (_piece > length)
        {
            ref DmaSegment last = ref _segments[_segmentCount - 1];
            uint removed = Math.Min(_piece - length, last.Length);
            last.Length -= removed;
            _piece -= removed;
            _segmentCount -= last.Length == 0 ? 1 : 0;
        }
    }

    private void Sync(DmaSync operation)
    {
        _buffer?.Sync(_done, _piece, operation);
        _map?.Sync(_done, _piece, operation);
    }
}

/// <summary>Requests of a disk that nobody has at the moment, and who waits for one.</summary>
[SuppressMessage("Design", "CA1001", Justification = "Nobody asks for its wait handle.")]
internal sealed class DiskRequestPool
{
    private readonly Stack<DiskRequest> _idle = new();
    private readonly SemaphoreSlim _available;
    private readonly Func<DiskRequest?> _create;
    private bool _isRetired;

    /// <summary>Creates a pool.</summary>
    /// <param name="capacity">How many requests there are at most, at least 1.</param>
    /// <param name="create">Creates one of them; null where there is no memory for it.</param>
    public DiskRequestPool(int capacity, Func<DiskRequest?> create)
    {
        _available = new SemaphoreSlim(capacity, capacity);
        _create = create;
    }

    /// <summary>Takes a request, and blocks until there is one.</summary>
    /// <param name="timeout">How long.</param>
    /// <param name="request">The request; null where there is no memory for one.</param>
    /// <returns>False where there was none in time.</returns>
    public bool TryRent(TimeSpan timeout, out DiskRequest? request)
    {
        bool isAvailable = _available.Wait(timeout);
        request = isAvailable ? Take() : null;
        return isAvailable;
    }

    /// <summary>Takes a request, and waits until there is one.</summary>
    /// <returns>The request; null where there is no memory for one.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<DiskRequest?> RentAsync()
    {
        await _available.WaitAsync().ConfigureAwait(false);
        return Take();
    }

    /// <summary>Gives a request back that is not in flight.</summary>
    public void Return(DiskRequest request)
    {
        lock (_idle)
        {
            if (_isRetired)
            {
                request.Free();
            }
            else
            {
                _idle.Push(request);
            }
        }

        _available.Release();
    }

    /// <summary>Frees all requests, those that somebody has when he gives them back.</summary>
    public void Retire()
    {
        lock (_idle)
        {
            _isRetired = true;
            while (_idle.TryPop(out DiskRequest? request))
            {
                request.Free();
            }
        }
    }

    private DiskRequest? Take()
    {
        DiskRequest? request;
        lock (_idle)
        {
            if (_idle.TryPop(out request))
            {
                return request;
            }

            request = _create();
        }

        if (request is null)
        {
            _available.Release();
        }

        return request;
    }
}
