namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// The second half of a descriptor, whose first half is the address: everything else of it in one word, for
/// descriptors that the device cannot reach yet.
/// </summary>
internal static class DescriptorWord
{
    /// <summary>Where the word lies in a descriptor, in bytes.</summary>
    internal const uint Offset = 8;

    private const int SecondField = 32;
    private const int ThirdField = 48;

    /// <summary><c>{ le32 len; le16 id; le16 flags }</c> (virtio 1.4, 2.8.13).</summary>
    internal static ulong Packed(uint length, ushort id, ushort flags) =>
        length | ((ulong)id << SecondField) | ((ulong)flags << ThirdField);

    /// <summary><c>{ le32 len; le16 flags; le16 next }</c> (virtio 1.4, 2.7.5).</summary>
    internal static ulong Split(uint length, ushort flags, ushort next) =>
        length | ((ulong)flags << SecondField) | ((ulong)next << ThirdField);
}
