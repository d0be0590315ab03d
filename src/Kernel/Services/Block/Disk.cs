using System;
using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using VirtioGuest.Commands.Block;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Services.Block;

/// <summary>
/// A disk: sectors of 512 bytes that can be read, written and flushed from any thread, in any length.
/// </summary>
/// <remarks>
/// <para>
/// What is longer than a request is split into several, of which a bounded number is in flight. A request is waited for
/// as long as it takes, unless the user chose a limit (<see cref="RequestWatch"/>); a device that breaks the rules is
/// reset, and what cannot be done fails with a status. Neither the blocking calls nor, once as many are in flight as
/// ever before, the awaited ones allocate anything.
/// </para>
/// <para>
/// The blocking calls copy between the caller's memory and a request's buffer, because nothing could keep a span in its
/// place behind a device that never gives it back. The awaited ones let the device at the caller's memory itself,
/// which stays pinned until the device is done with it, however it ends. <see cref="SectorReader"/> and
/// <see cref="SectorWriter"/> show the buffers themselves.
/// </para>
/// <para>
/// A flush makes durable what was completed before it was asked for. Requests in flight together have no order.
/// </para>
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "What ends its life stops the timer.")]
internal sealed class Disk : ILendableDevice
{
    /// <summary>Bytes in a sector, whatever the device's block size (virtio 1.4, 5.2.4).</summary>
    public const int SectorSize = SectorDevice.SectorSize;

    /// <summary>Where buffers of the disk's own begin: at a page.</summary>
    public const uint BufferAlignment = 4096;

    private const int MostBuffers = 16;
    private const int MostDirect = 256;
    private const int MostAtOnce = 8;
    private const uint PageLength = 4096;

    private readonly DiskDevice _device;
    private readonly RequestWatch _watch;
    private readonly DiskRequestPool _buffered;
    private readonly DiskRequestPool _direct;
    private readonly uint _requestLength;
    private readonly Lock _timerGate = new();
    private Timer? _timer;
    private bool _isRetired;

    private Disk(DiskDevice device, RequestWatch watch)
    {
        _device = device;
        _watch = watch;
        _requestLength = device.RequestLength;
        MostInFlight = Math.Min(device.FullRequests, MostBuffers);
        _buffered = new DiskRequestPool(MostInFlight, CreateBuffered);
        _direct = new DiskRequestPool(MostDirect, CreateDirect);
    }

    /// <summary>What people call it, for example <c>disk0</c>.</summary>
    public string Name => _device.Driver.Name;

    /// <summary>The device.</summary>
    public VirtioBlock Device => _device.Driver;

    /// <summary>How many sectors it has: 0 to 2^55 - 1, and may change.</summary>
    public ulong SectorCount => Device.Capacity;

    /// <summary>Bytes in a block of the disk: a power of two, at least a sector.</summary>
    public uint BlockSize => Device.BlockSize;

    /// <summary>Its size for people, and whether it is read-only.</summary>
    public string Size =>
        SectorDevice.DescribeSize(SectorCount, IsReadOnly) + SectorDevice.DescribeBlocks(BlockSize);

    /// <summary>Whether writes are refused.</summary>
    public bool IsReadOnly => Device.IsReadOnly;

    /// <summary>Whether the device still takes requests.</summary>
    public bool IsUsable => !_device.IsGone;

    /// <summary>Whether the device was taken out of the machine.</summary>
    public bool IsRemoved => _device.IsRemoved;

    /// <summary>How many requests with buffers of their own there are, at least 1.</summary>
    public int MostInFlight { get; }

    /// <summary>How threads wait in the blocking calls; may be set at any time.</summary>
    public WaitMode WaitMode { get; set; }

    /// <summary>Who measures what the driver does; null for nobody.</summary>
    public DriverMeter? Meter
    {
        get => _device.Meter;
        set => _device.Meter = value;
    }

    /// <summary>Why there is no request to be had, where <see cref="Rent"/> gave none.</summary>
    public BlockStatus RentFailure => IsUsable ? BlockStatus.NoResources : _device.WhyGone;

    /// <summary>The same, with no limit on how long a request may take.</summary>
    public static Disk? TryCreate(VirtioTransport transport, string name, out Failure? failure) =>
        TryCreate(transport, name, TimeSpan.Zero, out failure);

    /// <summary>Brings a device up as a disk.</summary>
    /// <param name="transport">The way to it.</param>
    /// <param name="name">What it will be called.</param>
    /// <param name="limit">How long it may take for a request; zero for as long as it likes.</param>
    /// <param name="failure">Why it cannot be.</param>
    public static Disk? TryCreate(VirtioTransport transport, string name, TimeSpan limit, out Failure? failure)
    {
        var watch = new RequestWatch(name, transport.Machine.Clock, transport.Machine.Log, limit);
        DiskDevice? device = DiskDevice.TryStart(transport, name, watch, out failure);
        return device is null ? null : new Disk(device, watch);
    }

    /// <summary>
    /// Ends the disk's life because its device is about to be taken out, or has been. What it had done is told; all
    /// other requests fail. A device that answers no more is waited for no longer than a reset may take.
    /// </summary>
    public void Remove()
    {
        _device.Remove();
        Retire();
    }

    /// <inheritdoc/>
    VirtioDevice ILendableDevice.Device => Device;

    /// <inheritdoc/>
    public bool TrySuspend([NotNullWhen(false)] out Failure? failure) => _device.TrySuspend(out failure);

    /// <inheritdoc/>
    public bool TryResume([NotNullWhen(false)] out Failure? failure) => _device.TryResume(out failure);

    /// <summary>Resets the device with what it has in flight, which it gets once more.</summary>
    /// <returns>NotRunning where it does not come back.</returns>
    public BlockStatus Reset() => _device.Reset();

    /// <summary>
    /// Resets the calling thread's queue alone, once the device has answered what is in flight there; what is submitted
    /// meanwhile waits. The specification would have the device forget what a queue has that is reset, but QEMU's
    /// disks go on with it: they write to its memory, and give it back on the new queue.
    /// </summary>
    /// <returns>NotOffered where the device resets no queues; NotRunning where the queue does not come back.</returns>
    public BlockStatus ResetQueue()
    {
        DiskWait held = _device.HoldQueue();
        WaitFor(held);
        return _device.ResetQueue(held);
    }

    /// <summary>Whether a range lies on the disk.</summary>
    public bool Contains(ulong firstSector, ulong count)
    {
        ulong sectorCount = SectorCount;
        return firstSector <= sectorCount && count <= sectorCount - firstSector;
    }

    /// <summary>Reads sectors and blocks until it is done.</summary>
    /// <param name="firstSector">The first.</param>
    /// <param name="destination">
    /// Room for them, a multiple of 512 bytes. Undefined content where the result is not Ok.
    /// </param>
    public BlockStatus Read(ulong firstSector, Span<byte> destination)
    {
        var reader = new SectorReader(this, firstSector, CountSectors(destination.Length));
        try
        {
            while (reader.TryRead(out _, out ReadOnlySpan<byte> data))
            {
                data.CopyTo(destination);
                destination = destination[data.Length..];
            }

            return reader.Status;
        }
        finally
        {
            reader.Dispose();
        }
    }

    /// <summary>Writes sectors and blocks until it is done. After a failure any part may have been written.</summary>
    /// <param name="firstSector">The first.</param>
    /// <param name="source">Their content, a multiple of 512 bytes.</param>
    public BlockStatus Write(ulong firstSector, ReadOnlySpan<byte> source)
    {
        var writer = new SectorWriter(this, firstSector, CountSectors(source.Length));
        try
        {
            while (writer.TryNext(out _, out Span<byte> data))
            {
                source[..data.Length].CopyTo(data);
                source = source[data.Length..];
            }

            return writer.Finish();
        }
        finally
        {
            writer.Dispose();
        }
    }

    /// <summary>Makes completed writes durable and blocks until it is done.</summary>
    public BlockStatus Flush()
    {
        DiskRequest? request = Rent();
        if (request is null)
        {
            return RentFailure;
        }

        request.Describe(BlockOperation.Flush, 0, 0);
        BlockStatus status = Run(request);
        Return(request);
        return status;
    }

    /// <summary>Gives sectors up, whose content is anything afterwards, and blocks until it is done.</summary>
    /// <inheritdoc cref="WriteZeroes"/>
    public BlockStatus Discard(ulong firstSector, ulong count) =>
        Change(BlockOperation.Discard, firstSector, count, mayUnmap: false);

    /// <summary>Makes sectors read as zeroes, and blocks until it is done.</summary>
    /// <param name="firstSector">The first, at the start of a block.</param>
    /// <param name="count">How many: whole blocks.</param>
    /// <param name="mayUnmap">Whether the device may deallocate them.</param>
    /// <returns>NotOffered where the device has no such request. After a failure any part may have been done.</returns>
    public BlockStatus WriteZeroes(ulong firstSector, ulong count, bool mayUnmap) =>
        Change(BlockOperation.WriteZeroes, firstSector, count, mayUnmap && Device.MayUnmap);

    /// <summary>Erases sectors for good, and blocks until it is done.</summary>
    /// <inheritdoc cref="WriteZeroes"/>
    public BlockStatus SecureErase(ulong firstSector, ulong count) =>
        Change(BlockOperation.SecureErase, firstSector, count, mayUnmap: false);

    /// <summary>Asks the device what it calls itself, and blocks until it has answered.</summary>
    /// <param name="id">Printable ASCII, at most 20 characters; empty where it has no name or the call failed.</param>
    public BlockStatus ReadId(out string id)
    {
        Span<byte> answer = stackalloc byte[(int)VirtioBlock.IdLength];
        BlockStatus status = Ask(BlockOperation.GetId, answer);
        id = status == BlockStatus.Ok ? VirtioBlock.ParseId(answer) : "";
        return status;
    }

    /// <summary>Asks the device how worn its storage is, and blocks until it has answered.</summary>
    /// <param name="lifetime">What it says; all unknown where the call failed.</param>
    public BlockStatus ReadLifetime(out BlockLifetime lifetime)
    {
        Span<byte> answer = stackalloc byte[(int)BlockLifetime.Length];
        BlockStatus status = Ask(BlockOperation.GetLifetime, answer);
        lifetime = status == BlockStatus.Ok ? BlockLifetime.Parse(answer) : default;
        return status;
    }

    /// <summary>
    /// Sets the cache mode. Where writes are to be durable on completion from now on, those that were completed before
    /// are made so (virtio 1.4, 5.2.6.1).
    /// </summary>
    /// <param name="isWriteback">Whether writes may complete before they are durable.</param>
    /// <returns>NotOffered where the mode is the device's, Unsupported where it does not take this one.</returns>
    public BlockStatus SetWriteback(bool isWriteback)
    {
        BlockStatus status = _device.TrySetWriteback(isWriteback);
        return status == BlockStatus.Ok && !isWriteback ? Flush() : status;
    }

    /// <summary>Reads sectors into memory that stays pinned until the device is done with it.</summary>
    /// <param name="firstSector">The first.</param>
    /// <param name="destination">
    /// Room for them, a multiple of 512 bytes. Undefined content where the result is not Ok, and nobody else's until
    /// the call has ended.
    /// </param>
    /// <param name="cancellation">
    /// Keeps what the device does not have yet from it. What it has is waited for all the same: it may still write to
    /// the memory.
    /// </param>
    /// <exception cref="OperationCanceledException">It was cancelled before all of it was done.</exception>
    public ValueTask<BlockStatus> ReadAsync(
        ulong firstSector, Memory<byte> destination, CancellationToken cancellation = default) =>
        MoveAsync(BlockOperation.Read, firstSector, destination, cancellation);

    /// <summary>Writes sectors. After a failure any part may have been written.</summary>
    /// <param name="firstSector">The first.</param>
    /// <param name="source">Their content, a multiple of 512 bytes; nobody changes it until the call has ended.</param>
    /// <param name="cancellation">Keeps what the device does not have yet from it.</param>
    /// <exception cref="OperationCanceledException">It was cancelled before all of it was done.</exception>
    public ValueTask<BlockStatus> WriteAsync(
        ulong firstSector, ReadOnlyMemory<byte> source, CancellationToken cancellation = default) =>
        MoveAsync(BlockOperation.Write, firstSector, MemoryMarshal.AsMemory(source), cancellation);

    /// <summary>Reads sectors into several pieces of memory, in order.</summary>
    /// <param name="firstSector">The first.</param>
    /// <param name="destinations">Room for them; each a multiple of 512 bytes.</param>
    /// <param name="cancellation">Keeps what the device does not have yet from it.</param>
    public ValueTask<BlockStatus> ReadAsync(
        ulong firstSector, ReadOnlyMemory<Memory<byte>> destinations, CancellationToken cancellation = default) =>
        MovePartsAsync(BlockOperation.Read, firstSector, new MemoryParts(destinations), cancellation);

    /// <summary>Writes sectors from several pieces of memory, in order.</summary>
    /// <param name="firstSector">The first.</param>
    /// <param name="sources">Their content; each a multiple of 512 bytes.</param>
    /// <param name="cancellation">Keeps what the device does not have yet from it.</param>
    public ValueTask<BlockStatus> WriteAsync(
        ulong firstSector, ReadOnlyMemory<Memory<byte>> sources, CancellationToken cancellation = default) =>
        MovePartsAsync(BlockOperation.Write, firstSector, new MemoryParts(sources), cancellation);

    /// <summary>Makes completed writes durable.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<BlockStatus> FlushAsync()
    {
        StartTimer();
        DiskRequest? request = await _buffered.RentAsync().ConfigureAwait(false);
        if (request is null)
        {
            return RentFailure;
        }

        BlockStatus status = Start(request, BlockOperation.Flush, 0, 0);
        status = status == BlockStatus.Ok ? await EndAsync(request).ConfigureAwait(false) : status;
        Return(request);
        return status;
    }

    /// <summary>Takes a request with a buffer of its own, and waits for one where all are in use.</summary>
    /// <returns>
    /// The request, to be given back; null where there is no memory for one, or the device is out of use. Whoever holds
    /// one already only asks with <see cref="TryRent"/>, so that nobody waits for somebody who waits.
    /// </returns>
    public DiskRequest? Rent()
    {
        DiskRequest? request;
        while (!_buffered.TryRent(_watch.Interval, out request))
        {
            LookAtClock();
        }

        return request;
    }

    /// <summary>Takes a request where one is free.</summary>
    public DiskRequest? TryRent() =>
        _buffered.TryRent(TimeSpan.Zero, out DiskRequest? request) ? request : null;

    /// <summary>Gives a request back that is not in flight.</summary>
    public void Return(DiskRequest request) => _buffered.Return(request);

    /// <summary>Takes a request for the caller's memory back, once its end was awaited.</summary>
    internal void EndDirect(DiskRequest request, BlockStatus status)
    {
        _watch.TellEnd(request, status);
        request.Unload();
        _direct.Return(request);
    }

    /// <summary>Hands a request to the device.</summary>
    /// <param name="request">Rented and not in flight.</param>
    /// <param name="operation">What to do.</param>
    /// <param name="firstSector">The first sector; 0 for a flush.</param>
    /// <param name="count">How many, 1 to the request's capacity; 0 for a flush.</param>
    /// <returns>Ok where it is now in flight and has to be waited for; else why not.</returns>
    public BlockStatus Start(DiskRequest request, BlockOperation operation, ulong firstSector, int count)
    {
        request.Describe(operation, firstSector, (uint)count * SectorSize);
        return _device.Submit(request);
    }

    /// <summary>Hands requests to the device with one notification.</summary>
    /// <param name="requests">Described and not in flight.</param>
    /// <returns>Ok where all are now in flight and have to be waited for; else why none is.</returns>
    public BlockStatus Submit(ReadOnlySpan<DiskRequest> requests) => _device.Submit(requests, WaitMode);

    /// <summary>Hands requests to the device with one notification, and blocks until a wait is over.</summary>
    /// <param name="requests">Described and not in flight.</param>
    /// <param name="wait">For one of them, or one that is in flight already.</param>
    /// <returns>Ok where the wait is over; else why the device takes none of the requests, and nobody waited.</returns>
    public BlockStatus SubmitAndWait(ReadOnlySpan<DiskRequest> requests, DiskWait wait)
    {
        BlockStatus status = _device.SubmitAndWait(requests, wait, WaitMode, _watch.Interval);
        if (status == BlockStatus.Ok && !wait.IsOver)
        {
            LookAtClock();
            WaitFor(wait);
        }

        return status;
    }

    /// <summary>Blocks until a request in flight has ended.</summary>
    public BlockStatus Wait(DiskRequest request)
    {
        WaitFor(request);
        TellEnd(request);
        return request.Status;
    }

    /// <summary>Blocks until a wait is over, and looks at the clock every now and then.</summary>
    public void WaitFor(DiskWait wait)
    {
        while (!_device.TryWait(wait, WaitMode, _watch.Interval))
        {
            LookAtClock();
        }
    }

    /// <summary>Tells people of the end of a request that they were told of.</summary>
    public void TellEnd(DiskRequest request) => _watch.TellEnd(request, request.Status);

    /// <summary>Takes a request into the disk's keeping, before it is submitted for the first time.</summary>
    public void Watch(DiskRequest request)
    {
        _device.Add(request);
        _watch.Add(request);
    }

    /// <summary>Lets go of a request that is not in flight, and will not be submitted again.</summary>
    public void Unwatch(DiskRequest request)
    {
        _watch.Drop(request);
        _device.Drop(request);
    }

    /// <summary>
    /// Looks at what the device has done and at the clock, and resets the device where a limit is over. Whoever waits
    /// calls it about once a second.
    /// </summary>
    public void LookAtClock()
    {
        _device.Poll();
        if (_device.FindOverdue())
        {
            _device.ResetOverdue();
        }
    }

    private static ulong CountSectors(int length)
    {
        if (length % SectorSize != 0)
        {
            throw new ArgumentException("a disk moves whole sectors of 512 bytes");
        }

        return (ulong)(length / SectorSize);
    }

    /// <summary>Does something about a range that moves no data.</summary>
    private BlockStatus Change(BlockOperation operation, ulong firstSector, ulong count, bool mayUnmap)
    {
        if (!Contains(firstSector, count))
        {
            return BlockStatus.OutOfRange;
        }

        if ((firstSector | count) % (BlockSize / SectorSize) != 0)
        {
            return BlockStatus.Unaligned;
        }

        if (count == 0)
        {
            return BlockStatus.Ok;
        }

        DiskRequest? request = Rent();
        if (request is null)
        {
            return RentFailure;
        }

        request.DescribeRange(operation, firstSector, count, mayUnmap);
        BlockStatus status = Run(request);
        Return(request);
        return status;
    }

    /// <summary>Asks the device about itself.</summary>
    private BlockStatus Ask(BlockOperation operation, Span<byte> answer)
    {
        DiskRequest? request = Rent();
        if (request is null)
        {
            return RentFailure;
        }

        request.Describe(operation, 0, (uint)answer.Length);
        BlockStatus status = Run(request);
        request.Buffer[..answer.Length].CopyTo(answer);
        Return(request);
        return status;
    }

    /// <summary>Hands a request over and blocks until it has ended.</summary>
    private BlockStatus Run(DiskRequest request)
    {
        BlockStatus started = SubmitAndWait(new ReadOnlySpan<DiskRequest>(in request), request);
        if (started != BlockStatus.Ok)
        {
            return started;
        }

        TellEnd(request);
        return request.Status;
    }

    private DiskRequest? CreateBuffered()
    {
        DmaMemory? memory = IsUsable ? Device.Dma.Allocate(_requestLength, BufferAlignment) : null;
        return memory is null ? null : Watched(new DiskRequest(memory));
    }

    private DiskRequest? CreateDirect()
    {
        // As if no two pages lay together, and the first and the last are in it in part.
        int segments = (int)(_requestLength / PageLength) + 2;
        return IsUsable ? Watched(new DiskRequest(Device.Dma.CreateMap(segments, uint.MaxValue))) : null;
    }

    private DiskRequest Watched(DiskRequest request)
    {
        Watch(request);
        return request;
    }

    /// <summary>Moves data by one request for the caller's memory where that will do.</summary>
    private ValueTask<BlockStatus> MoveAsync(
        BlockOperation operation, ulong firstSector, Memory<byte> data, CancellationToken cancellation)
    {
        if (CountSectors(data.Length) != 0 && (uint)data.Length <= _requestLength
            && !cancellation.IsCancellationRequested
            && _direct.TryRent(TimeSpan.Zero, out DiskRequest? request) && request is not null)
        {
            StartTimer();
            BlockStatus? status = TryStart(request, operation, firstSector, data);
            if (status is not null)
            {
                return status == BlockStatus.Ok ? request.Completion : new ValueTask<BlockStatus>(status.Value);
            }
        }

        return MovePartsAsync(operation, firstSector, new MemoryParts(data), cancellation);
    }

    /// <summary>Moves data by as many requests as it takes.</summary>
    [SuppressMessage("Reliability", "CA2012", Justification = "Each is awaited once, in order.")]
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> MovePartsAsync(
        BlockOperation operation, ulong firstSector, MemoryParts data, CancellationToken cancellation)
    {
        if (!Contains(firstSector, data.CountSectors()))
        {
            return BlockStatus.OutOfRange;
        }

        StartTimer();
        ValueTask<BlockStatus>[] parts = ArrayPool<ValueTask<BlockStatus>>.Shared.Rent(MostAtOnce);
        BlockStatus result = BlockStatus.Ok;
        int begun = 0;
        int ended = 0;
        while (ended < begun || (data.HasMore && result == BlockStatus.Ok && !cancellation.IsCancellationRequested))
        {
            if (data.HasMore && result == BlockStatus.Ok && begun - ended < MostAtOnce
                && !cancellation.IsCancellationRequested)
            {
                Memory<byte> part = data.Take((int)_requestLength);
                parts[begun++ % MostAtOnce] = MovePartAsync(operation, firstSector, part);
                firstSector += (ulong)(part.Length / SectorSize);
            }
            else
            {
                BlockStatus status = await parts[ended++ % MostAtOnce].ConfigureAwait(false);
                result = result == BlockStatus.Ok ? status : result;
            }
        }

        ArrayPool<ValueTask<BlockStatus>>.Shared.Return(parts, clearArray: true);
        if (data.HasMore && result == BlockStatus.Ok)
        {
            throw new OperationCanceledException(cancellation);
        }

        return result;
    }

    /// <summary>Moves what fits into one request, and copies it where the device cannot reach it.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> MovePartAsync(BlockOperation operation, ulong firstSector, Memory<byte> part)
    {
        DiskRequest? direct = await _direct.RentAsync().ConfigureAwait(false);
        BlockStatus? started = direct is null ? RentFailure : TryStart(direct, operation, firstSector, part);
        if (started is not null)
        {
            return started == BlockStatus.Ok ? await direct!.Completion.ConfigureAwait(false) : started.Value;
        }

        DiskRequest? request = await _buffered.RentAsync().ConfigureAwait(false);
        if (request is null)
        {
            return RentFailure;
        }

        if (operation == BlockOperation.Write)
        {
            part.Span.CopyTo(request.Buffer);
        }

        BlockStatus status = Start(request, operation, firstSector, part.Length / SectorSize);
        status = status == BlockStatus.Ok ? await EndAsync(request).ConfigureAwait(false) : status;
        if (operation == BlockOperation.Read && status == BlockStatus.Ok)
        {
            request.Buffer[..part.Length].CopyTo(part.Span);
        }

        Return(request);
        return status;
    }

    /// <summary>Hands a request for the caller's memory to the device.</summary>
    /// <returns>
    /// Ok where it is in flight, and goes back by itself once its end was awaited. Otherwise it is back already: why it
    /// failed, or null where the device cannot reach the memory, or only in smaller pieces than a copy would have.
    /// </returns>
    private BlockStatus? TryStart(
        DiskRequest request, BlockOperation operation, ulong firstSector, ReadOnlyMemory<byte> data)
    {
        BlockStatus? status = null;
        if (request.TryLoad(data, _device.MaximumSegments, this))
        {
            request.Describe(operation, firstSector, (uint)data.Length);
            status = _device.Submit(request);
            if (status == BlockStatus.Ok)
            {
                return status;
            }

            request.Unload();
        }

        _direct.Return(request);
        return status;
    }

    private async ValueTask<BlockStatus> EndAsync(DiskRequest request)
    {
        BlockStatus status = await request.Completion.ConfigureAwait(false);
        _watch.TellEnd(request, status);
        return status;
    }

    // Who blocks looks at the clock himself; who awaits has nobody else to do it for him.
    private void StartTimer()
    {
        if (Volatile.Read(ref _timer) is null)
        {
            lock (_timerGate)
            {
                if (!_isRetired)
                {
                    _timer ??= new Timer(_ => LookAtClock(), null, _watch.Interval, _watch.Interval);
                }
            }
        }
    }

    /// <summary>
    /// Gives the memory of all requests back, those that somebody holds when he returns them. The device is out of use,
    /// and once this returns nobody looks at it any more because time has passed.
    /// </summary>
    private void Retire()
    {
        _buffered.Retire();
        _direct.Retire();
        Timer? timer;
        lock (_timerGate)
        {
            _isRetired = true;
            timer = _timer;
            _timer = null;
        }

        using var isOver = new ManualResetEvent(initialState: false);
        if (timer is not null && timer.Dispose(isOver))
        {
            isOver.WaitOne();
        }
    }

    /// <summary>Memory of a caller, in one piece or several, that is taken part by part.</summary>
    private struct MemoryParts
    {
        private Memory<byte> _next;
        private ReadOnlyMemory<Memory<byte>> _others;

        /// <summary>Memory in one piece.</summary>
        public MemoryParts(Memory<byte> only)
        {
            _next = only;
        }

        /// <summary>Memory in several pieces.</summary>
        public MemoryParts(ReadOnlyMemory<Memory<byte>> pieces)
        {
            _others = pieces;
            SkipEmpty();
        }

        /// <summary>Whether there is more to take.</summary>
        public readonly bool HasMore => !_next.IsEmpty;

        /// <summary>How many sectors all that is left has.</summary>
        public readonly ulong CountSectors()
        {
            ulong count = Disk.CountSectors(_next.Length);
            foreach (Memory<byte> other in _others.Span)
            {
                count += Disk.CountSectors(other.Length);
            }

            return count;
        }

        /// <summary>Takes the next part, of a piece.</summary>
        /// <param name="longest">How long it may be, in bytes: a multiple of 512.</param>
        public Memory<byte> Take(int longest)
        {
            Memory<byte> part = _next[..Math.Min(longest, _next.Length)];
            _next = _next[part.Length..];
            SkipEmpty();
            return part;
        }

        private void SkipEmpty()
        {
            while (_next.IsEmpty && !_others.IsEmpty)
            {
                _next = _others.Span[0];
                _others = _others[1..];
            }
        }
    }
}
