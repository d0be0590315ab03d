namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>A buffer that the device has given back.</summary>
public struct UsedBuffer
{
    /// <summary>What the caller gave with the buffer.</summary>
    public int Token;

    /// <summary>
    /// How many bytes from the start of the writable part the device says it wrote: never more than that part has, and
    /// 0 where the buffer had none.
    /// </summary>
    public uint WrittenBytes;

    /// <summary>
    /// Its buffer ID, 0 to the queue size - 1, which was <see cref="Virtqueue.NextBufferId"/> before it was added.
    /// </summary>
    public ushort BufferId;

    /// <summary>The first byte of its trailer, as the device left it; 0 for buffers without one.</summary>
    public byte Trailer;

    /// <summary>Describes a buffer that the device has given back.</summary>
    public UsedBuffer(int token, uint writtenBytes, ushort bufferId, byte trailer)
    {
        Token = token;
        WrittenBytes = writtenBytes;
        BufferId = bufferId;
        Trailer = trailer;
    }
}

/// <summary>
/// Buffers that an in-order device has used with one used element, which names the last of them (virtio 1.4, 2.7.9 and
/// 2.8.8).
/// </summary>
internal struct UsedBatch
{
    private readonly ushort _lastId;
    private readonly uint _lastLength;
    private readonly int _count;

    /// <summary>Describes a batch of which nothing was taken yet.</summary>
    /// <param name="lastId">The ID of its last buffer.</param>
    /// <param name="lastLength">
    /// How many bytes of that one the device says it wrote, which is no more than it had.
    /// </param>
    /// <param name="count">How many buffers it has.</param>
    internal UsedBatch(ushort lastId, uint lastLength, int count)
    {
        _lastId = lastId;
        _lastLength = lastLength;
        _count = count;
        Remaining = count;
    }

    /// <summary>How many of its buffers are still to be taken.</summary>
    internal int Remaining { get; private set; }

    /// <summary>Whether none was taken yet.</summary>
    internal readonly bool IsAtStart => Remaining == _count;

    /// <summary>Takes its next buffer.</summary>
    /// <param name="id">That buffer's ID.</param>
    /// <param name="writableBytes">How many bytes the device could write into it.</param>
    /// <returns>How many it wrote: all of them, but for the last buffer, of which it told.</returns>
    internal uint Take(ushort id, uint writableBytes)
    {
        Remaining--;
        return id != _lastId ? writableBytes : _lastLength;
    }
}
