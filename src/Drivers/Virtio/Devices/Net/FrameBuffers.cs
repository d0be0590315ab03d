using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices.Net;

/// <summary>
/// A fixed number of buffers in shared memory, each for a <c>virtio_net_hdr</c> and a frame behind it
/// (virtio 1.4, 5.1.9).
/// </summary>
internal sealed class FrameBuffers
{
    /// <summary>The most buffers that a queue gets.</summary>
    internal const int MaximumCount = 128;

    /// <summary>What the buffers of a queue may take in all, unless a single one takes more.</summary>
    internal const uint MaximumBytes = 512 * 1024;

    /// <summary>Buffers do not share cache lines.</summary>
    private const uint LineSize = 64;

    private readonly DmaMemory _memory;
    private LentFrame[] _lent = Array.Empty<LentFrame>();
    private int _lentCount;
    private bool _isReleased;
    private bool _isQuarantined;

    private FrameBuffers(DmaMemory memory, int count, uint length, uint headerLength)
    {
        _memory = memory;
        Count = count;
        Length = length;
        HeaderLength = headerLength;
    }

    /// <summary>How many buffers there are, at least 1.</summary>
    internal int Count { get; }

    /// <summary>The size of each in bytes, header included.</summary>
    internal uint Length { get; }

    /// <summary>The size of the header in each.</summary>
    internal uint HeaderLength { get; }

    /// <summary>What they lie in.</summary>
    internal DmaMemory Memory => _memory;

    /// <summary>Whom lent buffers go back to; null once the device was given up.</summary>
    internal ReceiveSide? Lender { get; set; }

    /// <summary>Creates zeroed buffers, or returns null where no memory is left.</summary>
    /// <param name="dma">Where the memory comes from.</param>
    /// <param name="count">How many there may be at most, at least 1.</param>
    /// <param name="headerLength">The size of the header.</param>
    /// <param name="frameLength">The longest frame in bytes.</param>
    /// <param name="maximumBytes">What they may take in all, unless a single one takes more.</param>
    internal static FrameBuffers? TryCreate(
        DmaTag dma, int count, uint headerLength, uint frameLength, uint maximumBytes = MaximumBytes)
    {
        uint length = (headerLength + frameLength + LineSize - 1) & ~(LineSize - 1);
        uint affordable = Math.Max(1, maximumBytes / length);
        count = (int)Math.Min(affordable, (uint)Math.Min(count, MaximumCount));
        DmaMemory? memory = dma.Allocate((uint)count * length, LineSize);
        return memory == null ? null : new FrameBuffers(memory, count, length, headerLength);
    }

    /// <summary>A buffer's first bytes, for a descriptor.</summary>
    internal DmaSegment Segment(int buffer, uint length) => _memory.Segment((uint)buffer * Length, length);

    /// <summary>Bytes of a buffer that is the processor's.</summary>
    internal Span<byte> Bytes(int buffer, uint offset, uint length) =>
        _memory.Bytes(((uint)buffer * Length) + offset, length);

    /// <summary>Reads a header. Each of its bytes is read once.</summary>
    /// <param name="offset">Where its buffer begins.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal NetHeader LoadHeader(uint offset) =>
        new NetHeader(_memory.Load64(offset), _memory.Load32(offset + 8));

    /// <summary>Reads the hash behind a header.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="report">What it was computed of; 0 for none.</param>
    internal uint LoadHash(int buffer, out ushort report)
    {
        uint offset = ((uint)buffer * Length) + NetHeader.HashOffset;
        report = _memory.Load16(offset + 4);
        return _memory.Load32(offset);
    }

    /// <summary>Reads where the headers of a tunnel are said to lie; nothing where the header has no place for it.
    /// </summary>
    internal uint LoadTunnel(int buffer) => HeaderLength < NetHeader.TunnelLength
        ? 0
        : _memory.Load32(((uint)buffer * Length) + NetHeader.TunnelOffset);

    /// <summary>Reads where the network header is said to lie; 0 where the header has no place for it.</summary>
    internal ushort LoadOuterNetwork(int buffer) => HeaderLength < NetHeader.LongestLength
        ? (ushort)0
        : _memory.Load16(((uint)buffer * Length) + NetHeader.OuterNetworkOffset);

    /// <summary>Writes a header; what belongs to features that are not used for it stays zero.</summary>
    internal void StoreHeader(int buffer, NetHeader header)
    {
        uint offset = (uint)buffer * Length;
        _memory.Store64(offset, header.First);
        _memory.Store32(offset + 8, header.Second);
        if (HeaderLength >= NetHeader.TunnelLength)
        {
            _memory.Store32(offset + NetHeader.TunnelOffset, header.Tunnel);
        }

        if (HeaderLength >= NetHeader.LongestLength)
        {
            _memory.Store64(offset + NetHeader.OuterNetworkOffset, header.OuterNetwork);
        }
    }

    /// <summary>Hands over a buffer's first bytes.</summary>
    internal void Sync(int buffer, uint length, DmaSync operation, AccessSite site) =>
        _memory.Sync((uint)buffer * Length, length, operation, site);

    /// <summary>Lends a buffer that is the processor's.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="length">The length of the frame in it.</param>
    internal LentFrame Lend(int buffer, uint length)
    {
        if (_lent.Length == 0)
        {
            _lent = new LentFrame[Count];
            for (int i = 0; i < Count; i++)
            {
                _lent[i] = new LentFrame(this, i);
            }
        }

        _lentCount++;
        _lent[buffer].Begin(length);
        return _lent[buffer];
    }

    /// <summary>Takes a lent buffer back.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="isUsed">Whether somebody had it.</param>
    internal void TakeBack(int buffer, bool isUsed)
    {
        _lentCount--;
        if (isUsed)
        {
            Lender?.TakeBack(buffer);
        }

        GiveUpIfDone();
    }

    /// <summary>
    /// Gives the memory back, or takes it out of use for good. What was lent is waited for.
    /// </summary>
    internal void ReleaseMemory(bool quarantine)
    {
        Lender = null;
        _isReleased = true;
        _isQuarantined = quarantine;
        GiveUpIfDone();
    }

    private void GiveUpIfDone()
    {
        if (!_isReleased || _lentCount != 0)
        {
            return;
        }

        _isReleased = false;
        if (_isQuarantined)
        {
            _memory.Quarantine();
        }
        else
        {
            _memory.Free();
        }
    }
}

/// <summary>A received frame in a buffer that was lent: the device gets it back when <see cref="Return"/> is
/// called.</summary>
/// <remarks>
/// It outlives the device: the memory stays until the last lent frame was returned. It is memory that a device wrote,
/// and one that breaks the rules could still be writing.
/// </remarks>
public sealed class LentFrame
{
    private readonly FrameBuffers _buffers;
    private readonly int _buffer;
    private uint _length;
    private bool _isLent;

    internal LentFrame(FrameBuffers buffers, int buffer)
    {
        _buffers = buffers;
        _buffer = buffer;
    }

    /// <summary>An Ethernet frame of at least 14 bytes, without checksum.</summary>
    /// <exception cref="InvalidOperationException">It was returned.</exception>
    public ReadOnlySpan<byte> Bytes =>
        _isLent
            ? _buffers.Bytes(_buffer, _buffers.HeaderLength, _length)
            : throw new InvalidOperationException("the frame was returned");

    /// <summary>Gives the buffer back, in the context that receives, and not while the device is suspended.</summary>
    /// <exception cref="InvalidOperationException">It was returned.</exception>
    public void Return()
    {
        if (!_isLent)
        {
            throw new InvalidOperationException("the frame was returned");
        }

        _isLent = false;
        _buffers.TakeBack(_buffer, isUsed: true);
    }

    internal void Begin(uint length)
    {
        _length = length;
        _isLent = true;
    }

    /// <summary>Nobody wanted it.</summary>
    internal void Revoke()
    {
        _isLent = false;
        _buffers.TakeBack(_buffer, isUsed: false);
    }
}
