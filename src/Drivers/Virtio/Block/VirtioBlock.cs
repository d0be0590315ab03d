using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Block;

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

    /// <summary>A request takes a header, a status and, unless it is a flush, at least one data segment.</summary>
    private const int FixedDescriptors = 2;

    /// <summary>
    /// Up to so many data segments are taken where there are indirect tables: 256 KiB in pages that lie anywhere.
    /// </summary>
    private const int UsualSegments = 64;

    private BlockConfiguration _read;
    private BlockConfiguration _configuration;
    private BlockRequestSlots? _slots;
    private DmaSegment[] _chain = Array.Empty<DmaSegment>();
    private int[] _aborted = Array.Empty<int>();
    private int _abortedCount;
    private ulong _reads;
    private ulong _writes;
    private ulong _flushes;
    private ulong _errors;

    /// <summary>Describes a block device; touches nothing of it.</summary>
    /// <param name="transport">The way to a device of type <see cref="DeviceTypes.Block"/>.</param>
    /// <param name="name">What the owner calls it, for example <c>disk0</c>.</param>
    /// <param name="owner">Who is told of interrupts; completions may be waiting then.</param>
    public VirtioBlock(VirtioTransport transport, string name, DeviceEventSink owner)
        : base(transport, name, owner, "requestq1")
    {
    }

    /// <summary>The size in sectors of 512 bytes; may be 0, and may change while the device runs.</summary>
    public ulong Capacity => _configuration.Capacity;

    /// <summary>The block size in bytes that suits the device best: a power of two, at least 512.</summary>
    public uint BlockSize => _configuration.BlkSize;

    /// <summary>Whether writes are refused.</summary>
    public bool IsReadOnly => Has(BlockFeatures.ReadOnly);

    /// <summary>Whether there is a flush; without one, completed writes are durable.</summary>
    public bool HasFlush => Has(BlockFeatures.Flush);

    /// <summary>The most data segments of a request, at least 1.</summary>
    public int MaximumSegments { get; private set; }

    /// <summary>The longest data segment in bytes, at least 1.</summary>
    public uint MaximumSegmentLength { get; private set; }

    /// <summary>The most requests in flight.</summary>
    public int MaximumRequests => _slots == null ? 0 : _slots.Count;

    /// <summary>How many requests are in flight.</summary>
    public int InFlight => _slots == null ? 0 : Requests.InFlight;

    /// <inheritdoc/>
    protected override ulong ImplementedFeatures => BlockFeatures.Implemented;

    /// <inheritdoc/>
    protected override int PreferredQueueSize => 256;

    /// <inheritdoc/>
    protected override int UsualChainLength => UsualSegments + FixedDescriptors;

    /// <inheritdoc/>
    protected override bool HasUnfinished => InFlight + _abortedCount != 0;

    private Virtqueue Requests => Queue(0);

    /// <summary>Submits a request; the device is not notified yet.</summary>
    /// <param name="operation">What to do.</param>
    /// <param name="sector">The first sector, counted in 512 bytes; not looked at for a flush.</param>
    /// <param name="data">What is transferred; empty for a flush.</param>
    /// <param name="token">What the completion carries.</param>
    /// <returns><see cref="SubmitStatus.Ok"/>, or why the device did not get the request.</returns>
    public SubmitStatus TrySubmit(BlockOperation operation, ulong sector, ReadOnlySpan<DmaSegment> data, int token)
    {
        BlockRequestSlots? slots = _slots;
        if (slots == null || State != DeviceState.Running)
        {
            return SubmitStatus.NotRunning;
        }

        SubmitStatus status = BlockRequestRules.Check(this, operation, sector, data);
        if (status != SubmitStatus.Ok)
        {
            return status;
        }

        int slot = Requests.HasRoom(data.Length + FixedDescriptors) ? slots.Take(token) : -1;
        if (slot < 0)
        {
            return SubmitStatus.Full;
        }

        slots.Prepare(slot, operation, operation == BlockOperation.Flush ? 0 : sector);
        int readable = operation == BlockOperation.Write ? 1 + data.Length : 1;
        Span<DmaSegment> chain = new Span<DmaSegment>(_chain, 0, data.Length + FixedDescriptors);
        chain[0] = slots.Header(slot);
        data.CopyTo(chain.Slice(1));
        chain[chain.Length - 1] = slots.Status(slot);
        if (Requests.TryAdd(chain.Slice(0, readable), chain.Slice(readable), slot) != AddStatus.Ok)
        {
            // Room and form were checked, so only a total of 4 GiB and more is left.
            slots.TakeBack(slot);
            slots.Release(slot);
            return SubmitStatus.Invalid;
        }

        Count(operation);
        return SubmitStatus.Ok;
    }

    /// <summary>Tells the device of the requests submitted since the last call, if it wants to be told.</summary>
    public void Notify()
    {
        if (State == DeviceState.Running)
        {
            NotifyIfDue(Requests);
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
        int count = 0;
        while (_abortedCount != 0 && count < completions.Length)
        {
            completions[count++] = new BlockCompletion(_aborted[--_abortedCount], BlockStatus.Aborted);
        }

        if (_slots == null)
        {
            return count;
        }

        if (State is DeviceState.Stopped or DeviceState.Abandoned)
        {
            return count + DrainStopped(_slots, completions.Slice(count));
        }

        Virtqueue queue = Requests;
        while (count < completions.Length && queue.TryGetUsed(out int slot, out _))
        {
            BlockStatus status = _slots.Finish(slot);
            completions[count++] = new BlockCompletion(_slots.Release(slot), status);
            if (status != BlockStatus.Ok)
            {
                _errors++;
            }
        }

        CheckFault(queue);
        return count;
    }

    /// <summary>Asks for an interrupt at the next completion.</summary>
    /// <returns>Whether a completion is waiting already; then no interrupt may come for it.</returns>
    public bool EnableInterrupts() => _slots != null && Requests.EnableInterrupts();

    /// <summary>Asks for no interrupts, for an owner that polls; some may come all the same.</summary>
    public void DisableInterrupts()
    {
        if (_slots != null)
        {
            Requests.DisableInterrupts();
        }
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
        BlockRequestSlots? slots = _slots;
        if (slots == null || !ResetQueue(0))
        {
            return false;
        }

        Array.Resize(ref _aborted, _abortedCount + Requests.InFlight);
        while (Requests.TryDetach(out int slot))
        {
            slots.TakeBack(slot);
            _aborted[_abortedCount++] = slots.Release(slot);
            _errors++;
        }

        if (!ReplaceQueue(0, size))
        {
            return false;
        }

        string? failure = SetUp();
        slots.ReleaseMemory(quarantine: false);
        if (failure != null)
        {
            Fail("the device " + failure);
        }

        return failure == null;
    }

    /// <inheritdoc/>
    protected override string? ReadConfiguration() => _read.Read(Transport, Features);

    /// <inheritdoc/>
    protected override void AcceptConfiguration() => _configuration = _read;

    /// <inheritdoc/>
    protected override string? SetUp()
    {
        _slots = null;
        int size = Requests.Size;
        if (size <= FixedDescriptors)
        {
            return "has a request queue too small for any transfer";
        }

        // With tables for all requests, each takes one descriptor.
        int tableLength = Requests.IndirectTableLength;
        bool hasTables = tableLength > FixedDescriptors;
        uint room = (uint)((hasTables ? tableLength : size) - FixedDescriptors);
        MaximumSegments = (int)(_configuration.SegMax < room ? _configuration.SegMax : room);
        MaximumSegmentLength = _configuration.SizeMax;
        _chain = new DmaSegment[MaximumSegments + FixedDescriptors];
        _slots = BlockRequestSlots.TryCreate(Machine.Dma, hasTables ? size : size / FixedDescriptors);
        return _slots == null ? "cannot be given memory for its requests" : null;
    }

    /// <inheritdoc/>
    protected override void Clear() => _slots = null;

    /// <inheritdoc/>
    protected override void ReleaseMemory(bool quarantine) => _slots?.ReleaseMemory(quarantine);

    /// <inheritdoc/>
    protected override Counter[] ReadCounters() => new[]
    {
        new Counter("reads", _reads),
        new Counter("writes", _writes),
        new Counter("flushes", _flushes),
        new Counter("errors", _errors),
    };

    private int DrainStopped(BlockRequestSlots slots, Span<BlockCompletion> completions)
    {
        BlockStatus status = State == DeviceState.Stopped ? BlockStatus.Aborted : BlockStatus.Abandoned;
        int count = 0;
        while (count < completions.Length && Requests.TryDetach(out int slot))
        {
            completions[count++] = new BlockCompletion(slots.Release(slot), status);
            _errors++;
        }

        return count;
    }

    private void Count(BlockOperation operation)
    {
        _reads += operation == BlockOperation.Read ? 1UL : 0;
        _writes += operation == BlockOperation.Write ? 1UL : 0;
        _flushes += operation == BlockOperation.Flush ? 1UL : 0;
    }
}
