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

    /// <summary>Describes a buffer that the device has given back.</summary>
    public UsedBuffer(int token, uint writtenBytes, ushort bufferId)
    {
        Token = token;
        WrittenBytes = writtenBytes;
        BufferId = bufferId;
    }
}
