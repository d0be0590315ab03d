namespace VirtioGuest.Devices.Rings;

/// <summary>
/// Chooses when, in which order and how many at a time finished buffers go back to the driver, within what the
/// specification leaves to a device.
/// </summary>
/// <remarks>
/// Where the queue is in order, <see cref="Pick"/> is not asked and only buffers are counted whose predecessors have
/// finished. When a device is suspended, all finished buffers are used without asking.
/// </remarks>
public abstract class CompletionPolicy
{
    /// <summary>Whether, in order, one used entry may stand for several buffers.</summary>
    public bool Merges { get; set; } = true;

    /// <summary>How many buffers are used now, and published together.</summary>
    /// <param name="finished">How many could be, at least 1.</param>
    /// <param name="isIdle">Whether the device has no more buffers to work on.</param>
    /// <returns>0 to <paramref name="finished"/>.</returns>
    public abstract int Count(int finished, bool isIdle);

    /// <summary>Which buffer comes next.</summary>
    /// <param name="finished">How many there are to choose from, at least 1, the oldest first.</param>
    /// <returns>0 to <paramref name="finished"/> - 1.</returns>
    public virtual int Pick(int finished) => 0;

    /// <summary>What the driver is told of the bytes written, which may be fewer (virtio 1.4, 2.7.8.2).</summary>
    /// <param name="written">How many were written, from the start of the writable part.</param>
    /// <returns>0 to <paramref name="written"/>.</returns>
    public virtual uint Length(uint written) => written;
}
