namespace VirtioGuest.Devices.Rings;

/// <summary>What is written to a ring for one used buffer, or for several in order.</summary>
/// <param name="Id">The buffer's ID, or its head; of the last buffer where there are several.</param>
/// <param name="Length">How many bytes were written to that buffer.</param>
/// <param name="Slots">How far the ring advances: descriptors in a packed ring, buffers in a split one.</param>
/// <param name="IsWritten">Whether anything was written to that buffer.</param>
public readonly record struct UsedEntry(ushort Id, uint Length, int Slots, bool IsWritten);
