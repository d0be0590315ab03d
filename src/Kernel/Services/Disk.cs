using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Threading;
using System.Threading.Tasks;
using VirtioGuest.Commands.Block;
using VirtioGuest.Drivers.Virtio.Devices.Block;

namespace VirtioGuest.Kernel.Services;

/// <summary>
/// A disk: sectors of 512 bytes that can be read, written and flushed from any thread, in any length.
/// </summary>
/// <remarks>
/// Requests of any length are split into transfers, of which a bounded number is in flight. A request is waited for as
/// long as it takes, unless the user chose a limit (<see cref="RequestWatch"/>); a device that breaks the rules is
/// reset, and what cannot be done fails with a status. The blocking calls allocate nothing.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "What ends its life stops the timer.")]
internal abstract class Disk
{
    /// <summary>Bytes in a sector, whatever the device's block size (virtio 1.4, 5.2.4).</summary>
    public const int SectorSize = SectorDevice.SectorSize;

    private readonly Stack<DiskTransfer> _idle = new();
    private readonly SemaphoreSlim _available;
    private readonly RequestWatch _watch;
    private Timer? _timer;
    private bool _isRetired;

    /// <summary>Describes a disk.</summary>
    /// <param name="name">What people call it, for example <c>disk0</c>.</param>
    /// <param name="maximumTransfers">How many transfers may be in flight, at least 1.</param>
    /// <param name="watch">Who counts how long they take.</param>
    protected Disk(string name, int maximumTransfers, RequestWatch watch)
    {
        Name = name;
        MaximumTransfers = maximumTransfers;
        _watch = watch;
        _available = new SemaphoreSlim(maximumTransfers, maximumTransfers);
    }

    /// <summary>What people call it.</summary>
    public string Name { get; }

    /// <summary>How many sectors it has: 0 to 2^55 - 1, and may change.</summary>
    public abstract ulong SectorCount { get; }

    /// <summary>Bytes in a block of the disk: a power of two, at least a sector.</summary>
    public virtual uint BlockSize => SectorDevice.SectorSize;

    /// <summary>Its size for people, and whether it is read-only.</summary>
    public string Size =>
        SectorDevice.DescribeSize(SectorCount, IsReadOnly) + SectorDevice.DescribeBlocks(BlockSize);

    /// <summary>Whether writes are refused.</summary>
    public abstract bool IsReadOnly { get; }

    /// <summary>How many transfers may be in flight.</summary>
    public int MaximumTransfers { get; }

    /// <summary>Whether the device still takes requests.</summary>
    public abstract bool IsUsable { get; }

    /// <summary>Why there is no transfer to be had, where <see cref="Rent"/> gave none.</summary>
    public BlockStatus RentFailure => IsUsable ? BlockStatus.NoResources : WhyUnusable;

    /// <summary>What a request is told where the device takes none.</summary>
    protected virtual BlockStatus WhyUnusable => BlockStatus.NotRunning;

    /// <summary>Whether the device was taken out of the machine.</summary>
    public virtual bool IsRemoved => false;

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
        DiskTransfer? transfer = Rent();
        if (transfer is null)
        {
            return RentFailure;
        }

        BlockStatus status = Start(transfer, BlockOperation.Flush, 0, 0);
        status = status == BlockStatus.Ok ? Wait(transfer) : status;
        Return(transfer);
        return status;
    }

    /// <summary>Reads sectors.</summary>
    /// <inheritdoc cref="Read"/>
    public ValueTask<BlockStatus> ReadAsync(ulong firstSector, Memory<byte> destination) =>
        MoveAsync(BlockOperation.Read, firstSector, destination, default);

    /// <summary>Writes sectors.</summary>
    /// <inheritdoc cref="Write"/>
    public ValueTask<BlockStatus> WriteAsync(ulong firstSector, ReadOnlyMemory<byte> source) =>
        MoveAsync(BlockOperation.Write, firstSector, default, source);

    /// <summary>Makes completed writes durable.</summary>
    public async ValueTask<BlockStatus> FlushAsync()
    {
        DiskTransfer? transfer = await RentAsync().ConfigureAwait(false);
        if (transfer is null)
        {
            return RentFailure;
        }

        BlockStatus status = Start(transfer, BlockOperation.Flush, 0, 0);
        status = status == BlockStatus.Ok ? await EndAsync(transfer).ConfigureAwait(false) : status;
        Return(transfer);
        return status;
    }

    /// <summary>Takes a transfer, and waits for one where all are in use.</summary>
    /// <returns>
    /// The transfer, to be given back; null where there is no memory for one, or the device is out of use. Whoever
    /// holds one already only asks with <see cref="TryRent"/>, so that nobody waits for somebody who waits.
    /// </returns>
    public DiskTransfer? Rent()
    {
        while (!_available.Wait(_watch.Interval))
        {
            LookAtClock();
        }

        return TakeIdle();
    }

    /// <summary>Takes a transfer where one is free.</summary>
    public DiskTransfer? TryRent() => _available.Wait(0) ? TakeIdle() : null;

    /// <summary>Gives a transfer back that is not in flight.</summary>
    public void Return(DiskTransfer transfer)
    {
        lock (_idle)
        {
            if (_isRetired)
            {
                transfer.Free();
            }
            else
            {
                _idle.Push(transfer);
            }
        }

        _available.Release();
    }

    /// <summary>
    /// Gives the memory of all transfers back, those that somebody holds when he returns them. The device is out of
    /// use, and once this returns nobody looks at it any more because time has passed.
    /// </summary>
    protected void Retire()
    {
        Timer? timer;
        lock (_idle)
        {
            _isRetired = true;
            while (_idle.TryPop(out DiskTransfer? transfer))
            {
                transfer.Free();
            }

            timer = _timer;
            _timer = null;
        }

        using var isOver = new ManualResetEvent(initialState: false);
        if (timer is not null && timer.Dispose(isOver))
        {
            isOver.WaitOne();
        }
    }

    /// <summary>Hands a transfer to the device.</summary>
    /// <param name="transfer">Rented and not in flight.</param>
    /// <param name="operation">What to do.</param>
    /// <param name="firstSector">The first sector; 0 for a flush.</param>
    /// <param name="count">How many, 1 to the transfer's capacity; 0 for a flush.</param>
    /// <returns>Ok where it is now in flight and has to be waited for; else why not.</returns>
    public BlockStatus Start(DiskTransfer transfer, BlockOperation operation, ulong firstSector, int count)
    {
        if (!Contains(firstSector, (ulong)count))
        {
            return BlockStatus.OutOfRange;
        }

        if (operation == BlockOperation.Write && IsReadOnly)
        {
            return BlockStatus.ReadOnly;
        }

        transfer.Describe(operation, firstSector);
        return IsUsable ? Submit(transfer, operation, firstSector, count) : WhyUnusable;
    }

    /// <summary>Blocks until a transfer in flight has ended, and looks at the clock every now and then.</summary>
    public BlockStatus Wait(DiskTransfer transfer)
    {
        BlockStatus status;
        while (!transfer.TryWait(_watch.Interval, out status))
        {
            LookAtClock();
        }

        _watch.TellEnd(transfer, status);
        return status;
    }

    /// <summary>
    /// Looks at what the device has done and at the clock, and resets the device where a limit is over. Whoever waits
    /// calls it about once a second.
    /// </summary>
    public void LookAtClock()
    {
        Poll();
        if (_watch.FindOverdue())
        {
            ResetOverdue();
        }
    }

    /// <summary>Hands a transfer over, after all checks that do not concern the device.</summary>
    protected abstract BlockStatus Submit(
        DiskTransfer transfer, BlockOperation operation, ulong firstSector, int count);

    /// <summary>Creates a transfer, at most <see cref="MaximumTransfers"/> times.</summary>
    /// <returns>The transfer, or null where memory for the device is used up.</returns>
    protected abstract DiskTransfer? CreateTransfer();

    /// <summary>Looks for what the device has done, for the case that no interrupt tells of it.</summary>
    protected abstract void Poll();

    /// <summary>
    /// Resets the device because the limit is over for one or more transfers. Before it returns, those have ended, and
    /// the device does not touch their buffers any more; the others go on.
    /// </summary>
    protected abstract void ResetOverdue();

    /// <summary>Marks a transfer as being with the device.</summary>
    protected void Begin(DiskTransfer transfer) => _watch.Begin(transfer);

    /// <summary>Starts a transfer's limit anew.</summary>
    protected void Restart(DiskTransfer transfer) => _watch.Restart(transfer);

    private static ulong CountSectors(int length)
    {
        if (length % SectorSize != 0)
        {
            throw new ArgumentException("a disk moves whole sectors of 512 bytes");
        }

        return (ulong)(length / SectorSize);
    }

    private DiskTransfer? TakeIdle()
    {
        lock (_idle)
        {
            if (!IsUsable)
            {
                _available.Release();
                return null;
            }

            if (_idle.TryPop(out DiskTransfer? transfer))
            {
                return transfer;
            }

            transfer = CreateTransfer();
            if (transfer is not null)
            {
                _watch.Add(transfer);
                return transfer;
            }
        }

        _available.Release();
        return null;
    }

    private async ValueTask<DiskTransfer?> RentAsync()
    {
        StartTimer();
        await _available.WaitAsync().ConfigureAwait(false);
        return TakeIdle();
    }

    private async ValueTask<BlockStatus> EndAsync(DiskTransfer transfer)
    {
        BlockStatus status = await transfer.Completion.ConfigureAwait(false);
        _watch.TellEnd(transfer, status);
        return status;
    }

    private async ValueTask<BlockStatus> MoveAsync(
        BlockOperation operation,
        ulong firstSector,
        Memory<byte> destination,
        ReadOnlyMemory<byte> source)
    {
        int length = operation == BlockOperation.Read ? destination.Length : source.Length;
        if (!Contains(firstSector, CountSectors(length)))
        {
            return BlockStatus.OutOfRange;
        }

        BlockStatus result = BlockStatus.Ok;
        var inFlight = new Queue<(DiskTransfer Transfer, int Offset, int Length)>();
        int next = 0;
        while (inFlight.Count > 0 || (next < length && result == BlockStatus.Ok))
        {
            DiskTransfer? transfer = null;
            if (next < length && result == BlockStatus.Ok)
            {
                transfer = inFlight.Count == 0 ? await RentAsync().ConfigureAwait(false) : TryRent();
                result = transfer is null && inFlight.Count == 0 ? RentFailure : result;
            }

            if (transfer is not null)
            {
                int part = Math.Min(length - next, transfer.Data.Length);
                if (operation == BlockOperation.Write)
                {
                    source.Span.Slice(next, part).CopyTo(transfer.Data);
                }

                result = Start(transfer, operation, firstSector + (ulong)(next / SectorSize), part / SectorSize);
                if (result != BlockStatus.Ok)
                {
                    Return(transfer);
                    continue;
                }

                inFlight.Enqueue((transfer, next, part));
                next += part;
            }
            else if (inFlight.TryDequeue(out (DiskTransfer Transfer, int Offset, int Length) oldest))
            {
                BlockStatus status = await EndAsync(oldest.Transfer).ConfigureAwait(false);
                if (operation == BlockOperation.Read && status == BlockStatus.Ok)
                {
                    oldest.Transfer.Data[..oldest.Length].CopyTo(destination.Span[oldest.Offset..]);
                }

                Return(oldest.Transfer);
                result = result == BlockStatus.Ok ? status : result;
            }
        }

        return result;
    }

    // Who blocks looks at the clock himself; who awaits has nobody else to do it for him.
    private void StartTimer()
    {
        if (Volatile.Read(ref _timer) is null)
        {
            lock (_idle)
            {
                if (!_isRetired)
                {
                    _timer ??= new Timer(_ => LookAtClock(), null, _watch.Interval, _watch.Interval);
                }
            }
        }
    }
}
