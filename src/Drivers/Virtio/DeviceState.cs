namespace VirtioGuest.Drivers.Virtio;

/// <summary>Where a device is in its life with its driver.</summary>
public enum DeviceState
{
    /// <summary>Not started yet.</summary>
    New = 0,

    /// <summary>Live: DRIVER_OK is set.</summary>
    Running = 1,

    /// <summary>
    /// Live in name only: the device asked for a reset or broke the rules. Nothing is submitted any more; the owner
    /// calls <see cref="VirtioDevice.Stop"/>.
    /// </summary>
    NeedsReset = 2,

    /// <summary>
    /// Reset, and the device confirmed it: memory that it was told of is free again. It can be started once more.
    /// </summary>
    Stopped = 3,

    /// <summary>
    /// The device did not confirm its reset. It was cut off, and memory that it was told of must never be used again.
    /// </summary>
    Abandoned = 4,

    /// <summary>
    /// Suspended by <see cref="VirtioDevice.Suspend"/>: it keeps its state and its buffers, and uses none of them.
    /// Nothing is submitted until it was resumed.
    /// </summary>
    Suspended = 5,
}
