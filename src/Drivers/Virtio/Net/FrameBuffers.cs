using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Net;

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
