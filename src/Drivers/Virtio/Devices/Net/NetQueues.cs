using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices.Net;

/// <summary>
/// A receive queue and its buffers (virtio 1.4, 5.1.6.3 and 5.1.6.4). The device has all of them but those that are
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
    private readonly bool _isMergeable;
    private readonly bool _hasHeader;
    private readonly uint _headerLength;
    private readonly DmaSegment[] _segments;
    private readonly bool[] _isPosted;
    private readonly int[] _spare;
    private readonly int _refillAt;
    private readonly UsedBuffer[] _used = new UsedBuffer[BatchSize];
    private readonly byte[] _frame;
    private NetHeader _header;
    private uint _hash;
    private ushort _hashReport;
    private int _spareCount;
    private int _missing;
    private uint _length;
    private bool _isTooLong;

    /// <summary>Creates the side; nothing is posted yet.</summary>
    internal ReceiveSide(Virtqueue queue, FrameBuffers buffers, Features features, NetCounters counters)
    {
        _queue = queue;
        _counters = counters;
        _buffers = buffers;
        _features = features;
        _headerLength = buffers.HeaderLength;
        _isMergeable = (features & NetDriver.MergeableBuffers) != 0;
        _hasHeader = _isMergeable || (features & (NetDriver.GuestChecksum | NetDriver.HashReport)) != 0;
        _frame = _isMergeable ? new byte[NetHeader.LargestFrame] : Array.Empty<byte>();
        _segments = new DmaSegment[buffers.Count];
        _isPosted = new bool[buffers.Count];
        _spare = new int[buffers.Count];
        _refillAt = Math.Max(1, buffers.Count / RefillPart);
        for (int buffer = 0; buffer < _segments.Length; buffer++)
        {
            _segments[buffer] = buffers.Segment(buffer, buffers.Length);
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
            if (_isPosted[buffer])
            {
                _buffers.Sync(buffer, _buffers.Length, DmaSync.PostRead, NetSites.LeftBufferFromDevice);
            }
        }

        // From here on lent buffers go back to nobody.
        _buffers.Lender = null;
    }

    private void Take(FrameSink sink, int buffer, uint length)
    {
        _isPosted[buffer] = false;
        _buffers.Sync(buffer, _buffers.Length, DmaSync.PostRead, NetSites.BufferFromDevice);
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
        else if (!_hasHeader)
        {
            isLent = HandOn(sink, buffer, length - _headerLength, default);
        }
        else
        {
            isLent = Begin(sink, buffer, length - _headerLength);
        }

        if (!isLent)
        {
            _spare[_spareCount++] = buffer;
        }
    }

    /// <summary>Looks at the header of a frame, and hands it on where there is no more of it.</summary>
    /// <returns>Whether the buffer was lent.</returns>
    private bool Begin(FrameSink sink, int buffer, uint length)
    {
        _header = _buffers.LoadHeader(buffer);
        _hashReport = 0;
        if ((_features & NetDriver.HashReport) != 0)
        {
            _hash = _buffers.LoadHash(buffer, out _hashReport);
        }

        int count = _isMergeable ? _header.BufferCount : 1;
        if (count == 1)
        {
            if (TryDescribe(length, isPrivate: false, out FrameInfo info))
            {
                return HandOn(sink, buffer, length, info);
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
        ChecksumState checksum = ChecksumState.Unknown;
        SegmentKind segments = SegmentKind.None;
        ushort segmentSize = 0;

        // Without GUEST_CSUM there is nothing that the device could say there (virtio 1.4, 5.1.6.4.1).
        bool isSensible = (_features & NetDriver.GuestChecksum) == 0
            || _header.TryInterpret(length, _features, out checksum, out segments, out segmentSize);
        _counters.BadHeaders += isSensible ? 0UL : 1;
        info = new FrameInfo(checksum, segments, segmentSize, _hash, _hashReport, isPrivate);
        return isSensible;
    }

    private bool HandOn(FrameSink sink, int buffer, uint length, in FrameInfo info)
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

        sink.OnFrame(_buffers.Bytes(buffer, _headerLength, length), info);
        return false;
    }

    private void Count(uint length)
    {
        _counters.FramesReceived++;
        _counters.BytesReceived += length;
    }

    /// <summary>Makes buffers available, once there are enough to be worth it.</summary>
    private void Refill()
    {
        if (_spareCount >= _refillAt)
        {
            for (int i = 0; i < _spareCount; i++)
            {
                Post(_spare[i]);
            }

            _spareCount = 0;
        }
    }

    private void Post(int buffer)
    {
        _isPosted[buffer] = true;
        _buffers.Sync(buffer, _buffers.Length, DmaSync.PreRead, NetSites.BufferToDevice);

        // There is a descriptor for each buffer, so nothing but a broken queue refuses one.
        _queue.TryAdd(ReadOnlySpan<DmaSegment>.Empty, new ReadOnlySpan<DmaSegment>(_segments, buffer, 1), buffer);
    }
}

/// <summary>A transmit queue and its buffers, into which frames are copied (virtio 1.4, 5.1.6.2).</summary>
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
    /// <summary>How many used buffers are taken from the ring at a time.</summary>
    private const int BatchSize = 32;

    private readonly Virtqueue _queue;
    private readonly TransmitPool _usual;
    private readonly TransmitPool? _large;
    private readonly NetCounters _counters;
    private readonly UsedBuffer[] _used = new UsedBuffer[BatchSize];
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
        _usual = new TransmitPool(buffers, 0);
        _large = large == null ? null : new TransmitPool(large, buffers.Count);
        queue.DisableInterrupts();
    }

    /// <summary>Whether the queue was full when it was asked last.</summary>
    internal bool IsFull { get; set; }

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

        ReadOnlySpan<DmaSegment> readable = pool.Fill(frame, offload, out int token);
        if (_queue.TryAdd(readable, ReadOnlySpan<DmaSegment>.Empty, token) != AddStatus.Ok)
        {
            pool.TakeBack(token, NetSites.RefusedFrameFromDevice);
            return false;
        }

        _counters.FramesSent++;
        _counters.BytesSent += (uint)frame.Length;
        return true;
    }

    /// <summary>Takes back the buffers of frames that the device has sent, and wants no interrupts any more.</summary>
    internal int Reclaim()
    {
        int count = 0;
        int taken;
        while ((taken = _queue.GetUsed(_used)) != 0)
        {
            for (int i = 0; i < taken; i++)
            {
                int token = _used[i].Token;
                TransmitPool pool = token < _usual.Count ? _usual : _large!;
                pool.TakeBack(token, NetSites.FrameFromDevice);
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
    private readonly FrameBuffers _buffers;
    private readonly int _firstToken;
    private readonly int[] _free;
    private readonly bool[] _isMarked;
    private readonly DmaSegment[] _segments;

    /// <summary>Describes buffers that are all free.</summary>
    /// <param name="buffers">The buffers.</param>
    /// <param name="firstToken">The token of the first one.</param>
    internal TransmitPool(FrameBuffers buffers, int firstToken)
    {
        _buffers = buffers;
        _firstToken = firstToken;
        _free = new int[buffers.Count];
        _isMarked = new bool[buffers.Count];
        _segments = new DmaSegment[buffers.Count];
        FreeCount = buffers.Count;
        Room = buffers.Length - buffers.HeaderLength;
        for (int i = 0; i < _free.Length; i++)
        {
            _free[i] = _free.Length - 1 - i;
        }
    }

    /// <summary>How many buffers there are.</summary>
    internal int Count => _segments.Length;

    /// <summary>How many are free.</summary>
    internal int FreeCount { get; private set; }

    /// <summary>The longest frame that they hold.</summary>
    internal uint Room { get; }

    /// <summary>Copies a frame into a buffer, of which one is free, and hands it to the device.</summary>
    /// <returns>What the device is to read.</returns>
    internal ReadOnlySpan<DmaSegment> Fill(ReadOnlySpan<byte> frame, in TransmitOffload offload, out int token)
    {
        int buffer = _free[--FreeCount];
        token = _firstToken + buffer;
        uint length = _buffers.HeaderLength + (uint)frame.Length;
        if (!offload.IsNone || _isMarked[buffer])
        {
            _isMarked[buffer] = !offload.IsNone;
            _buffers.StoreHeader(buffer, offload.IsNone ? default : new NetHeader(offload));
        }

        frame.CopyTo(_buffers.Bytes(buffer, _buffers.HeaderLength, (uint)frame.Length));
        _buffers.Sync(buffer, length, DmaSync.PreWrite, NetSites.FrameToDevice);
        _segments[buffer] = _buffers.Segment(buffer, length);
        return new ReadOnlySpan<DmaSegment>(_segments, buffer, 1);
    }

    /// <summary>Takes a buffer over that the device has no use for any more.</summary>
    internal void TakeBack(int token, AccessSite site)
    {
        int buffer = token - _firstToken;
        _buffers.Sync(buffer, _segments[buffer].Length, DmaSync.PostWrite, site);
        _free[FreeCount++] = buffer;
    }

    /// <summary>Takes over what a device had when it was reset.</summary>
    internal void TakeAllBack()
    {
        bool[] isFree = new bool[Count];
        for (int i = 0; i < FreeCount; i++)
        {
            isFree[_free[i]] = true;
        }

        for (int buffer = 0; buffer < isFree.Length; buffer++)
        {
            if (!isFree[buffer])
            {
                _buffers.Sync(buffer, _segments[buffer].Length, DmaSync.PostWrite, NetSites.LeftFrameFromDevice);
            }
        }
    }
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
