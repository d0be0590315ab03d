namespace VirtioGuest.Devices.Rings;

/// <summary>One contiguous element of a buffer.</summary>
/// <param name="Address">Where the device finds it.</param>
/// <param name="Length">Its size in bytes, at least 1.</param>
/// <param name="IsWritable">Whether the device may write it, and then not read it.</param>
public readonly record struct ChainElement(ulong Address, uint Length, bool IsWritable);
