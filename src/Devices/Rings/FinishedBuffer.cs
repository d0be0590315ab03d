namespace VirtioGuest.Devices.Rings;

/// <summary>A buffer that a device is done with.</summary>
/// <param name="Chain">The buffer.</param>
/// <param name="Written">How many bytes of its writable part were written, from the start.</param>
/// <param name="MayShorten">Whether the driver may be told of fewer, because it can tell the length otherwise.</param>
public readonly record struct FinishedBuffer(DeviceChain Chain, uint Written, bool MayShorten);
