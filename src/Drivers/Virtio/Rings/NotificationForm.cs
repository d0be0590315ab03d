namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>What a driver writes to notify a device of a queue.</summary>
internal enum NotificationForm
{
    /// <summary>16 bits that say which queue (virtio 1.4, 4.1.5.2).</summary>
    Word = 0,

    /// <summary>32 bits that say which queue (virtio 1.4, 4.2.3.3).</summary>
    Queue = 1,

    /// <summary>
    /// 32 bits: which queue in the lower half, how far it was filled in the upper half (virtio 1.4, 2.9).
    /// </summary>
    Place = 2,
}
