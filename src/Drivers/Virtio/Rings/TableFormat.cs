namespace VirtioGuest.Drivers.Virtio.Rings;

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
