namespace VirtioGuest.Drivers.Virtio.Devices.Block;

/// <summary>
/// What became of a request, from the ring to the shell: what the device said of it, why it did not get it, or why
/// nothing was said. Nobody on the way up puts another name to it.
/// </summary>
public enum BlockStatus
{
    /// <summary>
    /// Well: <c>VIRTIO_BLK_S_OK</c>. Of a request that was just submitted, that the device has it and a completion
    /// follows.
    /// </summary>
    Ok = 0,

    /// <summary>With an error: <c>VIRTIO_BLK_S_IOERR</c>. What was transferred is not known.</summary>
    IoError = 1,

    /// <summary>The device does not know the request: <c>VIRTIO_BLK_S_UNSUPP</c>.</summary>
    Unsupported = 2,

    /// <summary>The device gave the request back without a status of the specification.</summary>
    NoStatus = 3,

    /// <summary>
    /// The device was reset before it was done. What was transferred is not known; the data buffer is the caller's
    /// again.
    /// </summary>
    Aborted = 4,

    /// <summary>
    /// The device was cut off without confirming a reset. The data buffer must never be used again: the device may
    /// still write to it.
    /// </summary>
    Abandoned = 5,

    /// <summary>
    /// Not submitted: as many requests as possible are in flight; try again after a completion.
    /// </summary>
    Full = 6,

    /// <summary>Not submitted: a sector lies beyond the capacity.</summary>
    OutOfRange = 7,

    /// <summary>Not submitted: the device is read-only.</summary>
    ReadOnly = 8,

    /// <summary>
    /// Not submitted: the device offers no such request. Where it has no flush, its writes are durable once completed
    /// (virtio 1.4, 5.2.5.1).
    /// </summary>
    NotOffered = 9,

    /// <summary>
    /// Not submitted: the data is not what the operation takes. It is not a positive multiple of 512 bytes, has more or
    /// longer segments than the device takes, or is there for a flush; ranges are too many, empty or too long.
    /// </summary>
    Invalid = 10,

    /// <summary>
    /// Not submitted: it does not begin and end between two of the device's blocks, which are larger than a sector.
    /// </summary>
    Unaligned = 11,

    /// <summary>Not submitted: the device is not running, and where its owner says so, it was given up.</summary>
    NotRunning = 12,

    /// <summary>From the owner: it was not done in the time that the user allows, and the device was reset.</summary>
    TimedOut = 13,

    /// <summary>From the owner: there was no memory for it.</summary>
    NoResources = 14,

    /// <summary>From the owner: the device was taken out of the machine; it takes no more requests.</summary>
    Removed = 15,
}

/// <summary>Says to people what a <see cref="BlockStatus"/> means, in every kernel.</summary>
public static class BlockStatusText
{
    /// <summary>A few words, fit to follow the disk's name and a colon.</summary>
    public static string Describe(this BlockStatus status) => status switch
    {
        BlockStatus.Ok => "done",
        BlockStatus.IoError => "the device reports an I/O error",
        BlockStatus.Unsupported or BlockStatus.NotOffered => "the device does not support the request",
        BlockStatus.NoStatus => "the device gave no status",
        BlockStatus.Aborted => "the device misbehaved and was reset before it was done",
        BlockStatus.Abandoned => "the device was cut off without confirming a reset",
        BlockStatus.OutOfRange => "a sector lies beyond the end of the disk",
        BlockStatus.ReadOnly => "the disk is read-only",
        BlockStatus.Invalid => "the device does not take such a request",
        BlockStatus.Unaligned => "the request is not for whole blocks",
        BlockStatus.NotRunning => "the device misbehaved and is out of use",
        BlockStatus.TimedOut => "the device did not answer in time and was reset",
        BlockStatus.Removed => "the device was removed",
        _ => "no memory or queue space for the request",
    };
}
