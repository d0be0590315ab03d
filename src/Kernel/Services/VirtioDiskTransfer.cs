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
    private bool _isQuarantined;
    private int _segmentCount;

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

    /// <summary>What is done.</summary>
    public BlockOperation Operation { get; private set; }

    /// <summary>The first sector.</summary>
    public ulong FirstSector { get; private set; }

    /// <summary>Whether it was handed over a second time, because the device was reset meanwhile.</summary>
    public bool IsRepeated { get; private set; }

    /// <summary>The part of the buffer that is transferred, in segments that the device takes.</summary>
    public ReadOnlySpan<DmaSegment> Segments => _segments.AsSpan(0, _segmentCount);

    /// <inheritdoc/>
    public override Span<byte> Data => _memory.Bytes(0, _memory.Length);

    /// <summary>Hands the part of the buffer that is transferred over to the device.</summary>
    /// <param name="operation">What will be done.</param>
    /// <param name="firstSector">The first sector.</param>
    /// <param name="length">How many bytes.</param>
    public void HandOver(BlockOperation operation, ulong firstSector, uint length)
    {
        Operation = operation;
        FirstSector = firstSector;
        IsRepeated = false;
        _length = length;
        _segmentCount = 0;
        for (uint offset = 0; offset < length; offset += _segmentLength)
        {
            uint part = Math.Min(_segmentLength, length - offset);
            _segments[_segmentCount++] = _memory.Segment(offset, part);
            if (part == length - offset)
            {
                break;
            }
        }

        HandOver();
    }

    /// <summary>Hands the same over once more.</summary>
    public void HandOverAgain()
    {
        IsRepeated = true;
        HandOver();
    }

    /// <summary>Takes the part back from the device.</summary>
    public void TakeBack() =>
        _memory.Sync(0, _length, Operation == BlockOperation.Read ? DmaSync.PostRead : DmaSync.PostWrite);

    /// <summary>Takes the buffer out of use for good, because the device may still write to it.</summary>
    public void Quarantine()
    {
        _isQuarantined = true;
        _memory.Quarantine();
    }

    /// <inheritdoc/>
    public override void Free()
    {
        if (!_isQuarantined)
        {
            _memory.Free();
        }
    }

    private void HandOver() =>
        _memory.Sync(0, _length, Operation == BlockOperation.Read ? DmaSync.PreRead : DmaSync.PreWrite);
}
