using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices.Block;

/// <summary>A request queue of a block device (virtio 1.4, 5.2.2 and 5.2.6).</summary>
/// <remarks>
/// <para>
/// Requests are submitted, announced together by <see cref="Notify"/>, and taken back by <see cref="Drain"/> in the
/// order in which the device completes them. Requests in flight have no order among each other, on one queue or on
/// several: what must follow waits for the completion of what it follows.
/// </para>
/// <para>
/// Data segments are what the device reads or writes; the caller makes their PRE hand-over before it submits and their
/// POST hand-over after the completion. A device that stops running completes what is in flight through
/// <see cref="Drain"/> after <see cref="VirtioDevice.Stop"/>.
/// </para>
/// <para>
/// One context at a time calls the members of a queue. Different queues may have different contexts, as long as nobody
/// starts, stops, suspends or resumes the device or looks at its changes meanwhile. A queue stays the same through all
/// lives of its device, and takes nothing in a life in which the device has fewer.
/// </para>
/// </remarks>
public sealed class BlockQueue
{
    /// <summary>A request takes a header, a status and, unless it is a flush, at least one data segment.</summary>
    internal const int FixedDescriptors = 2;

    internal const uint HeaderLength = 16;
    internal const uint StatusLength = 1;

    private const int SectorBits = 9;

    /// <summary>The bits that no sector number has whose bytes can be counted in 64 bits.</summary>
    private const ulong ImpossibleSectors = ulong.MaxValue << (64 - SectorBits);

    private const uint TypeOffset = 0;
    private const uint SectorOffset = 8;

    /// <summary>A status that no device writes, to tell one that wrote none.</summary>
    private const byte Unwritten = 0xFF;

    private readonly VirtioBlock _device;
    private Virtqueue? _ring;
    private int[] _aborted = Array.Empty<int>();
    private int _abortedCount;
    private bool _isInTrouble = true;

    // What a usual request is checked against; nothing can be read or written while the device does not run.
    private ulong _readableEnd;
    private ulong _writableEnd;
    private uint _longest;
    private ulong _misplaced;

    internal BlockQueue(VirtioBlock device, int index)
    {
        _device = device;
        Index = index;
    }

    /// <summary>The virtqueue index: 0 is <c>requestq1</c>.</summary>
    public int Index { get; }

    /// <summary>The most requests in flight, which are requests without data where there are no tables.</summary>
    public int MaximumRequests => MaximumRequestsOf(0);

    /// <summary>The most data segments of a request, at least 1; 0 where the queue is not in use.</summary>
    public int MaximumSegments { get; private set; }

    /// <summary>How many requests are in flight.</summary>
    public int InFlight => _ring == null ? 0 : _ring.InFlight;

    /// <summary>Whether there are requests that the owner has still to take back.</summary>
    internal bool HasUnfinished => InFlight + _abortedCount != 0;

    internal ulong Reads { get; private set; }

    internal ulong Writes { get; private set; }

    internal ulong Flushes { get; private set; }

    internal ulong Discards { get; private set; }

    internal ulong ZeroWrites { get; private set; }

    internal ulong Erases { get; private set; }

    internal ulong Errors { get; private set; }

    /// <summary>How many requests of so many data segments can be in flight, where no others are.</summary>
    /// <param name="segments">0 to <see cref="MaximumSegments"/>.</param>
    public int MaximumRequestsOf(int segments)
    {
        if (_ring == null)
        {
            return 0;
        }

        // With a table each takes one descriptor of the ring.
        int descriptors = segments + FixedDescriptors;
        return descriptors <= _ring.IndirectTableLength ? _ring.Size : _ring.Size / descriptors;
    }

    /// <summary>Submits a request; the device is not notified yet.</summary>
    /// <param name="operation">What to do; not one over ranges.</param>
    /// <param name="sector">The first sector, counted in 512 bytes, of a read or a write.</param>
    /// <param name="data">
    /// What is transferred; empty for a flush, one segment of the right length for what is asked of the device itself.
    /// </param>
    /// <param name="token">What the completion carries.</param>
    /// <returns><see cref="BlockStatus.Ok"/>, or why the device did not get the request.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public BlockStatus TrySubmit(BlockOperation operation, ulong sector, ReadOnlySpan<DmaSegment> data, int token)
    {
        // The usual requests, so that all that can be left out for them is left out. Which of the two it is is asked
        // once, and known in all that is inlined.
        if (data.Length == 1)
        {
            if (operation == BlockOperation.Read)
            {
                if (IsUsual(_readableEnd, sector, data[0].Length)
                    && TrySubmitUsual(BlockOperation.Read, sector, data[0], token))
                {
                    Reads++;
                    return BlockStatus.Ok;
                }
            }
            else if (operation == BlockOperation.Write)
            {
                if (IsUsual(_writableEnd, sector, data[0].Length)
                    && TrySubmitUsual(BlockOperation.Write, sector, data[0], token))
                {
                    Writes++;
                    return BlockStatus.Ok;
                }
            }
        }

        return SubmitAny(operation, sector, data, token);
    }

    /// <summary>
    /// Submits a discard, a write of zeroes or a secure erase; the device is not notified yet. What becomes of the
    /// single ranges is not known where it ends with an error (virtio 1.4, 5.2.6.1).
    /// </summary>
    /// <param name="operation">What to do.</param>
    /// <param name="ranges">
    /// Where: whole blocks within the capacity, and no more than <see cref="VirtioBlock.LimitsOf"/> allows.
    /// </param>
    /// <param name="memory">
    /// Room for <see cref="BlockRange.Length"/> bytes for each range, for as long as the request is in flight. The
    /// ranges are written to its beginning and handed over; the caller makes the POST hand-over.
    /// </param>
    /// <param name="token">What the completion carries.</param>
    /// <returns><see cref="BlockStatus.Ok"/>, or why the device did not get the request.</returns>
    public BlockStatus TrySubmitRanges(
        BlockOperation operation, ReadOnlySpan<BlockRange> ranges, DmaMemory memory, int token)
    {
        if (!IsRunning)
        {
            return BlockStatus.NotRunning;
        }

        BlockStatus status = BlockRequestRules.Check(_device, operation, ranges);
        uint bytes = (uint)ranges.Length * BlockRange.Length;
        if (status == BlockStatus.Ok && bytes > memory.Length)
        {
            status = BlockStatus.Invalid;
        }

        status = status == BlockStatus.Ok ? FindRoom(1) : status;
        if (status != BlockStatus.Ok)
        {
            return status;
        }

        for (int i = 0; i < ranges.Length; i++)
        {
            ranges[i].Store(memory, (uint)i * BlockRange.Length);
        }

        memory.Sync(0, bytes, DmaSync.PreWrite);
        DmaSegment segment = memory.Segment(0, bytes);
        Submit(operation, 0, MemoryMarshal.CreateReadOnlySpan(ref segment, 1), 0, token);
        return BlockStatus.Ok;
    }

    /// <summary>Tells the device of the requests submitted since the last call, if it wants to be told.</summary>
    public void Notify()
    {
        // Out of trouble it runs, which is one look in place of three.
        if (!_isInTrouble || IsRunning)
        {
            _ring!.NotifyIfDue();
        }
    }

    /// <summary>Takes back requests that have ended.</summary>
    /// <param name="completions">Where they go.</param>
    /// <returns>
    /// How many there were; fewer than there is room for means that there are no more for now. After
    /// <see cref="VirtioDevice.Stop"/> all that were in flight come back this way.
    /// </returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Drain(Span<BlockCompletion> completions) =>
        _isInTrouble || completions.Length == 0 ? DrainInTrouble(completions) : DrainUsed(BuffersOf(completions));

    /// <summary>Asks for an interrupt at the next completion.</summary>
    /// <returns>
    /// Whether there is something for <see cref="Drain"/> to look at already, completions or a broken ring; no
    /// interrupt may come for it.
    /// </returns>
    public bool EnableInterrupts() => _ring != null && _ring.EnableInterrupts();

    /// <summary>Asks for no interrupts, for an owner that polls; some may come all the same.</summary>
    public void DisableInterrupts()
    {
        _ring?.DisableInterrupts();
    }

    /// <summary>
    /// Holds further interrupts back while completions are drained after one came, until
    /// <see cref="EnableInterrupts"/>. Costs nothing where an interrupt comes once for each time that it is asked for.
    /// </summary>
    public void HoldInterrupts()
    {
        _ring?.HoldInterrupts();
    }

    /// <summary>
    /// Resets the queue alone and puts an empty one in its place, where the device negotiated RING_RESET. Requests in
    /// flight are aborted and come back through <see cref="Drain"/>; <see cref="MaximumRequests"/> and <see
    /// cref="MaximumSegments"/> may be others afterwards.
    /// </summary>
    /// <param name="size">The most descriptors that the new queue should have, at least 1.</param>
    /// <returns>
    /// Whether the new queue is in use. If not, look at <see cref="VirtioDevice.State"/>: the device is as it was where
    /// it cannot reset queues, and needs a reset otherwise.
    /// </returns>
    public bool TryReset(int size)
    {
        Virtqueue? ring = _ring;
        if (ring == null || !_device.TryResetRing(Index))
        {
            return false;
        }

        Array.Resize(ref _aborted, _abortedCount + ring.InFlight);
        while (ring.TryDetach(out int token))
        {
            _aborted[_abortedCount++] = token;
            Errors++;
        }

        return _device.TryReplaceRing(this, size);
    }

    /// <summary>Takes a ring into use.</summary>
    /// <param name="ring">The ring, empty.</param>
    /// <param name="configuration">What the device says of requests.</param>
    /// <returns>Null, or why it cannot be used.</returns>
    internal Failure? Use(Virtqueue ring, in BlockConfiguration configuration)
    {
        if (ring.Size <= FixedDescriptors)
        {
            return new Failure("has a request queue too small for any transfer");
        }

        int tableLength = ring.IndirectTableLength;
        uint room = (uint)((tableLength > FixedDescriptors ? tableLength : ring.Size) - FixedDescriptors);
        MaximumSegments = (int)(configuration.SegMax < room ? configuration.SegMax : room);
        _ring = ring;
        return null;
    }

    /// <summary>Drops the ring of an earlier life. Its memory was given up then.</summary>
    internal void Clear()
    {
        _ring = null;
        MaximumSegments = 0;
    }

    /// <summary>Takes note of what can be asked of the device now.</summary>
    internal void Permit(in BlockConfiguration configuration, bool isReadOnly)
    {
        bool isRunning = IsRunning;
        _readableEnd = isRunning ? configuration.Capacity : 0;
        _writableEnd = isReadOnly ? 0 : _readableEnd;
        _longest = configuration.SizeMax / VirtioBlock.SectorSize;
        _misplaced = ImpossibleSectors | ((configuration.BlkSize / VirtioBlock.SectorSize) - 1);
        _isInTrouble = !isRunning || _abortedCount != 0;
    }

    private bool IsRunning => _device.State == DeviceState.Running && _ring != null;

    /// <summary>Whether the device can be given a read or a write of one segment.</summary>
    /// <param name="end">The sector behind the last one that it can be for.</param>
    /// <param name="sector">The first one that it is for.</param>
    /// <param name="bytes">How long its segment is.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsUsual(ulong end, ulong sector, uint bytes)
    {
        // Rotated, what is not whole sectors comes to more of them than any segment has.
        uint sectors = (bytes >> SectorBits) | (bytes << (32 - SectorBits));
        return sectors - 1 < _longest
            && ((sector | sectors) & _misplaced) == 0
            && (long)sectors <= (long)(end - sector);
    }

    /// <summary>Submits a read or a write of one segment, if nothing but its data has to be written for it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TrySubmitUsual(BlockOperation operation, ulong sector, in DmaSegment data, int token)
    {
        Virtqueue ring = _ring!;
        PreparedChains.Chain chain = ring.Prepare();
        ref BufferRecord record = ref chain.Record;
        if (!ring.IsReady(record, 1 + FixedDescriptors))
        {
            return false;
        }

        Describe(chain, operation, sector);
        bool isRead = operation == BlockOperation.Read;
        uint writable = (isRead ? data.Length : 0) + StatusLength;
        ring.AddReady(chain, ref record, HeaderLength, data, isRead, writable, token);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Describe(PreparedChains.Chain chain, BlockOperation operation, ulong sector)
    {
        chain.Header.Store32(TypeOffset, (uint)operation);
        chain.Header.Store64(SectorOffset, sector);
        chain.StoreTrailer(Unwritten);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private BlockStatus SubmitAny(BlockOperation operation, ulong sector, ReadOnlySpan<DmaSegment> data, int token)
    {
        if (!IsRunning)
        {
            return BlockStatus.NotRunning;
        }

        BlockStatus status = BlockRequestRules.Check(_device, this, operation, sector, data, out uint bytes);
        status = status == BlockStatus.Ok ? FindRoom(data.Length) : status;
        if (status == BlockStatus.Ok)
        {
            Submit(operation, sector, data, bytes, token);
        }

        return status;
    }

    private BlockStatus FindRoom(int segments)
    {
        Virtqueue ring = _ring!;
        return !ring.IsUsable ? BlockStatus.NotRunning
            : ring.HasRoom(segments + FixedDescriptors) ? BlockStatus.Ok : BlockStatus.Full;
    }

    /// <summary>Gives the device a request that was checked and for which there is room.</summary>
    private void Submit(
        BlockOperation operation, ulong sector, ReadOnlySpan<DmaSegment> data, uint bytes, int token)
    {
        bool isRead = false;
        bool isAtSector = false;
        switch (operation)
        {
            case BlockOperation.Read:
                Reads++;
                isRead = true;
                isAtSector = true;
                break;
            case BlockOperation.Write:
                Writes++;
                isAtSector = true;
                break;
            case BlockOperation.Flush:
                Flushes++;
                break;
            case BlockOperation.Discard:
                Discards++;
                break;
            case BlockOperation.WriteZeroes:
                ZeroWrites++;
                break;
            case BlockOperation.SecureErase:
                Erases++;
                break;
            default:
                isRead = true;
                break;
        }

        // What is not at a place has sector 0 (virtio 1.4, 5.2.6 and 5.2.6.1).
        PreparedChains.Chain chain = _ring!.Prepare();
        Describe(chain, operation, isAtSector ? sector : 0);
        _ring.Add(chain, data, isRead, (isRead ? bytes : 0) + StatusLength, token);
    }

    /// <summary>A completion is a used buffer, whose trailer is its status.</summary>
    /// <param name="completions">At least one.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Span<UsedBuffer> BuffersOf(Span<BlockCompletion> completions) =>
        MemoryMarshal.CreateSpan(ref completions[0].Buffer, completions.Length);

    /// <summary>Takes back what the device of a running driver has used.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int DrainUsed(Span<UsedBuffer> buffers)
    {
        Virtqueue ring = _ring!;
        buffers = ring.InFlightOf(buffers);
        int count = ring.GetPlain(buffers, out uint statuses);
        return statuses != 0 || ring.HasRest ? DrainRest(buffers, count, statuses) : count;
    }

    /// <summary>Goes on where a request failed, or where the ring needs a closer look.</summary>
    /// <param name="buffers">Where requests go.</param>
    /// <param name="count">How many there are already.</param>
    /// <param name="statuses">All bits that are set in any of their statuses.</param>
    /// <returns>How many there are then.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int DrainRest(Span<UsedBuffer> buffers, int count, uint statuses)
    {
        Virtqueue ring = _ring!;
        if (ring.HasRest)
        {
            count = ring.GetRest(buffers, count, ref statuses);
        }

        if (statuses != 0)
        {
            JudgeErrors(buffers.Slice(0, count));
        }

        if (ring.Fault != QueueFault.None)
        {
            _device.CheckFault(ring);
        }

        return count;
    }

    /// <summary>Counts errors, and makes one of what is no status.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void JudgeErrors(Span<UsedBuffer> buffers)
    {
        for (int i = 0; i < buffers.Length; i++)
        {
            byte written = buffers[i].Trailer;
            bool isStatus = written <= (byte)BlockStatus.Unsupported;
            buffers[i].Trailer = isStatus ? written : (byte)BlockStatus.NoStatus;
            Errors += written != (byte)BlockStatus.Ok ? 1u : 0;
        }
    }

    /// <summary>Takes back what there is where a queue was reset, or where the device does not run.</summary>
    private int DrainInTrouble(Span<BlockCompletion> completions)
    {
        int count = 0;
        while (_abortedCount != 0 && count < completions.Length)
        {
            completions[count++] = new BlockCompletion(_aborted[--_abortedCount], BlockStatus.Aborted);
        }

        _isInTrouble = !IsRunning || _abortedCount != 0;
        completions = completions.Slice(count);
        if (_ring == null || completions.Length == 0)
        {
            return count;
        }

        return count + (_device.State is DeviceState.Stopped or DeviceState.Abandoned
            ? DrainStopped(completions)
            : DrainUsed(BuffersOf(completions)));
    }

    private int DrainStopped(Span<BlockCompletion> completions)
    {
        BlockStatus status = _device.State == DeviceState.Stopped ? BlockStatus.Aborted : BlockStatus.Abandoned;
        int count = 0;
        while (count < completions.Length && _ring!.TryDetach(out int token))
        {
            completions[count++] = new BlockCompletion(token, status);
            Errors++;
        }

        return count;
    }
}

/// <summary>A request that has ended.</summary>
public struct BlockCompletion
{
    internal UsedBuffer Buffer;

    /// <summary>Describes a request that has ended.</summary>
    public BlockCompletion(int token, BlockStatus status)
    {
        Buffer = new UsedBuffer(token, 0, 0, (byte)status);
    }

    /// <summary>What the caller gave with the request.</summary>
    public readonly int Token => Buffer.Token;

    /// <summary>How it ended.</summary>
    public readonly BlockStatus Status => (BlockStatus)Buffer.Trailer;
}
