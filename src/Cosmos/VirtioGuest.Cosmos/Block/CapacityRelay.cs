using VirtioGuest.Drivers.Virtio;
using VirtioGuest.Drivers.Virtio.Block;

namespace VirtioGuest.Cosmos.Block;

/// <summary>Tells a disk's listener of its capacity, at start and whenever the device changes it.</summary>
internal sealed class CapacityRelay : DeviceEventSink
{
    /// <summary>The disk.</summary>
    internal VirtioBlock? Device { get; set; }

    /// <summary>Who is told, if anybody.</summary>
    internal CapacityListener? Listener { get; set; }

    /// <inheritdoc/>
    public override void OnUsedBuffers(ushort queueIndex)
    {
        // The call that waits for the request finds it.
    }

    /// <inheritdoc/>
    public override void OnConfigurationChange() => Listener?.OnCapacity(Device!.Capacity);
}
