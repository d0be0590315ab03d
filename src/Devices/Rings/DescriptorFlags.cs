namespace VirtioGuest.Devices.Rings;

/// <summary>The flags of descriptors (virtio 1.4, 2.7.5 and 2.8.1).</summary>
internal static class DescriptorFlags
{
    public const ushort Next = 1 << 0;
    public const ushort Write = 1 << 1;
    public const ushort Indirect = 1 << 2;

    /// <summary>Packed only.</summary>
    public const ushort Available = 1 << 7;

    /// <summary>Packed only.</summary>
    public const ushort Used = 1 << 15;
}
