namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>Whom a device's interrupts reach: the owner of its driver.</summary>
/// <remarks>
/// Calls come in the machine's interrupt context (see <see cref="Hal.InterruptHandler"/>): one at a time for each
/// vector, but those of different vectors may come at the same time. A call may come although nothing happened, and
/// must not throw.
/// </remarks>
public abstract class DeviceEventSink
{
    /// <summary>Buffers of a queue may have been used.</summary>
    /// <param name="queueIndex">The virtqueue index.</param>
    public abstract void OnUsedBuffers(ushort queueIndex);

    /// <summary>
    /// The device's configuration or state may have changed. The owner calls <c>VirtioDevice.ObserveChange</c>
    /// when it has the device for itself.
    /// </summary>
    public abstract void OnConfigurationChange();
}
