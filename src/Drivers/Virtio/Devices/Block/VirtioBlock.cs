using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices.Block;

/// <summary>A block device (virtio 1.4, 5.2): reads, writes and flushes over one request queue.</summary>
/// <remarks>
/// <para>
/// Requests are submitted, announced together by <see cref="Notify"/>, and taken back by <see cref="Drain"/> in the
/// order in which the device completes them. Requests in flight have no order among each other: what must follow waits
/// for the completion of what it follows.
/// </para>
/// <para>
/// Data segments are what the device reads or writes; the caller makes their PRE hand-over before it submits and their
/// POST hand-over after the completion. A device that stops running completes what is in flight through
/// <see cref="Drain"/> after <see cref="VirtioDevice.Stop"/>.
/// </para>
/// <para>One context at a time calls all of these: there is one queue.</para>
/// </remarks>
public sealed class VirtioBlock : VirtioDevice
{
    /// <summary>The unit of sector numbers in bytes, whatever the block size (virtio 1.4, 5.2.5).</summary>
    public const int SectorSize = 512;

    /// <summary>
    /// The most bytes that a request can have: with its header and its status they have to stay below 4 GiB
    /// (virtio 1.4, 2.7.5.2), and they come in sectors.
    /// </summary>
    internal const uint MaximumRequestLength = uint.MaxValue - SectorSize + 1;

    /// <summary>A request takes a header, a status and, unless it is a flush, at least one data segment.</summary>
    private const int FixedDescriptors = 2;

    private const uint HeaderLength = 16;
    private const uint TypeOffset = 0;
    private const uint SectorOffset = 8;
    private const uint StatusLength = 1;

    /// <summary>A status that no device writes, to tell one that wrote none.</summary>
    private const byte Unwritten = 0xFF;

    /// <summary>
    /// Up to so many data segments are taken where there are indirect tables: 256 KiB in pages that lie anywhere.
    /// </summary>
    private const int UsualSegments = 64;

    private BlockConfiguration _read;
    private BlockConfiguration _configuration;
    private Virtqueue? _requests;
    private int[] _aborted = Array.Empty<int>();
    private int _abortedCount;
    private int _maximumRequests;
    private ulong _reads;
    private ulong _writes;
    private ulong _flushes;
    private ulong _errors;

    /// <summary>Describes a block device; touches nothing of it.</summary>
    /// <param name="transport">The way to a device of type <see cref="DeviceTypes.Block"/>.</param>
    /// <param name="name">What the owner calls it, for example <c>disk0</c>.</param>
    /// <param name="owner">Who is told of interrupts; completions may be waiting then.</param>
    public VirtioBlock(VirtioTransport transport, string name, DeviceEventSink owner)
        : this(DriverRegistry.Find(DeviceTypes.Block)!, transport, name, owner)
    {
    }

    internal VirtioBlock(VirtioDriver driver, VirtioTransport transport, string name, DeviceEventSink owner)
        : base(driver, transport, name, owner, "requestq1")
    {
    }

    /// <summary>
    /// The size in sectors of 512 bytes; may be 0, and changes in <see cref="VirtioDevice.ObserveChange"/>. Where 64
    /// bits are two reads, it is for whoever has the device for himself.
    /// </summary>
    public ulong Capacity => _configuration.Capacity;

    /// <summary>
    /// The block size in bytes that suits the device best: a power of two, at least 512. It is said to be advice
    /// (virtio 1.4, 5.2.5), but QEMU fails requests that are not for whole blocks.
    /// </summary>
    public uint BlockSize => _configuration.BlkSize;

    /// <summary>Whether writes are refused.</summary>
    public bool IsReadOnly => Has(BlockDriver.ReadOnly);

    /// <summary>Whether there is a flush; without one, completed writes are durable.</summary>
    public bool HasFlush => Has(BlockDriver.Flush);

    /// <summary>The most data segments of a request, at least 1.</summary>
    public int MaximumSegments { get; private set; }

    /// <summary>The longest data segment in bytes, at least 1.</summary>
    public uint MaximumSegmentLength { get; private set; }

    /// <summary>The most requests in flight.</summary>
    public int MaximumRequests => _requests == null ? 0 : _maximumRequests;

    /// <summary>How many requests are in flight.</summary>
    public int InFlight => _requests == null ? 0 : _requests.InFlight;

    /// <inheritdoc/>
    protected override Features ImplementedFeatures => BlockDriver.Implemented;

    /// <inheritdoc/>
    protected override int PreferredQueueSize => 256;

    /// <inheritdoc/>
    protected override ChainShape ChainShape =>
        new ChainShape(UsualSegments + FixedDescriptors, HeaderLength, StatusLength);

    /// <inheritdoc/>
    protected override bool HasUnfinished => InFlight + _abortedCount != 0;

    /// <summary>Submits a request; the device is not notified yet.</summary>
    /// <param name="operation">What to do.</param>
    /// <param name="sector">The first sector, counted in 512 bytes; not looked at for a flush.</param>
    /// <param name="data">What is transferred; empty for a flush.</param>
    /// <param name="token">What the completion carries.</param>
    /// <returns><see cref="BlockStatus.Ok"/>, or why the device did not get the request.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public BlockStatus TrySubmit(BlockOperation operation, ulong sector, ReadOnlySpan<DmaSegment> data, int token)
    {
        // The usual request, so that all that can be left out for it is left out. A running device was set up.
        if (State == DeviceState.Running && data.Length == 1 && data[0].Length - 1 < MaximumSegmentLength
            && BlockRequestRules.IsTransfer(this, operation, sector, data[0].Length))
        {
            Virtqueue queue = _requests!;
            PreparedChains.Chain chain = queue.Prepare();
            if (queue.IsReady(chain, 1 + FixedDescriptors))
            {
                return Submit(queue, chain, operation, sector, data.Slice(0, 1), data[0].Length, token, isReady: true);
            }
        }

        return SubmitAny(operation, sector, data, token);
    }

    /// <summary>Tells the device of the requests submitted since the last call, if it wants to be told.</summary>
    public void Notify()
    {
        if (State == DeviceState.Running)
        {
            NotifyIfDue(_requests!);
        }
    }

    /// <summary>Takes back requests that have ended.</summary>
    /// <param name="completions">Where they go.</param>
    /// <returns>
    /// How many there were; fewer than there is room for means that there are no more for now. After
    /// <see cref="VirtioDevice.Stop"/> all that were in flight come back this way.
    /// </returns>
    public int Drain(Span<BlockCompletion> completions)
    {
        if (State != DeviceState.Running || _abortedCount != 0)
        {
            return DrainInTrouble(completions);
        }

        return DrainUsed(completions);
    }

    /// <summary>Asks for an interrupt at the next completion.</summary>
    /// <returns>
    /// Whether there is something for <see cref="Drain"/> to look at already, completions or a broken ring; no
    /// interrupt may come for it.
    /// </returns>
    public bool EnableInterrupts() => _requests != null && _requests.EnableInterrupts();

    /// <summary>Asks for no interrupts, for an owner that polls; some may come all the same.</summary>
    public void DisableInterrupts()
    {
        _requests?.DisableInterrupts();
    }

    /// <summary>
    /// Holds further interrupts back while completions are drained after one came, until
    /// <see cref="EnableInterrupts"/>. Costs nothing where an interrupt comes once for each time that it is asked for.
    /// </summary>
    public void HoldInterrupts()
    {
        _requests?.HoldInterrupts();
    }

    /// <summary>
    /// Resets the request queue alone and puts an empty one in its place, where the device negotiated RING_RESET.
    /// Requests in flight are aborted and come back through <see cref="Drain"/>; <see cref="MaximumRequests"/> and <see
    /// cref="MaximumSegments"/> may be others afterwards.
    /// </summary>
    /// <param name="size">The most descriptors that the new queue should have, at least 1.</param>
    /// <returns>
    /// Whether the new queue is in use. If not, look at <see cref="VirtioDevice.State"/>: the device is as it was where
    /// it cannot reset queues, and needs a reset otherwise.
    /// </returns>
    public bool TryResetQueue(int size)
    {
        Virtqueue? queue = _requests;
        if (queue == null || !ResetQueue(0))
        {
            return false;
        }

        Array.Resize(ref _aborted, _abortedCount + queue.InFlight);
        while (queue.TryDetach(out int token))
        {
            _aborted[_abortedCount++] = token;
            _errors++;
        }

        if (!ReplaceQueue(0, size))
        {
            return false;
        }

        Failure? failure = SetUp();
        if (failure != null)
        {
            Fail(failure);
        }

        return failure == null;
    }

    /// <inheritdoc/>
    protected override Features RefuseFeatures(Features offered) =>
        offered & BlockConfiguration.FeaturesWithoutField(Transport.ConfigurationLength);

    /// <inheritdoc/>
    protected override Failure? ReadConfiguration() => _read.Read(Transport, Features);

    /// <inheritdoc/>
    protected override void AcceptConfiguration() => _configuration = _read;

    /// <inheritdoc/>
    protected override void AcceptChange() => _configuration.Capacity = _read.Capacity;

    /// <inheritdoc/>
    protected override Failure? SetUp()
    {
        Virtqueue queue = Queue(0);
        int size = queue.Size;
        if (size <= FixedDescriptors)
        {
            return new Failure("has a request queue too small for any transfer");
        }

        // With tables for all requests, each takes one descriptor.
        int tableLength = queue.IndirectTableLength;
        bool hasTables = tableLength > FixedDescriptors;
        uint room = (uint)((hasTables ? tableLength : size) - FixedDescriptors);
        MaximumSegments = (int)(_configuration.SegMax < room ? _configuration.SegMax : room);
        MaximumSegmentLength = _configuration.SizeMax;
        _maximumRequests = hasTables ? size : size / FixedDescriptors;
        _requests = queue;
        return null;
    }

    /// <inheritdoc/>
    protected override void Clear() => _requests = null;

    /// <inheritdoc/>
    protected internal override Counter[] ReadCounters() => new[]
    {
        new Counter("reads", _reads),
        new Counter("writes", _writes),
        new Counter("flushes", _flushes),
        new Counter("errors", _errors),
    };

    /// <summary>Takes back what the device of a running driver has used.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int DrainUsed(Span<BlockCompletion> completions)
    {
        Virtqueue queue = _requests!;
        int count = 0;
        while (count < completions.Length && queue.TryGetPlain(out UsedBuffer buffer))
        {
            completions[count++] = Complete(queue, buffer);
        }

        while (count < completions.Length && !queue.IsPlain && queue.TryGetUsed(out UsedBuffer buffer))
        {
            completions[count++] = Complete(queue, buffer);
        }

        if (queue.Fault != QueueFault.None)
        {
            CheckFault(queue);
        }

        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private BlockCompletion Complete(Virtqueue queue, in UsedBuffer buffer)
    {
        byte written = queue.Trailer(buffer.BufferId).Load8(0);
        BlockStatus status = written <= (byte)BlockStatus.Unsupported ? (BlockStatus)written : BlockStatus.NoStatus;
        if (status != BlockStatus.Ok)
        {
            _errors++;
        }

        return new BlockCompletion(buffer.Token, status);
    }

    /// <summary>Takes back what there is where a queue was reset, or where the device does not run.</summary>
    private int DrainInTrouble(Span<BlockCompletion> completions)
    {
        int count = 0;
        while (_abortedCount != 0 && count < completions.Length)
        {
            completions[count++] = new BlockCompletion(_aborted[--_abortedCount], BlockStatus.Aborted);
        }

        if (_requests == null)
        {
            return count;
        }

        completions = completions.Slice(count);
        return count + (State is DeviceState.Stopped or DeviceState.Abandoned
            ? DrainStopped(completions)
            : DrainUsed(completions));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private BlockStatus SubmitAny(BlockOperation operation, ulong sector, ReadOnlySpan<DmaSegment> data, int token)
    {
        if (State != DeviceState.Running)
        {
            return BlockStatus.NotRunning;
        }

        BlockStatus status = BlockRequestRules.Check(this, operation, sector, data, out uint bytes);
        if (status != BlockStatus.Ok)
        {
            return status;
        }

        Virtqueue queue = _requests!;
        if (!queue.IsUsable || !queue.HasRoom(data.Length + FixedDescriptors))
        {
            return queue.IsUsable ? BlockStatus.Full : BlockStatus.NotRunning;
        }

        // A flush is for the whole device: its sector is 0 (virtio 1.4, 5.2.6.1).
        sector = operation == BlockOperation.Flush ? 0 : sector;
        return Submit(queue, queue.Prepare(), operation, sector, data, bytes, token, isReady: false);
    }

    /// <summary>Gives the device a request that was checked and for which there is room.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private BlockStatus Submit(
        Virtqueue queue,
        PreparedChains.Chain chain,
        BlockOperation operation,
        ulong sector,
        ReadOnlySpan<DmaSegment> data,
        uint bytes,
        int token,
        bool isReady)
    {
        chain.Header.Store32(TypeOffset, (uint)operation);
        chain.Header.Store64(SectorOffset, sector);
        chain.Trailer.Store8(0, Unwritten);
        if (operation == BlockOperation.Read)
        {
            _reads++;
            queue.Add(chain, data, isWritable: true, bytes + StatusLength, token, isReady);
            return BlockStatus.Ok;
        }

        if (operation == BlockOperation.Write)
        {
            _writes++;
        }
        else
        {
            _flushes++;
        }

        queue.Add(chain, data, isWritable: false, StatusLength, token, isReady);
        return BlockStatus.Ok;
    }

    private int DrainStopped(Span<BlockCompletion> completions)
    {
        BlockStatus status = State == DeviceState.Stopped ? BlockStatus.Aborted : BlockStatus.Abandoned;
        int count = 0;
        while (count < completions.Length && _requests!.TryDetach(out int token))
        {
            completions[count++] = new BlockCompletion(token, status);
            _errors++;
        }

        return count;
    }
}

/// <summary>A request that has ended.</summary>
public struct BlockCompletion
{
    /// <summary>What the caller gave with the request.</summary>
    public int Token;

    /// <summary>How it ended.</summary>
    public BlockStatus Status;

    /// <summary>Describes a request that has ended.</summary>
    public BlockCompletion(int token, BlockStatus status)
    {
        Token = token;
        Status = status;
    }
}
