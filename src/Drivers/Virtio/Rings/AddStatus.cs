namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>What became of a buffer that was offered to a queue.</summary>
public enum AddStatus
{
    /// <summary>The device may use it from now on.</summary>
    Ok = 0,

    /// <summary>The ring has not enough free descriptors at the moment; nothing was written.</summary>
    Full = 1,

    /// <summary>
    /// It can never be added: no segment, an empty segment, more segments than the ring has descriptors, or 4 GiB and
    /// more in all. Nothing was written.
    /// </summary>
    Invalid = 2,

    /// <summary>The queue is broken or stopped; nothing was written.</summary>
    Unusable = 3,
}
