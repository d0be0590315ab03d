using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VirtioGuest.Drivers.Virtio.Rings.Packed;
using VirtioGuest.Drivers.Virtio.Rings.Split;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// The driver's side of one virtqueue (virtio 1.4, 2.6), whatever the format of its ring.
/// </summary>
/// <remarks>
/// <para>
/// A queue is used by one context at a time and holds no lock. Nothing but its construction allocates. The device is
/// not trusted: what it writes is checked where it is read, and the first thing that no conforming device writes marks
/// the queue broken (<see cref="Fault"/>). A broken queue takes and gives nothing any more; its buffers come back
/// through <see cref="TryDetach"/> once the device has been reset.
/// </para>
/// <para>
/// Data buffers are the caller's: it makes their PRE hand-over before <see cref="TryAdd"/> and their POST hand-over
/// after <see cref="TryGetUsed"/> gave their token back. A batch is any number of <see cref="TryAdd"/> with one
/// <see cref="NeedsNotification"/> behind them.
/// </para>
/// </remarks>
public abstract class Virtqueue
{
    /// <summary>The largest queue size of either format (virtio 1.4, 2.7 and 2.8).</summary>
    public const int MaximumSize = 32768;

    /// <summary>The features that decide how a queue works, all of which are implemented.</summary>
    public const Features ImplementedFeatures = Features.IndirectDesc | Features.EventIdx | Features.RingPacked
        | Features.InOrder | Features.OrderPlatform | Features.NotificationData;

    private const int HundredPercent = 100;

    /// <summary>What a buffer with a header and a trailer has besides its data.</summary>
    private const int Ends = 2;

    private readonly QueueMemory _memory;
    private readonly PreparedChains? _chains;
    private readonly DmaSegment[] _chain = Array.Empty<DmaSegment>();
    private readonly bool _isInOrder;
    private readonly bool _areChainsCoherent;
    private readonly bool _isOrderedByPlatform;
    private OwnerCheck _owner;
    private bool _isUsable = true;
    private bool _isSimple;
    private bool _isPlain;
    private UsedBatch _batch;
    private ulong _announced;
    private uint _suppression;
    private int _detachCursor;
    private int _detached;
    private bool _isTakenBack;

    /// <summary>Describes an empty queue.</summary>
    /// <param name="index">The virtqueue index at its device.</param>
    /// <param name="size">The number of descriptors.</param>
    /// <param name="features">How it works.</param>
    /// <param name="memory">Where its areas are.</param>
    /// <param name="records">What it knows of its buffers.</param>
    /// <param name="chains">What is prepared for them, or null.</param>
    private protected Virtqueue(
        ushort index,
        ushort size,
        Features features,
        QueueMemory memory,
        BufferRecords records,
        PreparedChains? chains)
    {
        Index = index;
        Size = size;
        Features = features;
        FreeDescriptors = size;
        IndirectTableLength = chains == null ? 0 : chains.TableLength;
        HasEventIndex = (features & Features.EventIdx) != 0;
        IsCoherent = memory.Memory.IsCoherent;
        _memory = memory;
        Records = records;
        _chains = chains;
        _areChainsCoherent = chains == null || chains.IsCoherent;
        _isInOrder = (features & Features.InOrder) != 0;
        _isOrderedByPlatform = (features & Features.OrderPlatform) != 0;
        _isPlain = CanBePlain;
        _isSimple = _isPlain && (chains == null || !chains.HasTrailers);
        if (chains != null && chains.HasTrailers)
        {
            _chain = new DmaSegment[size];
            Trailers = chains.Trailers;
        }
    }

    /// <summary>The virtqueue index at its device, from 0.</summary>
    public ushort Index { get; }

    /// <summary>How many descriptors the ring has, 1 to <see cref="MaximumSize"/>.</summary>
    public ushort Size { get; }

    /// <summary>How the queue works.</summary>
    public Features Features { get; }

    /// <summary>The format of the ring, as shown to people: <c>packed</c> or <c>split</c>.</summary>
    public abstract string Format { get; }

    /// <summary>How many descriptors are free, 0 to <see cref="Size"/>.</summary>
    public int FreeDescriptors { get; private protected set; }

    /// <summary>How many buffers the device has.</summary>
    public int InFlight
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (int)(Added - Used) - _detached;
    }

    /// <summary>
    /// The longest chain that takes one descriptor of the ring, because there is a table for it; 0 where there are no
    /// tables. Never more than <see cref="Size"/> segments can be added either way.
    /// </summary>
    public int IndirectTableLength { get; }

    /// <summary>Why the queue is broken; <see cref="QueueFault.None"/> while it is not.</summary>
    public QueueFault Fault { get; private set; }

    /// <summary>Whether buffers can be added and taken back: neither broken nor stopped.</summary>
    public bool IsUsable => _isUsable;

    /// <summary>How many buffers were made available.</summary>
    public ulong Added { get; private set; }

    /// <summary>How many buffers the device has used.</summary>
    public ulong Used { get; private protected set; }

    /// <summary>
    /// How often the device claimed to have written more into a buffer than it could; it counts as what it could.
    /// </summary>
    public ulong LengthsClamped { get; private set; }

    /// <summary>How often <see cref="NeedsNotification"/> asked for a notification.</summary>
    public ulong Notifications { get; private set; }

    /// <summary>Where the device finds the Descriptor Area.</summary>
    public ulong DescriptorArea => _memory.Memory.DeviceAddress;

    /// <summary>Where the device finds the Driver Area.</summary>
    public ulong DriverArea => _memory.Memory.DeviceAddress + _memory.DriverArea;

    /// <summary>Where the device finds the Device Area.</summary>
    public ulong DeviceArea => _memory.Memory.DeviceAddress + _memory.DeviceArea;

    /// <summary>
    /// Where the next buffer will be made available, as a notification tells it where NOTIFICATION_DATA was negotiated:
    /// next_off in bits 0 to 14, next_wrap in bit 15 (virtio 1.4, 2.9).
    /// </summary>
    public abstract ushort NextAvailable { get; }

    /// <summary>How the device is notified of the queue; null before a transport enabled it.</summary>
    public QueueNotifier? Notifier { get; internal set; }

    /// <summary>
    /// The buffer ID that the next buffer will have, 0 to <see cref="Size"/> - 1, where there is a free descriptor: a
    /// driver can keep what belongs to a buffer in a place of that number, which nobody else has until the buffer is
    /// taken back.
    /// </summary>
    public ushort NextBufferId => Records.NextFree;

    /// <summary>Whether each side may name the buffer from which on it wants to be notified.</summary>
    private protected bool HasEventIndex { get; }

    /// <summary>Whether hand-overs of the rings have nothing to do.</summary>
    private protected bool IsCoherent { get; }

    /// <summary>What the queue knows of its buffers.</summary>
    private protected BufferRecords Records { get; }

    /// <summary>The trailers of its buffers.</summary>
    private protected BufferTrailers Trailers { get; }

    private bool CanBePlain => _isUsable && IsCoherent && _areChainsCoherent && !_isInOrder;

    /// <summary>How many buffers one used element can stand for, where the ring itself tells.</summary>
    private protected virtual int LongestBatch => InFlight;

    /// <summary>Creates an empty queue, with used buffer notifications enabled.</summary>
    /// <param name="dma">Where its memory comes from.</param>
    /// <param name="index">The virtqueue index at its device.</param>
    /// <param name="size">The number of descriptors; one that <see cref="LargestSize"/> gives.</param>
    /// <param name="features">What was negotiated; bits that are not for queues are ignored.</param>
    /// <param name="shape">What its buffers have in common.</param>
    /// <returns>The queue, or null where no memory is left.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The format has no such size.</exception>
    public static Virtqueue? TryCreate(
        DmaTag dma, ushort index, int size, Features features, ChainShape shape = default)
    {
        features &= ImplementedFeatures;
        if (size < 1 || LargestSize(features, size) != size)
        {
            throw new ArgumentOutOfRangeException(nameof(size));
        }

        bool isPacked = (features & Features.RingPacked) != 0;
        QueueMemory memory;
        if (isPacked
            ? !QueueMemory.TryAllocatePacked(dma, (uint)size, out memory)
            : !QueueMemory.TryAllocateSplit(dma, (uint)size, out memory))
        {
            return null;
        }

        if (!PreparedChains.TryCreate(dma, (ushort)size, features, shape, out PreparedChains? chains))
        {
            memory.Memory.Free();
            return null;
        }

        return isPacked
            ? new PackedVirtqueue(index, (ushort)size, features, memory, chains)
            : new SplitVirtqueue(index, (ushort)size, features, memory, chains);
    }

    /// <summary>
    /// The largest size of a format that is not above a maximum: any size for packed rings, a power of two for split
    /// ones.
    /// </summary>
    /// <param name="features">What was negotiated.</param>
    /// <param name="maximum">At least 1.</param>
    public static int LargestSize(Features features, int maximum)
    {
        if ((features & Features.RingPacked) != 0)
        {
            return Math.Min(maximum, MaximumSize);
        }

        int size = 1;
        while (size < MaximumSize && size * 2 <= maximum)
        {
            size *= 2;
        }

        return size;
    }

    /// <summary>Whether a buffer of so many segments finds room now.</summary>
    /// <param name="segments">At least 1, header and trailer included.</param>
    public bool HasRoom(int segments) =>
        segments <= IndirectTableLength ? FreeDescriptors != 0 : segments <= FreeDescriptors;

    /// <summary>
    /// Whether the next buffer can be added with nothing more to write than its data: there is room, the last chain of
    /// its ID had as many segments, and nothing is handed over in coherent memory.
    /// </summary>
    /// <param name="record">What the queue knows of it.</param>
    /// <param name="segments">At least 3, header and trailer included.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool IsReady(in BufferRecord record, int segments) =>
        _isPlain && FreeDescriptors != 0 && record.TableLength == segments;

    /// <summary>Makes a buffer available to the device; the device is not notified.</summary>
    /// <param name="readable">What the device reads, in order.</param>
    /// <param name="writable">What the device writes, in order, after what it reads.</param>
    /// <param name="token">What <see cref="TryGetUsed"/> gives back with the buffer.</param>
    /// <returns>
    /// <see cref="AddStatus.Ok"/>, or why it was not added; then the ring is as it was before.
    /// </returns>
    public AddStatus TryAdd(ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable, int token)
    {
        if (!_isUsable)
        {
            return AddStatus.Unusable;
        }

        _owner.Enter();
        AddStatus status = Add(readable, writable, token);
        _owner.Leave();
        return status;
    }

    /// <summary>
    /// Does what <see cref="TryAdd(ReadOnlySpan{DmaSegment}, ReadOnlySpan{DmaSegment}, int)"/> does for a buffer of one
    /// segment. In coherent memory, and where buffers come back in any order, it takes a third of the instructions.
    /// </summary>
    /// <param name="segment">What the device reads or writes.</param>
    /// <param name="isWritable">Whether it writes.</param>
    /// <param name="token">What <see cref="TryGetUsed(out UsedBuffer)"/> gives back with the buffer.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public AddStatus TryAdd(in DmaSegment segment, bool isWritable, int token)
    {
        if (!_isSimple || FreeDescriptors == 0 || segment.Length == 0)
        {
            return TryAddOne(segment, isWritable, token);
        }

        _owner.Enter();
        BufferRecords records = Records;
        ushort id = records.NextFree;
        ref BufferRecord record = ref records.All[id];
        record.TableLength = 0;
        FreeDescriptors--;
        records.TakeAgain(ref record, isWritable ? segment.Length : 0, token);
        PublishPlain(id, segment, isWritable ? DescriptorFlags.Write : (ushort)0);
        Added++;
        _owner.Leave();
        return AddStatus.Ok;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private AddStatus TryAddOne(DmaSegment segment, bool isWritable, int token)
    {
        ReadOnlySpan<DmaSegment> one = MemoryMarshal.CreateReadOnlySpan(ref segment, 1);
        return isWritable
            ? TryAdd(ReadOnlySpan<DmaSegment>.Empty, one, token)
            : TryAdd(one, ReadOnlySpan<DmaSegment>.Empty, token);
    }

    /// <summary>What is prepared for the next buffer, where <see cref="HasRoom"/> says that it can be added.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal PreparedChains.Chain Prepare() => new PreparedChains.Chain(_chains!, Records);

    /// <summary>
    /// Makes a buffer with a header and a trailer available, both of which the caller has written; the device is not
    /// notified.
    /// </summary>
    /// <param name="chain">What was prepared for it.</param>
    /// <param name="data">
    /// What lies between header and trailer; <see cref="HasRoom"/> was asked for two segments more. All together has
    /// less than 4 GiB.
    /// </param>
    /// <param name="isWritable">Whether the device writes the data.</param>
    /// <param name="writableBytes">How many bytes the device may write, the trailer included.</param>
    /// <param name="token">What <see cref="TryGetUsed(out UsedBuffer)"/> gives back with the buffer.</param>
    internal void Add(
        PreparedChains.Chain chain, ReadOnlySpan<DmaSegment> data, bool isWritable, uint writableBytes, int token)
    {
        _owner.Enter();
        int segments = data.Length + Ends;
        if (segments <= IndirectTableLength)
        {
            DmaSegment table = _chains!.StoreData(chain.BufferId, data, isWritable);
            PublishTable(Take(1, segments, writableBytes, token), table);
        }
        else
        {
            PublishPrepared(data, isWritable, writableBytes, token);
        }

        Added++;
        _owner.Leave();
    }

    /// <summary>
    /// Does what <see cref="Add(PreparedChains.Chain, ReadOnlySpan{DmaSegment}, bool, uint, int)"/> does, for data of
    /// one segment where <see cref="IsReady"/> was asked.
    /// </summary>
    /// <param name="chain">What was prepared for it.</param>
    /// <param name="record">What the queue knows of it: <see cref="PreparedChains.Chain.Record"/>.</param>
    /// <param name="headerLength">How long its header is, as the queue was told when it was created.</param>
    /// <param name="data">What lies between header and trailer.</param>
    /// <param name="isWritable">Whether the device writes the data.</param>
    /// <param name="writableBytes">How many bytes the device may write, the trailer included.</param>
    /// <param name="token">What <see cref="TryGetUsed(out UsedBuffer)"/> gives back with the buffer.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void AddReady(
        PreparedChains.Chain chain,
        ref BufferRecord record,
        uint headerLength,
        in DmaSegment data,
        bool isWritable,
        uint writableBytes,
        int token)
    {
        _owner.Enter();
        DmaSegment table = chain.StoreData(headerLength, data, isWritable);
        FreeDescriptors--;
        chain.Records.TakeAgain(ref record, writableBytes, token);
        PublishPlain(chain.BufferId, table, DescriptorFlags.Indirect);
        Added++;
        _owner.Leave();
    }

    /// <summary>Puts a buffer with a header and a trailer into the ring itself.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void PublishPrepared(ReadOnlySpan<DmaSegment> data, bool isWritable, uint writableBytes, int token)
    {
        int segments = data.Length + Ends;
        ushort id = Take(segments, 0, writableBytes, token);
        Span<DmaSegment> all = new Span<DmaSegment>(_chain, 0, segments);
        all[0] = _chains!.HeaderSegment(id);
        data.CopyTo(all.Slice(1));
        all[segments - 1] = _chains.TrailerSegment(id);
        _chains.SyncEndsToDevice(id);
        int readable = isWritable ? 1 : segments - 1;
        Publish(id, all.Slice(0, readable), all.Slice(readable));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private AddStatus Add(ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable, int token)
    {
        // Everything is checked before the first store: a later slot of a packed chain that was given up would carry
        // flags that make it available as soon as the device reaches it behind some other buffer.
        int segments = readable.Length + writable.Length;
        long writableBytes = BufferShape.Measure(readable, writable);
        if (segments == 0 || (uint)segments > Size || writableBytes == BufferShape.Invalid
            || (_chains != null && _chains.HasTrailers))
        {
            return AddStatus.Invalid;
        }

        bool isIndirect = segments > 1 && segments <= IndirectTableLength;
        if (FreeDescriptors < (isIndirect ? 1 : segments))
        {
            return AddStatus.Full;
        }

        if (isIndirect)
        {
            ushort id = Take(1, segments, (uint)writableBytes, token);
            PublishTable(id, _chains!.Store(id, readable, writable));
        }
        else
        {
            Publish(Take(segments, 0, (uint)writableBytes, token), readable, writable);
        }

        Added++;
        return AddStatus.Ok;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ushort Take(int descriptors, int tableLength, uint writableBytes, int token)
    {
        FreeDescriptors -= descriptors;
        return Records.Take(descriptors, tableLength, writableBytes, token, (ushort)Added);
    }

    /// <summary>
    /// Notifies the device of what was added since the last call, if it wants to be. The transport has enabled the
    /// queue.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void NotifyIfDue()
    {
        if (NeedsNotification())
        {
            Notifier!.Notify(this);
        }
    }

    /// <summary>
    /// Whether the device is to be notified of what was added since the last call. If so, the caller notifies.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool NeedsNotification()
    {
        ulong added = Added - _announced;
        if (added == 0 || !_isUsable)
        {
            return false;
        }

        _owner.Enter();
        _announced = Added;
        bool isWanted = IsNotificationWanted(added);
        _owner.Leave();
        if (!isWanted)
        {
            return false;
        }

        Notifications++;
        return true;
    }

    /// <summary>Takes back the next buffer that the device has used, in the order in which it used them.</summary>
    /// <param name="token">What the caller gave with the buffer.</param>
    /// <param name="writtenBytes">
    /// How many bytes from the start of the writable part the device says it wrote: never more than that part has, and
    /// 0 where the buffer had none. Devices are known to say too much and too little, so a driver uses it for nothing
    /// that it can learn in another way.
    /// </param>
    /// <returns>False when there is none, or when the queue is broken or stopped.</returns>
    public bool TryGetUsed(out int token, out uint writtenBytes)
    {
        bool isUsed = TryGetUsed(out UsedBuffer buffer);
        token = buffer.Token;
        writtenBytes = buffer.WrittenBytes;
        return isUsed;
    }

    /// <summary>Takes back the next buffer that the device has used, in the order in which it used them.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <returns>False when there is none, or when the queue is broken or stopped.</returns>
    public bool TryGetUsed(out UsedBuffer buffer)
    {
        buffer = default;
        return GetUsed(MemoryMarshal.CreateSpan(ref buffer, 1)) != 0;
    }

    /// <summary>Takes back buffers that the device has used, in the order in which it used them.</summary>
    /// <param name="buffers">Where they go.</param>
    /// <returns>
    /// How many there were; fewer than there is room for means that there are no more for now, or that the queue is
    /// broken or stopped.
    /// </returns>
    /// <remarks>
    /// There are two ways, and which one is next is known from the last buffer. The usual one is for coherent memory
    /// and buffers that have an element of their own which nobody has looked at yet; it leaves out what is for the
    /// other cases, and takes a fifth off the instructions of a block request.
    /// </remarks>
    public int GetUsed(Span<UsedBuffer> buffers)
    {
        buffers = InFlightOf(buffers);
        int count = GetPlain(buffers, out uint trailers);
        return HasRest ? GetRest(buffers, count, ref trailers) : count;
    }

    /// <summary>As much of a place for buffers as there are in flight: no more can come back.</summary>
    /// <remarks>With nothing in flight no element is the device's to write, and nobody looks for one.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Span<UsedBuffer> InFlightOf(Span<UsedBuffer> buffers)
    {
        int inFlight = InFlight;
        return inFlight < buffers.Length ? buffers.Slice(0, inFlight) : buffers;
    }

    /// <summary>Whether <see cref="GetPlain"/> leaves something to <see cref="GetRest"/>.</summary>
    internal bool HasRest => !_isPlain;

    /// <summary>
    /// Takes back buffers that the device has used, as long as that goes the usual way. Inlined, with the loop of
    /// either format, which takes some 20 instructions off a look at the ring.
    /// </summary>
    /// <param name="buffers">Where they go: <see cref="InFlightOf"/>.</param>
    /// <param name="trailers">All bits that are set in any <see cref="UsedBuffer.Trailer"/>.</param>
    /// <returns>How many there were; all that there are, unless <see cref="HasRest"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int GetPlain(Span<UsedBuffer> buffers, out uint trailers)
    {
        trailers = 0;
        if (!_isPlain)
        {
            return 0;
        }

        _owner.Enter();
        int count = TakePlain(buffers, ref trailers);
        _owner.Leave();
        return count;
    }

    /// <summary>Goes on from where the usual way of taking buffers back has come to its end.</summary>
    /// <param name="buffers">Where they go.</param>
    /// <param name="count">How many there are already.</param>
    /// <param name="trailers">Takes up the bits that are set in any <see cref="UsedBuffer.Trailer"/>.</param>
    /// <returns>How many there are then.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal int GetRest(Span<UsedBuffer> buffers, int count, ref uint trailers)
    {
        bool hasMore = true;
        while (hasMore && count < buffers.Length)
        {
            if (_isPlain)
            {
                count += GetPlain(buffers.Slice(count), out uint more);
                trailers |= more;
                hasMore = !_isPlain;
            }
            else
            {
                _owner.Enter();
                hasMore = TakeUsed(out buffers[count]);
                _owner.Leave();
                trailers |= buffers[count].Trailer;
                count += hasMore ? 1 : 0;
            }
        }

        return count;
    }

    /// <summary>
    /// Takes back buffers of which the device writes nothing, so that there is nothing but their tokens to tell of.
    /// </summary>
    /// <param name="tokens">Where the tokens go.</param>
    /// <returns>As <see cref="GetUsed"/>.</returns>
    public int GetTokens(Span<int> tokens)
    {
        int count = 0;
        bool hasMore = InFlight != 0;
        while (hasMore && count < tokens.Length)
        {
            if (_isPlain)
            {
                int room = Math.Min(InFlight, tokens.Length - count);
                _owner.Enter();
                count += TakePlainTokens(tokens.Slice(count, room));
                _owner.Leave();
                hasMore = !_isPlain;
            }
            else
            {
                hasMore = TryGetUsed(out UsedBuffer buffer);
                tokens[count] = buffer.Token;
                count += hasMore ? 1 : 0;
            }
        }

        return count;
    }

    private bool TakeUsed(out UsedBuffer buffer)
    {
        buffer = default;
        if (!_isUsable)
        {
            return false;
        }

        if (_batch.Remaining != 0)
        {
            buffer = TakeFromBatch();
            return true;
        }

        if (!TryLoadUsed(out uint id, out uint length))
        {
            _isPlain = CanBePlain;
            return false;
        }

        if (!Records.IsUsual(id, length) && !CanClamp(id))
        {
            return false;
        }

        if (_isInOrder && id != Records.Oldest)
        {
            if (!TryStartBatch((ushort)id, length))
            {
                return false;
            }

            buffer = TakeFromBatch();
            return true;
        }

        uint writableBytes = EndFlight((ushort)id, isSkipped: false, out int token);
        _isPlain = CanBePlain;
        buffer = new UsedBuffer(token, Written(length, writableBytes), (ushort)id, Trailers[id]);
        return true;
    }

    /// <summary>
    /// Begins a batch: several buffers for which an in-order device wrote one used element, that of the last (virtio
    /// 1.4, 2.7.9 and 2.8.8).
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryStartBatch(ushort lastId, uint lastLength)
    {
        int count = (ushort)(Records[lastId].Sequence - (ushort)Used) + 1;
        if (count > LongestBatch)
        {
            MarkBroken(QueueFault.BatchBeyondIndex);
            return false;
        }

        _batch = new UsedBatch(lastId, Written(lastLength, Records[lastId].WritableBytes), count);
        return true;
    }

    /// <summary>Takes the oldest buffer of a batch. Those before its last were used completely.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private UsedBuffer TakeFromBatch()
    {
        ushort id = Records.Oldest;
        uint writableBytes = EndFlight(id, isSkipped: !_batch.IsAtStart, out int token);
        return new UsedBuffer(token, _batch.Take(id, writableBytes), id, Trailers[id]);
    }

    /// <summary>Takes everything of a used buffer over from the device.</summary>
    /// <returns>How many bytes the device might have written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint EndFlight(ushort id, bool isSkipped, out int token)
    {
        ref BufferRecord record = ref Records[id];
        if (!_areChainsCoherent)
        {
            _chains!.SyncFromDevice(id, record.TableLength);
        }

        int descriptors = record.Descriptors;
        AdvanceUsed(id, descriptors, isSkipped);
        FreeDescriptors += descriptors;
        Records.Return(id, ref record);
        Used++;
        token = record.Token;
        return record.WritableBytes;
    }

    /// <summary>
    /// What a look has found counts, even where the device takes it back: else it could keep its driver looking.
    /// </summary>
    private protected void RememberFound() => _isPlain = false;

    /// <summary>Looks at a used element that is not of the usual kind.</summary>
    /// <param name="id">The buffer ID; if the queue has no such buffer in flight, it is broken.</param>
    /// <returns>Whether it can be taken all the same, once <see cref="Written"/> has cut its length.</returns>
    /// <remarks>
    /// A length beyond what was writable is wrong, but known devices write it: kvmtool counts the bytes that it read
    /// from the buffer. Once it is cut it can do no harm, so it breaks no queue.
    /// </remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool CanClamp(uint id)
    {
        if (!Records.IsKnown(id))
        {
            MarkBroken(Records.Explain(id));
            return false;
        }

        LengthsClamped++;
        return true;
    }

    /// <summary>
    /// What a length comes to: no more than was writable. Where nothing was, it means nothing (virtio 1.4, 2.8.4).
    /// </summary>
    private protected static uint Written(uint length, uint writableBytes) => Math.Min(length, writableBytes);

    /// <summary>Asks for used buffer notifications, and looks once more for used buffers afterwards.</summary>
    /// <returns>
    /// Whether a used buffer is waiting already; no notification may come for it, so the caller goes on taking buffers.
    /// </returns>
    public bool EnableInterrupts() => Enable(0);

    /// <summary>
    /// Asks for a used buffer notification once a part of the buffers that are in flight has been used, and looks once
    /// more for used buffers afterwards. Without EVENT_IDX the next used buffer brings one.
    /// </summary>
    /// <param name="percent">How large the part is, 0 to 100.</param>
    /// <returns>
    /// Whether a used buffer is waiting already; no notification may come for it, so the caller goes on taking buffers.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such part.</exception>
    public bool EnableInterruptsDelayed(int percent)
    {
        if (percent < 0 || percent > HundredPercent)
        {
            throw new ArgumentOutOfRangeException(nameof(percent));
        }

        return Enable(percent);
    }

    /// <summary>
    /// Asks for no used buffer notifications. It is a hint: the device may send one all the same.
    /// </summary>
    public void DisableInterrupts()
    {
        if (_isUsable)
        {
            _owner.Enter();
            AskForNoInterrupt();
            _owner.Leave();
        }
    }

    /// <summary>
    /// Asks for no further used buffer notification while used buffers are taken after one came. With EVENT_IDX there
    /// is nothing to do: what was asked for has come, and it was asked for once (virtio 1.4, 2.7.10 and 2.8.10).
    /// </summary>
    public void HoldInterrupts()
    {
        if (!HasEventIndex)
        {
            DisableInterrupts();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Enable(int percent)
    {
        if (!_isUsable)
        {
            return false;
        }

        _owner.Enter();
        AskForInterrupt(percent);
        bool isWaiting = FreeDescriptors != Size && (_batch.Remaining != 0 || LookForUsed());
        _owner.Leave();
        return isWaiting;
    }

    /// <summary>How far ahead an interrupt is due: so many of the things in flight are passed before it.</summary>
    private protected static int DelayOf(int inFlight, int percent)
    {
        int delay = (int)((uint)inFlight * (uint)percent / HundredPercent);
        return delay < inFlight ? delay : Math.Max(inFlight - 1, 0);
    }

    /// <summary>
    /// Says which used buffer notifications are wanted; a ring starts with 0. The device reads that line all the time,
    /// so it is written only when it changes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected void ChangeSuppression(uint value)
    {
        if (value != _suppression)
        {
            _suppression = value;
            StoreSuppression(value);
        }
    }

    /// <summary>A full barrier of the strength that was negotiated (virtio 1.4, 6.1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected void FullBarrier(AccessSite site)
    {
        Barriers.Full(site);
        if (_isOrderedByPlatform)
        {
            Barriers.ForDevice(site);
        }
    }

    /// <summary>
    /// Takes back one buffer that the device has not used. Only after the device confirmed a reset, or was cut off from
    /// memory: the queue is stopped by it for good.
    /// </summary>
    /// <param name="token">What the caller gave with the buffer.</param>
    /// <returns>False when there is none left.</returns>
    public bool TryDetach(out int token)
    {
        End();
        TakeLeftBack();
        token = 0;
        if (!Records.TryFindInFlight(ref _detachCursor))
        {
            return false;
        }

        ref BufferRecord record = ref Records[(uint)_detachCursor];
        token = record.Token;
        FreeDescriptors += record.Descriptors;
        Records.Return((ushort)_detachCursor, ref record);
        _detached++;
        return true;
    }

    /// <summary>Stops the queue and gives its memory up.</summary>
    /// <param name="quarantine">
    /// False to give it back, only after the device confirmed a reset; true to take it out of use for good otherwise.
    /// </param>
    public void Release(bool quarantine)
    {
        End();
        if (quarantine)
        {
            _isTakenBack = true;
            _memory.Memory.Quarantine();
        }
        else
        {
            TakeLeftBack();
            _memory.Memory.Free();
        }

        _chains?.Release(quarantine);
    }

    /// <summary>Takes everything over that a device had when it was reset, once.</summary>
    private void TakeLeftBack()
    {
        if (_isTakenBack)
        {
            return;
        }

        _isTakenBack = true;
        TakeRingsBack();
        for (int id = 0; _chains != null && Records.TryFindInFlight(ref id); id++)
        {
            _chains.SyncLeftFromDevice((ushort)id, Records[(uint)id].TableLength);
        }
    }

    /// <summary>Records the first fault, and takes and gives nothing from here on.</summary>
    private protected void MarkBroken(QueueFault fault)
    {
        Fault = fault;
        End();
    }

    /// <summary>Takes and gives nothing from here on.</summary>
    private void End()
    {
        _isUsable = false;
        _isPlain = false;
        _isSimple = false;
    }

    /// <summary>Writes a chain into the ring and makes it available. It was checked and there is room.</summary>
    /// <param name="id">The buffer ID that was taken for it.</param>
    /// <param name="readable">What the device reads.</param>
    /// <param name="writable">What the device writes.</param>
    private protected abstract void Publish(
        ushort id, ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable);

    /// <summary>Writes a descriptor that leads to an indirect table and makes it available.</summary>
    /// <param name="id">The buffer ID that was taken for it.</param>
    /// <param name="table">The table, which is the device's already.</param>
    private protected abstract void PublishTable(ushort id, DmaSegment table);

    /// <summary>
    /// Writes a descriptor that has none behind it and makes it available, in coherent memory.
    /// </summary>
    /// <param name="id">The buffer ID that was taken for it.</param>
    /// <param name="segment">A buffer, or the table of one.</param>
    /// <param name="flags">Which of them: WRITE for a buffer that the device writes, INDIRECT for a table.</param>
    private protected abstract void PublishPlain(ushort id, in DmaSegment segment, ushort flags);

    /// <summary>
    /// Whether there is a used element that was not passed yet. Something is in flight. Whether it makes sense is found
    /// out by who takes it.
    /// </summary>
    private protected abstract bool LookForUsed();

    /// <summary>Reads the next used element, if there is one. Something is in flight.</summary>
    /// <param name="id">The buffer ID that the device wrote, whatever it is worth.</param>
    /// <param name="length">The length that the device wrote.</param>
    private protected abstract bool TryLoadUsed(out uint id, out uint length);

    /// <summary>Takes the descriptors of a used buffer over from the device and moves past it.</summary>
    /// <param name="id">The buffer; its record is still in flight.</param>
    /// <param name="descriptors">How many descriptors of the ring it takes.</param>
    /// <param name="isSkipped">Whether the device wrote no used element for it, but for a later one.</param>
    private protected abstract void AdvanceUsed(ushort id, int descriptors, bool isSkipped);

    /// <summary>
    /// Takes back used buffers in the usual case: memory is coherent, and every buffer has an element of its own that
    /// nobody has looked at yet. It ends, and says so by <see cref="RememberFound"/>, where an element is not of the
    /// usual kind (<see cref="BufferRecords.IsUsual"/>).
    /// </summary>
    /// <param name="buffers">Where they go; no more than are in flight.</param>
    /// <param name="anyTrailer">Takes up the bits that are set in any of their trailers.</param>
    /// <returns>How many there were.</returns>
    private protected abstract int TakePlain(Span<UsedBuffer> buffers, ref uint anyTrailer);

    /// <summary>The same for buffers of which the device writes nothing.</summary>
    /// <param name="tokens">Where their tokens go; no more than are in flight.</param>
    private protected abstract int TakePlainTokens(Span<int> tokens);

    /// <summary>Orders all that was published before a look at whether the device wants to be notified of it.</summary>
    /// <param name="added">How many buffers were added since the last look, at least 1.</param>
    private protected abstract bool IsNotificationWanted(ulong added);

    /// <summary>Asks for an interrupt, and orders that before a later look.</summary>
    /// <param name="percent">After which part of the buffers in flight.</param>
    private protected abstract void AskForInterrupt(int percent);

    /// <summary>Asks for no interrupt.</summary>
    private protected abstract void AskForNoInterrupt();

    /// <summary>Writes which used buffer notifications are wanted to where the device reads it.</summary>
    private protected abstract void StoreSuppression(uint value);

    /// <summary>Takes the rings over from a device that was reset.</summary>
    private protected abstract void TakeRingsBack();
}

/// <summary>
/// Finds two contexts in one queue at the same time, where simulations are possible. Elsewhere nothing of it is left.
/// </summary>
internal struct OwnerCheck
{
    private bool _isInside;

    /// <summary>A call begins.</summary>
    /// <exception cref="InvalidOperationException">Another call has not ended: the owner's locking is
    /// wrong.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Enter()
    {
        if (MemorySimulation.IsSupported)
        {
            if (_isInside)
            {
                throw new InvalidOperationException("two contexts are in one queue");
            }

            _isInside = true;
        }
    }

    /// <summary>The call ends.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Leave()
    {
        if (MemorySimulation.IsSupported)
        {
            _isInside = false;
        }
    }
}

/// <summary>What became of a buffer that was offered to a queue.</summary>
public enum AddStatus
{
    /// <summary>The device may use it from now on.</summary>
    Ok = 0,

    /// <summary>The ring has not enough free descriptors at the moment; nothing was written.</summary>
    Full = 1,

    /// <summary>
    /// It can never be added: no segment, an empty segment, more segments than the ring has descriptors, or 4 GiB and
    /// more in all. Nothing was written.
    /// </summary>
    Invalid = 2,

    /// <summary>The queue is broken or stopped; nothing was written.</summary>
    Unusable = 3,
}
