namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// Why a queue can no longer be used: what the device wrote that no conforming device writes, and that the driver
/// cannot make sense of.
/// </summary>
public enum QueueFault
{
    /// <summary>Nothing is wrong.</summary>
    None = 0,

    /// <summary>A used element names a buffer ID that the queue does not have.</summary>
    BufferIdOutOfRange = 1,

    /// <summary>
    /// A used element names a buffer ID that was never made available; in a split ring also a descriptor that is no
    /// head.
    /// </summary>
    BufferNeverAvailable = 2,

    /// <summary>A used element names a buffer that the device had given back already.</summary>
    BufferUsedTwice = 3,

    /// <summary>The index of a used ring is further ahead than buffers are in flight.</summary>
    IndexBeyondInFlight = 4,

    /// <summary>A used element stands for more buffers than the index of the used ring counts.</summary>
    BatchBeyondIndex = 5,
}

/// <summary>The faults of a queue in words.</summary>
public static class QueueFaults
{
    /// <summary>What the device did, as the end of a sentence that starts with the queue's name.</summary>
    public static string Describe(QueueFault fault)
    {
        switch (fault)
        {
            case QueueFault.None:
                return "no fault";
            case QueueFault.BufferIdOutOfRange:
                return "used a buffer ID out of range";
            case QueueFault.BufferNeverAvailable:
                return "used a buffer that was never made available";
            case QueueFault.BufferUsedTwice:
                return "used a buffer twice";
            case QueueFault.IndexBeyondInFlight:
                return "used more buffers than it has";
            case QueueFault.BatchBeyondIndex:
                return "used a batch that its index does not count";
            default:
                return "unknown fault";
        }
    }
}
