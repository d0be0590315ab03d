using System;
using VirtioGuest.Benchmarks.Machine;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Benchmarks.Rings;

/// <summary>A queue and its device on one thread: buffers are added, used and taken back in batches.</summary>
internal sealed class RingLoop : IDisposable
{
    /// <summary>How many descriptors the rings have, here and in C.</summary>
    public const int RingSize = 256;

    private const uint SegmentLength = 2048;

    private readonly Virtqueue _queue;
    private readonly DeviceLoop _device;
    private readonly DmaSegment[] _segments = new DmaSegment[RingSize];
    private readonly UsedBuffer[] _completed = new UsedBuffer[RingSize];

    public RingLoop(Features features)
    {
        _queue = Virtqueue.TryCreate(new HostDmaTag(), 0, RingSize, features)!;
        _device = DeviceLoop.Open(_queue);
        for (int i = 0; i < RingSize; i++)
        {
            _segments[i] = new DmaSegment((ulong)i << 12, SegmentLength);
        }
    }

    /// <summary>Moves batches of buffers with one device-writable segment each.</summary>
    /// <returns>How many came back.</returns>
    public ulong Run(int batches, int batch)
    {
        Virtqueue queue = _queue;
        ReadOnlySpan<DmaSegment> segments = _segments;
        Span<UsedBuffer> completed = _completed.AsSpan(0, batch);
        ulong pairs = 0;
        for (int i = 0; i < batches; i++)
        {
            for (int j = 0; j < batch; j++)
            {
                queue.TryAdd(default, segments.Slice(j, 1), j);
            }

            if (queue.NeedsNotification())
            {
                throw new InvalidOperationException("the device wants no notifications");
            }

            _device.UseAll();
            pairs += (ulong)queue.GetUsed(completed);
        }

        return pairs;
    }

    public void Dispose() => _queue.Release(quarantine: false);
}
