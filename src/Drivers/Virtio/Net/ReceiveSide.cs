using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Net;

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
