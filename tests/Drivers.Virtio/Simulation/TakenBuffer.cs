namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>One element of a buffer, as the device sees it.</summary>
internal readonly record struct Element(ulong Address, uint Length, bool IsWritable);

/// <summary>A buffer that the device has taken, and how many descriptors of the ring it has.</summary>
internal sealed record TakenBuffer(ushort Id, Element[] Elements, int Descriptors);
