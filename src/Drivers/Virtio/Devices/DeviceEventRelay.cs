using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Devices;

/// <summary>
/// Stands between transport and owner: no event comes before DRIVER_OK or after the device was given up. Counts what
/// passes.
/// </summary>
/// <remarks>
/// It changes nothing of the device: an interrupt comes on a thread of its own, whatever the owner is at meanwhile.
/// </remarks>
internal sealed class DeviceEventRelay : DeviceEventSink
{
    private readonly VirtioDevice _device;
    private readonly DeviceEventSink _owner;
    private readonly ulong[] _interrupts;

    /// <summary>Connects a device of so many queues with its owner.</summary>
    internal DeviceEventRelay(VirtioDevice device, int queueCount, DeviceEventSink owner)
    {
        _device = device;
        _owner = owner;
        _interrupts = new ulong[queueCount];
    }

    /// <summary>How many queues the driver has names for.</summary>
    internal int QueueCount => _interrupts.Length;

    /// <summary>How many interrupts for configuration changes have come.</summary>
    internal ulong ConfigurationInterrupts { get; private set; }

    /// <summary>How many interrupts have come that may have been for a queue.</summary>
    internal ulong InterruptsOf(int queueIndex) => _interrupts[queueIndex];

    /// <inheritdoc/>
    public override void OnUsedBuffers(ushort queueIndex)
    {
        if (_device.IsLive)
        {
            _interrupts[queueIndex]++;
            _owner.OnUsedBuffers(queueIndex);
        }
    }

    /// <inheritdoc/>
    public override void OnConfigurationChange()
    {
        if (_device.IsLive)
        {
            ConfigurationInterrupts++;
            _owner.OnConfigurationChange();
        }
    }
}
