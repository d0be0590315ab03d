namespace VirtioGuest.Devices.Rings;

/// <summary>Where the three parts of a virtqueue are, as device addresses (virtio 1.4, 2.6).</summary>
/// <param name="Descriptor">The Descriptor Area.</param>
/// <param name="Driver">The Driver Area: the available ring, or the Driver Event Suppression structure.</param>
/// <param name="Device">The Device Area: the used ring, or the Device Event Suppression structure.</param>
public readonly record struct QueueAreas(ulong Descriptor, ulong Driver, ulong Device);
