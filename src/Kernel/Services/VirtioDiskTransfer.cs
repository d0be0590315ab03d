using System;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Services;

/// <summary>A transfer to a virtio block device, with contiguous memory outside of the heap as its buffer.</summary>
/// <remarks>
/// The device gets it in one piece, or in several one after the other where it takes less at a time: that may change
/// whenever the device is brought up again.
/// </remarks>
internal sealed class VirtioDiskTransfer : DiskTransfer
{
    private readonly DmaMemory _memory;
    private DmaSegment[] _segments = [];
    private ulong _firstSector;
    private uint _length;
    private uint _done;
    private uint _piece;
    private bool _isQuarantined;
    private int _segmentCount;

    /// <summary>Creates a transfer.</summary>
    /// <param name="token">What the device's driver knows it by.</param>
    /// <param name="memory">The buffer.</param>
    public VirtioDiskTransfer(int token, DmaMemory memory)
    {
        Token = token;
        _memory = memory;
    }

    /// <summary>What the device's driver knows it by.</summary>
    public int Token { get; }

    /// <summary>What is done.</summary>
    public BlockOperation Operation { get; private set; }

    /// <summary>The first sector of the piece.</summary>
    public ulong FirstSector => _firstSector + (_done / Disk.SectorSize);

    /// <summary>Whether the piece was handed over a second time, because the device was reset meanwhile.</summary>
    public bool IsRepeated { get; set; }

    /// <summary>The part of the buffer that is the piece, in segments that the device takes.</summary>
    public ReadOnlySpan<DmaSegment> Segments => _segments.AsSpan(0, _segmentCount);

    /// <inheritdoc/>
    public override Span<byte> Data => _memory.Bytes(0, _memory.Length);

    /// <summary>Says what is to be done.</summary>
    /// <param name="operation">What will be done.</param>
    /// <param name="firstSector">The first sector.</param>
    /// <param name="length">How many bytes.</param>
    public void Prepare(BlockOperation operation, ulong firstSector, uint length)
    {
        Operation = operation;
        IsRepeated = false;
        _firstSector = firstSector;
        _length = length;
        _done = 0;
    }

    /// <summary>Hands the next piece over to the device, or the same once more.</summary>
    /// <param name="segmentLength">The longest segment that the device takes, in bytes.</param>
    /// <param name="segments">How many segments it takes; with that length, at least a sector.</param>
    /// <param name="blockSize">The device's block size, in bytes.</param>
    public void HandOver(uint segmentLength, int segments, uint blockSize)
    {
        ulong room = (ulong)segments * segmentLength;

        // Cut between blocks where the device takes a whole one: QEMU fails requests for parts of them.
        uint unit = room < blockSize ? Disk.SectorSize : blockSize;
        _piece = (uint)Math.Min(_length - _done, room - (room % unit));
        int count = (int)((_piece + (ulong)segmentLength - 1) / segmentLength);
        if (_segments.Length < count)
        {
            _segments = new DmaSegment[count];
        }

        _segmentCount = 0;
        for (uint offset = 0; offset < _piece; offset += _segments[_segmentCount++].Length)
        {
            uint part = Math.Min(segmentLength, _piece - offset);
            _segments[_segmentCount] = _memory.Segment(_done + offset, part);
        }

        _memory.Sync(_done, _piece, Operation == BlockOperation.Read ? DmaSync.PreRead : DmaSync.PreWrite);
    }

    /// <summary>Takes the piece back from the device.</summary>
    public void TakeBack() =>
        _memory.Sync(_done, _piece, Operation == BlockOperation.Read ? DmaSync.PostRead : DmaSync.PostWrite);

    /// <summary>Moves on to the next piece.</summary>
    /// <returns>Whether there is one.</returns>
    public bool TryAdvance()
    {
        _done += _piece;
        IsRepeated = false;
        return _done < _length;
    }

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
}
