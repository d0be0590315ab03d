using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Cosmos.Block;

/// <summary>Tells a disk's listener of its capacity, at start and whenever the device changes it.</summary>
/// <remarks>
/// A change comes in an interrupt, and the driver looks at it there, unless the interrupt came into the start of the
/// device; then the driver looks behind that. All else is done to the device with interrupts off.
/// </remarks>
internal sealed class CapacityRelay : DeviceEventSink
{
    private bool _isHeld;

    /// <summary>The disk.</summary>
    internal VirtioBlock? Device { get; set; }

    /// <summary>Who is told, if anybody.</summary>
    internal CapacityListener? Listener { get; set; }

    public override void OnUsedBuffers(ushort queueIndex)
    {
        // The call that waits for the request finds it.
    }

    public override void OnConfigurationChange()
    {
        if (!_isHeld)
        {
            Device!.ObserveChange();
            Listener?.OnCapacity(Device.Capacity);
        }
    }

    /// <summary>Leaves the device alone until <see cref="Release"/>.</summary>
    internal void Hold() => _isHeld = true;

    /// <summary>Looks at what came meanwhile. With interrupts off.</summary>
    internal void Release()
    {
        _isHeld = false;
        OnConfigurationChange();
    }
}

/// <summary>Who keeps a copy of a disk's size.</summary>
public abstract class CapacityListener
{
    /// <summary>The disk may have another size. Must not throw.</summary>
    /// <param name="sectors">Its size in sectors.</param>
    public abstract void OnCapacity(ulong sectors);
}
