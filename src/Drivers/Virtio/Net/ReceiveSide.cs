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

    /// <summary>Creates the side; nothing is posted yet.</summary>
    internal ReceiveSide(Virtqueue queue, FrameBuffers buffers)
    {
        _queue = queue;
        _buffers = buffers;
        _segments = new DmaSegment[buffers.Count];
        for (int buffer = 0; buffer < _segments.Length; buffer++)
        {
            _segments[buffer] = buffers.Segment(buffer, buffers.Length);
        }
    }

    /// <summary>How many frames were received.</summary>
    internal ulong Frames { get; private set; }

    /// <summary>How many bytes those had.</summary>
    internal ulong Bytes { get; private set; }

    /// <summary>How often the device used a buffer without a whole header and Ethernet header in it.</summary>
    internal ulong TooShort { get; private set; }

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
            _buffers.Sync(buffer, _buffers.Length, DmaSync.PostRead);
            if (length < HeaderLength + VirtioNet.EthernetHeaderLength)
            {
                TooShort++;
            }
            else
            {
                Frames++;
                Bytes += length - HeaderLength;
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
            _buffers.Sync(buffer, _buffers.Length, DmaSync.PostRead);
        }
    }

    private void Post(int buffer)
    {
        _buffers.Sync(buffer, _buffers.Length, DmaSync.PreRead);

        // There is a descriptor for each buffer, so nothing but a broken queue refuses one.
        _queue.TryAdd(ReadOnlySpan<DmaSegment>.Empty, new ReadOnlySpan<DmaSegment>(_segments, buffer, 1), buffer);
    }
}
