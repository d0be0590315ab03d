namespace VirtioGuest.Devices.Rings;

/// <summary>Why a device cannot go on with a queue: what its driver did wrong.</summary>
public enum QueueError
{
    /// <summary>Nothing is wrong.</summary>
    None = 0,

    /// <summary>The size is 0, above 32768, or for a split ring not a power of two.</summary>
    SizeInvalid,

    /// <summary>A part of the queue is not aligned as its format demands.</summary>
    AreaMisaligned,

    /// <summary>A part of the queue is not in memory that the device may access.</summary>
    AreaUnreachable,

    /// <summary>The available index moved by more than the queue's size.</summary>
    AvailableIndexJump,

    /// <summary>A head or a next field names a descriptor that does not exist.</summary>
    DescriptorOutOfRange,

    /// <summary>A chain comes back to a descriptor that it has already been through.</summary>
    Loop,

    /// <summary>A chain has more elements than the device allows.</summary>
    ChainTooLong,

    /// <summary>A chain has more bytes than its total can count.</summary>
    TooManyBytes,

    /// <summary>The head of a packed chain was made available before the rest of it.</summary>
    ChainIncomplete,

    /// <summary>An element has no bytes.</summary>
    ZeroLength,

    /// <summary>An element is not in memory that the device may access so.</summary>
    BufferUnreachable,

    /// <summary>An element for the device to read comes after one for it to write.</summary>
    ReadableAfterWritable,

    /// <summary>There is an indirect table, but the feature was not negotiated.</summary>
    IndirectNotNegotiated,

    /// <summary>A descriptor has both INDIRECT and NEXT.</summary>
    IndirectWithNext,

    /// <summary>An indirect table refers to another, or stands in a packed chain of direct descriptors.</summary>
    IndirectNested,

    /// <summary>The size of an indirect table is 0 or not a multiple of a descriptor's.</summary>
    IndirectTableSize,

    /// <summary>A buffer was made available that the device has not used yet.</summary>
    BufferInFlight,

    /// <summary>Descriptors were made available that the device has not given back yet.</summary>
    RingOverrun,
}
