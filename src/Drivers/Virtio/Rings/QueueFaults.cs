namespace VirtioGuest.Drivers.Virtio.Rings;

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
