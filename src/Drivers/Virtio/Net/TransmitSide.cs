using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Net;

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
