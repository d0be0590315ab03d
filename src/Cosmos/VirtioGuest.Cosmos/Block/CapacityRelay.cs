using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Cosmos.Block;

/// <summary>Tells a disk's listener the capacity, when the device starts and whenever it changes.</summary>
/// <remarks>
/// The driver reads a change in the interrupt that reports it. An interrupt during the start of the device leaves that
/// until the start is over. Everything else that uses the device runs with interrupts off.
/// </remarks>
internal sealed class CapacityRelay : DeviceEventSink
{
    private bool _isHeld;

    internal VirtioBlock? Device { get; set; }

    internal CapacityListener? Listener { get; set; }

    public override void OnUsedBuffers(ushort queueIndex)
    {
        // The call that waits for the request polls for it.
    }

    public override void OnConfigurationChange()
    {
        if (!_isHeld)
        {
            Device!.ObserveChange();
            Listener?.OnCapacity(Device.Capacity);
        }
    }

    /// <summary>Puts changes off until <see cref="Release"/>.</summary>
    internal void Hold() => _isHeld = true;

    /// <summary>Reads what has changed since. Interrupts are off.</summary>
    internal void Release()
    {
        _isHeld = false;
        OnConfigurationChange();
    }
}

/// <summary>Is told the size of a disk.</summary>
public abstract class CapacityListener
{
    /// <summary>The size may have changed. Called in an interrupt; must not throw.</summary>
    /// <param name="sectors">The size in sectors.</param>
    public abstract void OnCapacity(ulong sectors);
}
