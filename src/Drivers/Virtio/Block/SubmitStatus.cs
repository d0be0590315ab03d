namespace VirtioGuest.Drivers.Virtio.Block;

/// <summary>What became of a request that was submitted.</summary>
public enum SubmitStatus
{
    /// <summary>The device has it; a completion follows.</summary>
    Ok = 0,

    /// <summary>As many requests as possible are in flight; try again after a completion.</summary>
    Full = 1,

    /// <summary>A sector lies beyond the capacity.</summary>
    OutOfRange = 2,

    /// <summary>The device is read-only.</summary>
    ReadOnly = 3,

    /// <summary>
    /// The device offers no flush; its writes are durable once completed (virtio 1.4, 5.2.5.1).
    /// </summary>
    NotOffered = 4,

    /// <summary>
    /// The data is not what the operation takes: not a positive multiple of 512 bytes, more or longer segments than the
    /// device takes, or data for a flush.
    /// </summary>
    Invalid = 5,

    /// <summary>The device is not running.</summary>
    NotRunning = 6,
}
