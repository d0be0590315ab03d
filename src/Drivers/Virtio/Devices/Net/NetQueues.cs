using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices.Net;

/// <summary>
/// A receive queue and its buffers (virtio 1.4, 5.1.9.3 and 5.1.9.4). The device has all of them but those that are
/// being looked at, that were lent, or that wait for a few more to go back together.
/// </summary>
/// <remarks>
/// <para>
/// There are three kinds of buffers. Small ones hold a frame of the MTU. Where frames may be larger, and MRG_RXBUF was
/// not negotiated, each holds the largest frame that there is. With MRG_RXBUF a frame lies in as many as it needs, and
/// is put together in memory that no device reaches.
/// </para>
/// <para>
/// A buffer is one descriptor: devices are known to place used elements of longer ones wrongly. What a device says of a
/// frame is checked here, and where it cannot be so, the frame is dropped and counted; the buffers are as good as ever.
/// </para>
/// </remarks>
internal sealed class ReceiveSide
{
    /// <summary>How many used buffers are taken from the ring at a time.</summary>
    private const int BatchSize = 32;

    /// <summary>Which part of the buffers goes back together: an eighth.</summary>
    private const int RefillPart = 8;

    private readonly Virtqueue _queue;
    private readonly FrameBuffers _buffers;
    private readonly NetCounters _counters;
    private readonly Features _features;
    private readonly HighFeatures _highFeatures;
    private readonly bool _isCoherent;
    private readonly bool _isMergeable;
    private readonly bool _hasHeader;
    private readonly bool _hasHash;
    private readonly bool _hasPlainHeader;
    private readonly uint _headerLength;
    private readonly ReceiveBuffer[] _all;
    private readonly int[] _spare;
    private readonly int _refillAt;
    private readonly UsedBuffer[] _used = new UsedBuffer[BatchSize];
    private readonly byte[] _frame;
    private NetHeader _header;
    private uint _hash;
    private ushort _hashReport;
    private ushort _outerNetwork;
    private int _spareCount;
    private int _missing;
    private uint _length;
    private bool _isTooLong;

    /// <summary>Creates the side; nothing is posted yet.</summary>
    internal ReceiveSide(
        Virtqueue queue, FrameBuffers buffers, Features features, HighFeatures highFeatures, NetCounters counters)
    {
        _queue = queue;
        _counters = counters;
        _buffers = buffers;
        _features = features;
        _highFeatures = highFeatures;
        _headerLength = buffers.HeaderLength;
        _isCoherent = buffers.Memory.IsCoherent;
        _hasHash = (features & NetDriver.HashReport) != 0;
        _isMergeable = (features & NetDriver.MergeableBuffers) != 0;
        bool hasOuterNetwork = (highFeatures & NetDriver.OuterNetworkHeader) != 0;
        _hasPlainHeader = !_hasHash && !hasOuterNetwork;
        _hasHeader = _isMergeable || !_hasPlainHeader || (features & NetDriver.GuestChecksum) != 0;
        _frame = _isMergeable ? new byte[NetHeader.LargestFrame] : Array.Empty<byte>();
        _all = new ReceiveBuffer[buffers.Count];
        _spare = new int[buffers.Count];
        _refillAt = Math.Max(1, buffers.Count / RefillPart);
        for (int buffer = 0; buffer < _all.Length; buffer++)
        {
            _all[buffer].Segment = buffers.Segment(buffer, buffers.Length);
            _all[buffer].Offset = (uint)buffer * buffers.Length;
        }

        buffers.Lender = this;
    }

    /// <summary>Makes all buffers available.</summary>
    internal void PostAll()
    {
        for (int buffer = 0; buffer < _buffers.Count; buffer++)
        {
            Post(buffer);
        }
    }

    /// <summary>
    /// Hands frames on, and makes their buffers available again as soon as there are enough of them.
    /// </summary>
    /// <returns>How many buffers were taken from the device, good frames or not.</returns>
    internal int Drain(FrameSink sink, int maximum)
    {
        int count = 0;
        while (count < maximum)
        {
            int taken = _queue.GetUsed(new Span<UsedBuffer>(_used, 0, Math.Min(BatchSize, maximum - count)));
            if (taken == 0)
            {
                DropUnfinished();
                break;
            }

            for (int i = 0; i < taken; i++)
            {
                Take(sink, _used[i].Token, _used[i].WrittenBytes);
            }

            count += taken;
            Refill();
        }

        return count;
    }

    /// <summary>Takes a lent buffer back, and tells the device where it gets buffers.</summary>
    internal void TakeBack(int buffer)
    {
        _spare[_spareCount++] = buffer;
        Refill();
        _queue.NotifyIfDue();
    }

    /// <summary>Takes over what a device had when it was reset.</summary>
    internal void TakeAllBack()
    {
        for (int buffer = 0; buffer < _buffers.Count; buffer++)
        {
            if (_all[buffer].IsPosted)
            {
                _buffers.Sync(buffer, _buffers.Length, DmaSync.PostRead, NetSites.LeftBufferFromDevice);
            }
        }

        // From here on lent buffers go back to nobody.
        _buffers.Lender = null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Take(FrameSink sink, int buffer, uint length)
    {
        ref ReceiveBuffer place = ref _all[buffer];
        place.IsPosted = false;
        if (!_isCoherent)
        {
            _buffers.Sync(buffer, _buffers.Length, DmaSync.PostRead, NetSites.BufferFromDevice);
        }

        bool isLent = false;
        if (_missing != 0)
        {
            Append(_buffers.Bytes(buffer, 0, length));
            _missing--;
            FinishIfWhole(sink);
        }
        else if (length < _headerLength + VirtioNet.EthernetHeaderLength)
        {
            _counters.TooShort++;
        }
        else
        {
            length -= _headerLength;
            NetHeader header = _hasHeader ? _buffers.LoadHeader(place.Offset) : NetHeader.One;
            isLent = header.IsOne && _hasPlainHeader
                ? HandOn(sink, buffer, place.Offset, length, default)
                : Begin(sink, buffer, length, header);
        }

        if (!isLent)
        {
            _spare[_spareCount++] = buffer;
        }
    }

    /// <summary>Looks at the header of a frame, and hands it on where there is no more of it.</summary>
    /// <returns>Whether the buffer was lent.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Begin(FrameSink sink, int buffer, uint length, NetHeader header)
    {
        _header = new NetHeader(header.First, header.Second, _buffers.LoadTunnel(buffer));
        _outerNetwork = _buffers.LoadOuterNetwork(buffer);
        int count = _isMergeable ? header.BufferCount : 1;
        _hashReport = 0;
        if (_hasHash)
        {
            _hash = _buffers.LoadHash(buffer, out _hashReport);
        }

        if (count == 1)
        {
            if (TryDescribe(length, isPrivate: false, out FrameInfo info))
            {
                return HandOn(sink, buffer, _all[buffer].Offset, length, info);
            }
        }
        else if (count == 0 || count > _buffers.Count)
        {
            // Not even all buffers at once could be so many; nobody knows where the next frame begins then, so that
            // each buffer is looked at as one that has a header.
            _counters.BadHeaders++;
        }
        else
        {
            _length = 0;
            _isTooLong = false;
            _missing = count - 1;
            Append(_buffers.Bytes(buffer, _headerLength, length));
        }

        return false;
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        _isTooLong |= (uint)bytes.Length > (uint)_frame.Length - _length;
        if (!_isTooLong)
        {
            bytes.CopyTo(new Span<byte>(_frame, (int)_length, bytes.Length));
            _length += (uint)bytes.Length;
        }
    }

    private void FinishIfWhole(FrameSink sink)
    {
        if (_missing != 0)
        {
            return;
        }

        if (_isTooLong)
        {
            _counters.TooLong++;
        }
        else if (TryDescribe(_length, isPrivate: true, out FrameInfo info))
        {
            Count(_length);
            sink.OnFrame(new ReadOnlySpan<byte>(_frame, 0, (int)_length), info);
        }
    }

    /// <summary>Drops a frame of which some buffers are not there, although all are used together.</summary>
    private void DropUnfinished()
    {
        if (_missing != 0)
        {
            _missing = 0;
            _counters.Incomplete++;
        }
    }

    private bool TryDescribe(uint length, bool isPrivate, out FrameInfo info)
    {
        // Without GUEST_CSUM there is nothing that the device could say there (virtio 1.4, 5.1.9.4.1).
        info = default;
        bool isSensible = (_features & NetDriver.GuestChecksum) == 0
            || _header.TryInterpret(length, _features, _highFeatures, out info);
        bool hasPlace = _outerNetwork == 0
            || (_outerNetwork >= VirtioNet.EthernetHeaderLength && _outerNetwork < length);
        _counters.BadHeaders += isSensible && hasPlace ? 0UL : 1;
        info = new FrameInfo(info, _hash, _hashReport, _outerNetwork, isPrivate);
        return isSensible && hasPlace;
    }

    private bool HandOn(FrameSink sink, int buffer, uint offset, uint length, in FrameInfo info)
    {
        Count(length);
        if (sink.Borrows)
        {
            LentFrame lent = _buffers.Lend(buffer, length);
            if (sink.TryBorrow(lent, info))
            {
                return true;
            }

            lent.Revoke();
        }

        sink.OnFrame(_buffers.Memory.Bytes(offset + _headerLength, length), info);
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Count(uint length)
    {
        NetCounters counters = _counters;
        counters.FramesReceived++;
        counters.BytesReceived += length;
    }

    /// <summary>Makes buffers available, once there are enough to be worth it.</summary>
    private void Refill()
    {
        if (_spareCount >= _refillAt)
        {
            int[] spare = _spare;
            int count = _spareCount;
            for (int i = 0; i < count; i++)
            {
                Post(spare[i]);
            }

            _spareCount = 0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Post(int buffer)
    {
        ref ReceiveBuffer place = ref _all[buffer];
        place.IsPosted = true;
        if (!_isCoherent)
        {
            _buffers.Sync(buffer, _buffers.Length, DmaSync.PreRead, NetSites.BufferToDevice);
        }

        // There is a descriptor for each buffer, so nothing but a broken queue refuses one.
        _queue.TryAdd(place.Segment, isWritable: true, buffer);
    }
}

/// <summary>What is known of a receive buffer, out of the device's reach.</summary>
internal struct ReceiveBuffer
{
    /// <summary>What the device is to write.</summary>
    internal DmaSegment Segment;

    /// <summary>Where it begins in the memory of all of them.</summary>
    internal uint Offset;

    /// <summary>Whether the device has it.</summary>
    internal bool IsPosted;
}

/// <summary>A transmit queue and its buffers, into which frames are copied (virtio 1.4, 5.1.9.2).</summary>
/// <remarks>
/// <para>
/// The header in a buffer says "no offload" in all its fields, which is zero, and is written only where it is to say
/// something else, or said so before. There are a few large buffers for frames that the device cuts.
/// </para>
/// <para>
/// Completions are found by looking when buffers run out, so the queue has its interrupts disabled as long as there are
/// buffers.
/// </para>
/// </remarks>
internal sealed class TransmitSide
{
    private readonly Virtqueue _queue;
    private readonly TransmitPool _usual;
    private readonly TransmitPool? _large;
    private readonly NetCounters _counters;
    private ulong _lastReminder;
    private bool _wasReminded;

    /// <summary>Creates the side with all buffers free.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="buffers">For frames of the MTU.</param>
    /// <param name="large">For larger ones; null where there are none.</param>
    /// <param name="counters">What is counted.</param>
    internal TransmitSide(Virtqueue queue, FrameBuffers buffers, FrameBuffers? large, NetCounters counters)
    {
        _queue = queue;
        _counters = counters;
        int largeCount = large == null ? 0 : large.Count;
        _usual = new TransmitPool(buffers, 0, buffers.Count + largeCount);
        _large = large == null ? null : new TransmitPool(large, buffers.Count, largeCount);
        queue.DisableInterrupts();
    }

    /// <summary>Whether the queue was full when it was asked last.</summary>
    internal bool IsFull { get; set; }

    /// <summary>
    /// Copies a frame of the MTU at most and makes it available to the device, where nothing but that is to be done.
    /// </summary>
    /// <returns>Whether that was so; if not, nothing was done.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryAddUsual(ReadOnlySpan<byte> frame)
    {
        TransmitPool pool = _usual;
        if (pool.FreeCount == 0)
        {
            return false;
        }

        ref TransmitBuffer buffer = ref pool.Next;
        if (buffer.IsMarked)
        {
            return false;
        }

        IsFull = false;
        return TryAdd(pool, ref buffer, frame);
    }

    /// <summary>Whether there are frames that were not taken back yet.</summary>
    internal bool HasFrames =>
        _usual.FreeCount < _usual.Count || (_large != null && _large.FreeCount < _large.Count);

    /// <summary>Copies a frame of a length that was checked and makes it available to the device.</summary>
    /// <returns>
    /// False when no buffer is free even after looking, and the queue interrupts at the next completion; or when the
    /// queue is broken.
    /// </returns>
    internal bool TryAdd(ReadOnlySpan<byte> frame, in TransmitOffload offload)
    {
        TransmitPool pool = (uint)frame.Length <= _usual.Room ? _usual : _large!;
        if (pool.FreeCount == 0 && !TryFree(pool))
        {
            _counters.Full++;
            return false;
        }

        ref TransmitBuffer buffer = ref pool.Next;
        pool.Mark(ref buffer, offload);
        return TryAdd(pool, ref buffer, frame);
    }

    /// <summary>Takes back the buffers of frames that the device has sent, and wants no interrupts any more.</summary>
    internal int Reclaim()
    {
        int count = 0;
        int taken;
        while ((taken = _queue.GetTokens(_usual.Spare)) != 0)
        {
            if (_usual.IsCoherent && (_large == null || _large.FreeCount == _large.Count))
            {
                _usual.FreeCount += taken;
            }
            else
            {
                TakeBack(_usual.Spare.Slice(0, taken));
            }

            count += taken;
        }

        if (count != 0)
        {
            _queue.DisableInterrupts();
        }

        return count;
    }

    /// <summary>Takes over what a device had when it was reset: the buffers that are not free.</summary>
    internal void TakeAllBack()
    {
        _usual.TakeAllBack();
        _large?.TakeAllBack();
    }

    /// <summary>Notifies the device of frames that it does not seem to see, and rarely again.</summary>
    /// <param name="now">The time in nanoseconds.</param>
    /// <remarks>
    /// <para>
    /// What was never announced is announced now, or nobody would ever make room. All of it may have been announced,
    /// and the device still sleep: kvm-host's card loses a notification now and then, and QEMU 7.2's with a packed ring
    /// goes to sleep behind the place where it asked for one, once its network could not take a frame at once.
    /// Another one is always allowed (virtio 1.4, 2.8.16), but each is an exit from the guest, so that whoever keeps
    /// trying must not cause one with every frame.
    /// </para>
    /// <para>
    /// So a queue that does not move gets one now and then: it moves on however many are lost, and it costs a hundred a
    /// second at most.
    /// </para>
    /// </remarks>
    internal void Remind(ulong now)
    {
        if (_queue.NeedsNotification() || !_wasReminded || now - _lastReminder >= VirtioNet.ReminderInterval)
        {
            _wasReminded = true;
            _lastReminder = now;
            _queue.Notifier!.Notify(_queue);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryAdd(TransmitPool pool, ref TransmitBuffer buffer, ReadOnlySpan<byte> frame)
    {
        pool.Fill(ref buffer, frame);
        if (_queue.TryAdd(buffer.Segment, isWritable: false, buffer.Token) != AddStatus.Ok)
        {
            pool.TakeBack(buffer.Token, NetSites.RefusedFrameFromDevice);
            return false;
        }

        NetCounters counters = _counters;
        counters.FramesSent++;
        counters.BytesSent += (uint)frame.Length;
        return true;
    }

    /// <summary>Gives each buffer back to where it belongs.</summary>
    /// <param name="tokens">
    /// Their names, where the free ones of the usual pool are about to be: no more of these are written than were read.
    /// </param>
    private void TakeBack(ReadOnlySpan<int> tokens)
    {
        for (int i = 0; i < tokens.Length; i++)
        {
            TransmitPool pool = tokens[i] < _usual.Count ? _usual : _large!;
            pool.TakeBack(tokens[i], NetSites.FrameFromDevice);
        }
    }

    private bool TryFree(TransmitPool pool)
    {
        Reclaim();
        while (pool.FreeCount == 0)
        {
            // What comes back may be of the other pool, and whoever takes something back wants no interrupts.
            if (!_queue.EnableInterrupts() || Reclaim() == 0)
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>Transmit buffers of one size, and which of them are free.</summary>
internal sealed class TransmitPool
{
    private readonly FrameBuffers _frames;
    private readonly DmaMemory _memory;
    private readonly bool _isCoherent;
    private readonly int _firstToken;
    private readonly uint _headerLength;
    private readonly TransmitBuffer[] _buffers;
    private readonly int[] _free;

    /// <summary>Describes buffers that are all free.</summary>
    /// <param name="frames">The buffers.</param>
    /// <param name="firstToken">The token of the first one.</param>
    /// <param name="room">How many tokens there may be, at least one a buffer; see <see cref="Spare"/>.</param>
    internal TransmitPool(FrameBuffers frames, int firstToken, int room)
    {
        _frames = frames;
        _memory = frames.Memory;
        _isCoherent = _memory.IsCoherent;
        _firstToken = firstToken;
        _headerLength = frames.HeaderLength;
        _buffers = new TransmitBuffer[frames.Count];
        _free = new int[room];
        FreeCount = frames.Count;
        Room = frames.Length - frames.HeaderLength;
        for (int i = 0; i < _buffers.Length; i++)
        {
            _free[i] = firstToken + _buffers.Length - 1 - i;
            _buffers[i].Segment = frames.Segment(i, frames.Length);
            _buffers[i].Offset = ((uint)i * frames.Length) + frames.HeaderLength;
            _buffers[i].Token = firstToken + i;
        }
    }

    /// <summary>How many buffers there are.</summary>
    internal int Count => _buffers.Length;

    /// <summary>How many are free.</summary>
    internal int FreeCount { get; set; }

    /// <summary>The longest frame that they hold.</summary>
    internal uint Room { get; }

    /// <summary>Whether hand-overs have nothing to do.</summary>
    internal bool IsCoherent => _isCoherent;

    /// <summary>Where the tokens of buffers go that become free next.</summary>
    internal Span<int> Spare => new Span<int>(_free, FreeCount, _free.Length - FreeCount);

    /// <summary>The buffer that is taken next, of which one is free.</summary>
    internal ref TransmitBuffer Next
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref _buffers[_free[FreeCount - 1] - _firstToken];
    }

    /// <summary>Writes the header of the next buffer, where it says something, or is to.</summary>
    internal void Mark(ref TransmitBuffer buffer, in TransmitOffload offload)
    {
        if (!offload.IsNone || buffer.IsMarked)
        {
            buffer.IsMarked = !offload.IsNone;
            _frames.StoreHeader(
                buffer.Token - _firstToken, offload.IsNone ? default : new NetHeader(offload));
        }
    }

    /// <summary>Takes the next buffer, copies a frame into it, and hands it to the device.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Fill(ref TransmitBuffer buffer, ReadOnlySpan<byte> frame)
    {
        FreeCount--;
        uint length = _headerLength + (uint)frame.Length;
        buffer.Segment.Length = length;
        frame.CopyTo(_memory.Bytes(buffer.Offset, (uint)frame.Length));
        if (!_isCoherent)
        {
            _frames.Sync(buffer.Token - _firstToken, length, DmaSync.PreWrite, NetSites.FrameToDevice);
        }
    }

    /// <summary>Takes a buffer over that the device has no use for any more.</summary>
    internal void TakeBack(int token, AccessSite site)
    {
        int buffer = token - _firstToken;
        _frames.Sync(buffer, _buffers[buffer].Segment.Length, DmaSync.PostWrite, site);
        _free[FreeCount++] = token;
    }

    /// <summary>Takes over what a device had when it was reset.</summary>
    internal void TakeAllBack()
    {
        bool[] isFree = new bool[Count];
        for (int i = 0; i < FreeCount; i++)
        {
            isFree[_free[i] - _firstToken] = true;
        }

        for (int buffer = 0; buffer < isFree.Length; buffer++)
        {
            if (!isFree[buffer])
            {
                _frames.Sync(buffer, _buffers[buffer].Segment.Length, DmaSync.PostWrite, NetSites.LeftFrameFromDevice);
            }
        }
    }
}

/// <summary>What is known of a transmit buffer, out of the device's reach.</summary>
internal struct TransmitBuffer
{
    /// <summary>What the device is to read.</summary>
    internal DmaSegment Segment;

    /// <summary>Where the frame begins in the memory of its pool, behind the header.</summary>
    internal uint Offset;

    /// <summary>What it is called in the ring.</summary>
    internal int Token;

    /// <summary>Whether its header says something.</summary>
    internal bool IsMarked;
}

/// <summary>The places of the network driver that hand memory over, and what each guards against.</summary>
public static class NetSites
{
    /// <summary>PREWRITE of a frame: else the device sends what the buffer held before.</summary>
    public const AccessSite FrameToDevice = (AccessSite)401;

    /// <summary>POSTWRITE of a frame that was sent, before the next one is written there.</summary>
    public const AccessSite FrameFromDevice = (AccessSite)402;

    /// <summary>POSTWRITE of a frame that the queue did not take.</summary>
    public const AccessSite RefusedFrameFromDevice = (AccessSite)403;

    /// <summary>POSTWRITE of a frame that a device had when it was reset.</summary>
    public const AccessSite LeftFrameFromDevice = (AccessSite)404;

    /// <summary>PREREAD of a receive buffer: else a line of the driver's hides the frame that arrives.</summary>
    public const AccessSite BufferToDevice = (AccessSite)411;

    /// <summary>POSTREAD of a receive buffer: else what it held before is taken for the frame.</summary>
    public const AccessSite BufferFromDevice = (AccessSite)412;

    /// <summary>POSTREAD of a receive buffer that a device had when it was reset.</summary>
    public const AccessSite LeftBufferFromDevice = (AccessSite)413;

    /// <summary>PREWRITE of a command: else the device carries out what memory held before.</summary>
    public const AccessSite CommandToDevice = (AccessSite)421;

    /// <summary>POSTWRITE of a command, before the next one is written there.</summary>
    public const AccessSite CommandFromDevice = (AccessSite)422;

    /// <summary>PREWRITE and PREREAD of the answer's place, in which the driver wrote that there is none.</summary>
    public const AccessSite AnswerToDevice = (AccessSite)423;

    /// <summary>POSTREAD and POSTWRITE of the answer: else the driver takes its own mark for it.</summary>
    public const AccessSite AnswerFromDevice = (AccessSite)424;

    /// <summary>POSTWRITE of a command that the device was reset with, or that its queue did not take.</summary>
    public const AccessSite LeftCommandFromDevice = (AccessSite)425;

    /// <summary>POSTREAD and POSTWRITE of its answer's place.</summary>
    public const AccessSite LeftAnswerFromDevice = (AccessSite)426;
}
