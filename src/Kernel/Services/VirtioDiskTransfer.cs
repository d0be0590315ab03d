using System;
using VirtioGuest.Drivers.Virtio.Block;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Services;

/// <summary>A transfer to a virtio block device, with contiguous memory outside of the heap as its buffer.</summary>
internal sealed class VirtioDiskTransfer : DiskTransfer
{
    private readonly DmaMemory _memory;
    private readonly uint _segmentLength;
    private readonly DmaSegment[] _segments;
    private uint _length;
    private bool _isRead;

    /// <summary>Creates a transfer.</summary>
    /// <param name="token">What the device's driver knows it by.</param>
    /// <param name="memory">The buffer.</param>
    /// <param name="segmentLength">The longest segment that the device takes, in bytes.</param>
    public VirtioDiskTransfer(int token, DmaMemory memory, uint segmentLength)
    {
        Token = token;
        _memory = memory;
        _segmentLength = segmentLength;
        _segments = new DmaSegment[(int)(((memory.Length - 1) / segmentLength) + 1)];
    }

    /// <summary>What the device's driver knows it by.</summary>
    public int Token { get; }

    /// <inheritdoc/>
    public override Span<byte> Data => _memory.Bytes(0, _memory.Length);

    /// <summary>Hands the part of the buffer that is transferred over to the device.</summary>
    /// <param name="operation">What will be done.</param>
    /// <param name="length">How many bytes.</param>
    /// <returns>The part, in segments that the device takes.</returns>
    public ReadOnlySpan<DmaSegment> HandOver(BlockOperation operation, uint length)
    {
        _isRead = operation == BlockOperation.Read;
        _length = length;
        int count = 0;
        for (uint offset = 0; offset < length; offset += _segmentLength)
        {
            uint part = Math.Min(_segmentLength, length - offset);
            _segments[count++] = _memory.Segment(offset, part);
            if (part == length - offset)
            {
                break;
            }
        }

        _memory.Sync(0, length, _isRead ? DmaSync.PreRead : DmaSync.PreWrite);
        return _segments.AsSpan(0, count);
    }

    /// <summary>Takes the part back from the device.</summary>
    public void TakeBack() => _memory.Sync(0, _length, _isRead ? DmaSync.PostRead : DmaSync.PostWrite);

    /// <summary>Takes the buffer out of use for good, because the device may still write to it.</summary>
    public void Quarantine() => _memory.Quarantine();
}
