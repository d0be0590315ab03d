namespace VirtioGuest.Devices.Rings;

/// <summary>Watches a device's side of a ring, for whoever judges the driver. It changes nothing.</summary>
public abstract class QueueObserver
{
    /// <summary>A buffer was taken.</summary>
    public virtual void OnTaken(DeviceChain chain)
    {
    }

    /// <summary>A buffer was put back, as if it had not been taken.</summary>
    public virtual void OnPutBack(DeviceChain chain)
    {
    }

    /// <summary>A buffer is about to be given back: the ring is as the driver left it.</summary>
    /// <param name="chain">The buffer.</param>
    /// <param name="length">How many bytes the driver will be told of.</param>
    public virtual void OnUsing(DeviceChain chain, uint length)
    {
    }

    /// <summary>The queue is broken.</summary>
    /// <param name="error">Why.</param>
    /// <param name="chain">The buffer that it was found in, as far as it was read; null where it was none.</param>
    public virtual void OnBroken(QueueError error, DeviceChain? chain)
    {
    }
}
