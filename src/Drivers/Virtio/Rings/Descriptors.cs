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

/// <summary>How descriptors in an indirect table look (virtio 1.4, 2.7.5.3 and 2.8.7).</summary>
internal readonly struct TableFormat
{
    /// <summary>The size of a descriptor in bytes. Its first half is the address, in either format.</summary>
    internal const uint DescriptorSize = 16;

    private readonly bool _isPacked;

    /// <summary>The format of the tables of a packed or a split ring.</summary>
    internal TableFormat(bool isPacked)
    {
        _isPacked = isPacked;
    }

    /// <summary>The second half of a descriptor.</summary>
    /// <param name="length">The length of its segment.</param>
    /// <param name="isWritable">Whether the device writes the segment.</param>
    /// <param name="place">Its index in the table.</param>
    /// <param name="last">The index of the last one.</param>
    internal ulong WordOf(uint length, bool isWritable, uint place, uint last)
    {
        ushort flags = isWritable ? DescriptorFlags.Write : (ushort)0;
        if (_isPacked)
        {
            // WRITE is the only flag, ID is reserved, and order alone links descriptors.
            return DescriptorWord.Packed(length, 0, flags);
        }

        return place == last
            ? DescriptorWord.Split(length, flags, 0)
            : DescriptorWord.Split(length, (ushort)(flags | DescriptorFlags.Next), (ushort)(place + 1));
    }
}
