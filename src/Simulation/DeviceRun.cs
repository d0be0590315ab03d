namespace VirtioGuest.Simulation;

/// <summary>A part of a region that is contiguous for devices.</summary>
/// <param name="DeviceAddress">Where devices see it.</param>
/// <param name="Offset">Where it starts in the region.</param>
/// <param name="Length">Its size in bytes.</param>
internal readonly record struct DeviceRun(ulong DeviceAddress, uint Offset, uint Length);
