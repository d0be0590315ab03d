using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Rings.Packed;

namespace VirtioGuest.Benchmarks.Rings;

/// <summary>
/// The device's side of a ring, no more than it takes: it uses every buffer at once, in order, and wants no
/// notification.
/// </summary>
internal abstract class DeviceLoop
{
    /// <summary>Opens the device's side of a queue whose buffers all have one descriptor.</summary>
    public static DeviceLoop Open(Virtqueue queue) =>
        queue is PackedVirtqueue ? new PackedDeviceLoop(queue) : new SplitDeviceLoop(queue);

    /// <summary>Uses all that is available.</summary>
    public abstract void UseAll();
}
