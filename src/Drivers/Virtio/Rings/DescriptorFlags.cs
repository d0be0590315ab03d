namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// The flags of a descriptor (virtio 1.4, 2.7.5, 2.8.1, 2.8.3, 2.8.6 and 2.8.7). The lower three are those of both
/// formats.
/// </summary>
internal static class DescriptorFlags
{
    /// <summary>The chain goes on; ignored in a used descriptor.</summary>
    internal const ushort Next = 1 << 0;

    /// <summary>The device writes the element. Never tested in a used descriptor: devices disagree about it.</summary>
    internal const ushort Write = 1 << 1;

    /// <summary>The element is a table with the chain in it.</summary>
    internal const ushort Indirect = 1 << 2;

    /// <summary>AVAIL.</summary>
    internal const ushort Available = 1 << 7;

    /// <summary>USED.</summary>
    internal const ushort Used = 1 << 15;
}
