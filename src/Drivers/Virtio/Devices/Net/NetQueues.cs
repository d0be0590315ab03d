using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices.Net;

/// <summary>
/// The receive queue and its buffers, all of which the device has whenever it can (virtio 1.4, 5.1.6.3).
/// </summary>
/// <remarks>
/// A buffer is one descriptor: without mergeable buffers a frame never takes more than one, and devices are known to
/// place used elements of longer ones wrongly.
/// </remarks>
internal sealed class ReceiveSide
{
    private readonly Virtqueue _queue;
    private readonly FrameBuffers _buffers;
    private readonly DmaSegment[] _segments;
    private readonly NetCounters _counters;

    /// <summary>Creates the side; nothing is posted yet.</summary>
    internal ReceiveSide(Virtqueue queue, FrameBuffers buffers, NetCounters counters)
    {
        _queue = queue;
        _counters = counters;
        _buffers = buffers;
        _segments = new DmaSegment[buffers.Count];
        for (int buffer = 0; buffer < _segments.Length; buffer++)
        {
            _segments[buffer] = buffers.Segment(buffer, buffers.Length);
        }
    }

    /// <summary>Makes all buffers available.</summary>
    internal void PostAll()
    {
        for (int buffer = 0; buffer < _buffers.Count; buffer++)
        {
            Post(buffer);
        }
    }

    /// <summary>Hands frames on and makes their buffers available again.</summary>
    /// <returns>How many buffers were taken from the device, good frames or not.</returns>
    internal int Drain(FrameSink sink, int maximum)
    {
        const uint HeaderLength = FrameBuffers.HeaderLength;
        int count = 0;
        while (count < maximum && _queue.TryGetUsed(out int buffer, out uint length))
        {
            _buffers.Sync(buffer, _buffers.Length, DmaSync.PostRead, NetSites.BufferFromDevice);
            if (length < HeaderLength + VirtioNet.EthernetHeaderLength)
            {
                _counters.TooShort++;
            }
            else
            {
                _counters.FramesReceived++;
                _counters.BytesReceived += length - HeaderLength;
                sink.OnFrame(_buffers.Frame(buffer, length - HeaderLength));
            }

            Post(buffer);
            count++;
        }

        return count;
    }

    /// <summary>Takes over what a device had when it was reset: all buffers.</summary>
    internal void TakeAllBack()
    {
        for (int buffer = 0; buffer < _buffers.Count; buffer++)
        {
            _buffers.Sync(buffer, _buffers.Length, DmaSync.PostRead, NetSites.LeftBufferFromDevice);
        }
    }

    private void Post(int buffer)
    {
        _buffers.Sync(buffer, _buffers.Length, DmaSync.PreRead, NetSites.BufferToDevice);

        // There is a descriptor for each buffer, so nothing but a broken queue refuses one.
        _queue.TryAdd(ReadOnlySpan<DmaSegment>.Empty, new ReadOnlySpan<DmaSegment>(_segments, buffer, 1), buffer);
    }
}

/// <summary>The transmit queue and its buffers, into which frames are copied (virtio 1.4, 5.1.6.2).</summary>
/// <remarks>
/// The header in each buffer says "no offload" in all its fields, which is zero, and is never written. Completions are
/// found by looking when buffers run out, so the queue has its interrupts disabled as long as there are buffers.
/// </remarks>
internal sealed class TransmitSide
{
    private readonly Virtqueue _queue;
    private readonly FrameBuffers _buffers;
    private readonly int[] _free;
    private readonly DmaSegment[] _segments;
    private readonly NetCounters _counters;
    private int _freeCount;

    /// <summary>Creates the side with all buffers free.</summary>
    internal TransmitSide(Virtqueue queue, FrameBuffers buffers, NetCounters counters)
    {
        _queue = queue;
        _counters = counters;
        _buffers = buffers;
        _free = new int[buffers.Count];
        _segments = new DmaSegment[buffers.Count];
        _freeCount = buffers.Count;
        for (int i = 0; i < _free.Length; i++)
        {
            _free[i] = _free.Length - 1 - i;
        }

        queue.DisableInterrupts();
    }

    /// <summary>Copies a frame of a length that was checked and makes it available to the device.</summary>
    /// <returns>
    /// False when no buffer is free even after looking, and the queue interrupts at the next completion; or when the
    /// queue is broken.
    /// </returns>
    internal bool TryAdd(ReadOnlySpan<byte> frame)
    {
        if (_freeCount == 0 && Reclaim() == 0 && !(_queue.EnableInterrupts() && Reclaim() != 0))
        {
            _counters.Full++;
            return false;
        }

        int buffer = _free[_freeCount - 1];
        uint length = FrameBuffers.HeaderLength + (uint)frame.Length;
        frame.CopyTo(_buffers.Frame(buffer, (uint)frame.Length));
        _buffers.Sync(buffer, length, DmaSync.PreWrite, NetSites.FrameToDevice);
        _segments[buffer] = _buffers.Segment(buffer, length);
        ReadOnlySpan<DmaSegment> readable = new ReadOnlySpan<DmaSegment>(_segments, buffer, 1);
        if (_queue.TryAdd(readable, ReadOnlySpan<DmaSegment>.Empty, buffer) != AddStatus.Ok)
        {
            _buffers.Sync(buffer, length, DmaSync.PostWrite, NetSites.RefusedFrameFromDevice);
            return false;
        }

        _freeCount--;
        _counters.FramesSent++;
        _counters.BytesSent += (uint)frame.Length;
        return true;
    }

    /// <summary>Takes back the buffers of frames that the device has sent, and wants no interrupts any more.</summary>
    internal int Reclaim()
    {
        int count = 0;
        while (_queue.TryGetUsed(out int buffer, out _))
        {
            _buffers.Sync(buffer, _segments[buffer].Length, DmaSync.PostWrite, NetSites.FrameFromDevice);
            _free[_freeCount++] = buffer;
            count++;
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
        bool[] isFree = new bool[_buffers.Count];
        for (int i = 0; i < _freeCount; i++)
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

/// <summary>
/// A fixed number of buffers in shared memory, each for a <c>virtio_net_hdr</c> and a frame behind it
/// (virtio 1.4, 5.1.6).
/// </summary>
internal sealed class FrameBuffers
{
    /// <summary>The size of <c>virtio_net_hdr</c> with the features that are implemented.</summary>
    internal const int HeaderLength = 12;

    /// <summary>The most buffers that a queue gets.</summary>
    private const int MaximumCount = 128;

    /// <summary>What the buffers of a queue may take in all, unless a single one takes more.</summary>
    private const uint MaximumBytes = 512 * 1024;

    /// <summary>Buffers do not share cache lines.</summary>
    private const uint LineSize = 64;

    private readonly DmaMemory _memory;

    private FrameBuffers(DmaMemory memory, int count, uint length)
    {
        _memory = memory;
        Count = count;
        Length = length;
    }

    /// <summary>How many buffers there are, at least 1.</summary>
    internal int Count { get; }

    /// <summary>The size of each in bytes, header included.</summary>
    internal uint Length { get; }

    /// <summary>Creates zeroed buffers, or returns null where no memory is left.</summary>
    /// <param name="dma">Where the memory comes from.</param>
    /// <param name="queueSize">How many the queue has room for.</param>
    /// <param name="frameLength">The longest frame in bytes.</param>
    internal static FrameBuffers? TryCreate(DmaTag dma, int queueSize, uint frameLength)
    {
        uint length = (HeaderLength + frameLength + LineSize - 1) & ~(LineSize - 1);
        uint affordable = Math.Max(1, MaximumBytes / length);
        int count = (int)Math.Min(affordable, (uint)Math.Min(queueSize, MaximumCount));
        DmaMemory? memory = dma.Allocate((uint)count * length, LineSize);
        return memory == null ? null : new FrameBuffers(memory, count, length);
    }

    /// <summary>A buffer's first bytes, for a descriptor.</summary>
    internal DmaSegment Segment(int buffer, uint length) => _memory.Segment((uint)buffer * Length, length);

    /// <summary>The frame in a buffer that is the processor's.</summary>
    internal Span<byte> Frame(int buffer, uint length) =>
        _memory.Bytes(((uint)buffer * Length) + HeaderLength, length);

    /// <summary>Hands over a buffer's first bytes.</summary>
    internal void Sync(int buffer, uint length, DmaSync operation, AccessSite site) =>
        _memory.Sync((uint)buffer * Length, length, operation, site);

    /// <summary>Gives the memory back, or takes it out of use for good.</summary>
    internal void ReleaseMemory(bool quarantine)
    {
        if (quarantine)
        {
            _memory.Quarantine();
        }
        else
        {
            _memory.Free();
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
}
