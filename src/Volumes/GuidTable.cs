using System;
using System.Collections.Generic;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.Volumes;

/// <summary>A GUID partition table with its backup at the end of the disk (UEFI 2.10, 5.3).</summary>
internal sealed class GuidTable
{
    private const string Signature = "EFI PART";
    private const int HeaderLength = 92;
    private const int ChecksumOffset = 16;
    private const uint SmallestEntry = 128;
    private const uint LargestEntry = 4096;
    private const uint MostEntries = 1024;
    private const int NameLength = 36;
    private const uint SmallBlock = 512;
    private const uint LargeBlock = 4096;

    /// <summary>A partition that a BIOS may start from (UEFI 2.10, table 5.8).</summary>
    private const ulong LegacyBootable = 1 << 2;

    private readonly PartitionTable _table;
    private readonly BlockWindow _window;

    public GuidTable(PartitionTable table, BlockWindow window)
    {
        _table = table;
        _window = window;
    }

    /// <summary>Reads the table, or its backup where the table is of no use.</summary>
    /// <param name="isBackup">Whether it was the backup.</param>
    /// <returns>Null, or why neither could be read.</returns>
    public Failure? Read(out bool isBackup)
    {
        ulong last = _window.BlockCount - 1;
        isBackup = false;
        Failure? failure = ReadCopy(1, out string? damage, out ulong place);
        if (failure is null && damage is null)
        {
            CheckBackup(last);
            return null;
        }

        // A disk that has grown since has the backup where its end was, and only a sound primary header knows that.
        damage = "the primary " + (damage ?? "table cannot be read");
        Failure? second = ReadCopy(last, out string? trouble, out _);
        if ((second is not null || trouble is not null) && place > 1 && place < last)
        {
            second = ReadCopy(place, out trouble, out _);
        }

        isBackup = second is null && trouble is null;
        if (isBackup)
        {
            _table.Note(damage + ", the backup is used");
            return null;
        }

        _table.Note(damage);
        _table.Note("the backup " + (trouble ?? "table cannot be read"));
        failure ??= second;
        return failure is null ? FindOtherBlockSize() : failure;
    }

    /// <summary>Tells of a table that was made where the disk had blocks of another size, as images can.</summary>
    private Failure? FindOtherBlockSize()
    {
        bool isSmall = _window.Block.Length == SmallBlock;
        if (isSmall && _window.BlockCount <= LargeBlock / SmallBlock)
        {
            return null;
        }

        Failure? failure = _window.Load(isSmall ? LargeBlock / SmallBlock : 0);
        if (failure is null && Fields.Holds(_window.Block, isSmall ? 0 : (int)SmallBlock, Signature))
        {
            _table.Note(
                "there is a table for a disk with blocks of " + DecimalText.Of(isSmall ? LargeBlock : SmallBlock)
                + " bytes");
        }

        return failure;
    }

    private void CheckBackup(ulong place)
    {
        Failure? failure = _window.Load(place);
        string? damage = failure is null ? CheckHeader(place) : "header cannot be read";
        if (damage is not null)
        {
            _table.Note("the backup " + damage);
        }
    }

    /// <summary>Reads a copy of the table: a header and entries.</summary>
    /// <param name="place">The block of the header.</param>
    /// <param name="damage">Why it is of no use; null where it is.</param>
    /// <param name="other">The block of the other copy's header, by a sound header; else 0.</param>
    /// <returns>Null, or why it could not be read.</returns>
    private Failure? ReadCopy(ulong place, out string? damage, out ulong other)
    {
        damage = null;
        other = 0;
        Failure? failure = _window.Load(place);
        if (failure is not null)
        {
            return failure;
        }

        damage = CheckHeader(place);
        if (damage is not null)
        {
            return null;
        }

        byte[] header = _window.Block;
        other = Fields.Read64(header, 32);
        ulong first = Fields.Read64(header, 72);
        uint count = Fields.Read32(header, 80);
        uint length = Fields.Read32(header, 84);
        uint checksum = Fields.Read32(header, 88);
        bool makesSense = length >= SmallestEntry && length <= LargestEntry && Fields.IsPowerOfTwo(length)
            && count <= MostEntries;
        ulong blocks = makesSense ? ((count * length) + (uint)header.Length - 1) / (uint)header.Length : 0;
        if (!makesSense || first < 2 || first >= _window.BlockCount || blocks > _window.BlockCount - first)
        {
            damage = "header makes no sense";
            return null;
        }

        var found = new List<Partition>();
        failure = ReadEntries(first, count, length, found, out uint actual);
        if (failure is not null)
        {
            return failure;
        }

        if (actual != checksum)
        {
            damage = "entries are damaged";
            return null;
        }

        for (int i = 0; i < found.Count; i++)
        {
            _table.Add(_window, found[i]);
        }

        return null;
    }

    /// <summary>Looks at the loaded header.</summary>
    /// <param name="place">The block that it is in.</param>
    /// <returns>What is wrong with it, or null.</returns>
    private string? CheckHeader(ulong place)
    {
        byte[] header = _window.Block;
        if (!Fields.Holds(header, 0, Signature))
        {
            return "header is missing";
        }

        uint length = Fields.Read32(header, 12);
        if (length < HeaderLength || length > (uint)header.Length)
        {
            return "header is damaged";
        }

        // The field of the checksum counts as zeroes.
        var sum = new Crc32();
        sum.Append(new ReadOnlySpan<byte>(header, 0, ChecksumOffset));
        sum.Append(new ReadOnlySpan<byte>(new byte[4]));
        sum.Append(new ReadOnlySpan<byte>(header, ChecksumOffset + 4, (int)length - ChecksumOffset - 4));
        bool isSound = sum.Value == Fields.Read32(header, ChecksumOffset) && Fields.Read64(header, 24) == place;
        return isSound ? null : "header is damaged";
    }

    /// <summary>Reads the entries once, so that those which are taken are those which were summed up.</summary>
    private Failure? ReadEntries(ulong first, uint count, uint length, List<Partition> found, out uint checksum)
    {
        byte[] block = _window.Block;
        var sum = new Crc32();
        uint total = count * length;
        uint next = 0;
        checksum = 0;
        for (uint start = 0; start < total; start += (uint)block.Length)
        {
            Failure? failure = _window.Load(first + (start / (uint)block.Length));
            if (failure is not null)
            {
                return failure;
            }

            uint part = Math.Min((uint)block.Length, total - start);
            sum.Append(new ReadOnlySpan<byte>(block, 0, (int)part));
            for (; next < start + part; next += length)
            {
                int entry = (int)(next - start);
                if ((Fields.Read64(block, entry) | Fields.Read64(block, entry + 8)) != 0)
                {
                    found.Add(FromEntry((int)(next / length) + 1, block, entry));
                }
            }
        }

        checksum = sum.Value;
        return null;
    }

    private static Partition FromEntry(int number, byte[] block, int entry)
    {
        ulong first = Fields.Read64(block, entry + 32);
        ulong last = Fields.Read64(block, entry + 40);

        // One that ends before it begins has no sectors, and so has one that wraps around.
        ulong count = first <= last ? last - first + 1 : 0;
        return new Partition(
            number,
            first,
            count,
            PartitionTypes.Describe(block, entry),
            Fields.WideText(block, entry + 56, NameLength),
            (Fields.Read64(block, entry + 48) & LegacyBootable) != 0);
    }
}
