namespace VirtioGuest.Drivers.Virtio;

/// <summary>
/// Stands between transport and owner: the driver sees a change first, and no event comes before DRIVER_OK or after the
/// device was given up.
/// </summary>
internal sealed class DeviceEventRelay : DeviceEventSink
{
    private readonly VirtioDevice _device;
    private readonly DeviceEventSink _owner;

    /// <summary>Connects a device with its owner.</summary>
    internal DeviceEventRelay(VirtioDevice device, DeviceEventSink owner)
    {
        _device = device;
        _owner = owner;
    }

    /// <inheritdoc/>
    public override void OnUsedBuffers(ushort queueIndex)
    {
        if (_device.IsLive)
        {
            _owner.OnUsedBuffers(queueIndex);
        }
    }

    /// <inheritdoc/>
    public override void OnConfigurationChange()
    {
        if (_device.IsLive)
        {
            _device.ObserveChange();
            _owner.OnConfigurationChange();
        }
    }
}
