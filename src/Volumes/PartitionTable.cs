using System;
using System.Collections.Generic;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.Volumes;

/// <summary>
/// The partitions of a disk: those of a master boot record, logical ones included, or those of a GUID partition table
/// (UEFI 2.10, 5.2 and 5.3).
/// </summary>
/// <remarks>
/// Whatever is on the disk, reading it ends soon and gives only partitions within the disk; what is wrong is told in
/// words. The numbers of blocks in a table are in blocks of the disk, those given here are in sectors of 512 bytes.
/// </remarks>
public sealed class PartitionTable
{
    private const int BootSignatureOffset = 510;
    private const ushort BootSignature = 0xAA55;
    private const int FirstEntry = 446;
    private const int EntryLength = 16;
    private const int Entries = 4;

    /// <summary>How many records of logical partitions are followed, of all chains together.</summary>
    private const int MostRecords = 128;
    private const int MostNotes = 8;

    private readonly BlockWindow _window;
    private readonly List<Partition> _partitions = new();
    private readonly List<string> _notes = new();
    private int _nextLogical = Entries + 1;

    private PartitionTable(ReadableDisk disk, byte[] block)
    {
        _window = new BlockWindow(disk, 0, disk.SectorCount, block);
    }

    /// <summary>What kind of table it is.</summary>
    public PartitionTableKind Kind { get; private set; }

    /// <summary>The partitions in the order of the table, as far as it could be read.</summary>
    public List<Partition> Partitions => _partitions;

    /// <summary>What is wrong with the table, for people; empty where nothing is.</summary>
    public List<string> Notes => _notes;

    /// <summary>Whether the partitions come from the backup at the end of the disk.</summary>
    public bool IsBackup { get; private set; }

    /// <summary>Why the device kept something from being read; null where all could be read.</summary>
    public Failure? Failure { get; private set; }

    /// <summary>Reads the partition table of a disk.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="block">Room for one block of it, which is overwritten.</param>
    public static PartitionTable Read(ReadableDisk disk, byte[] block)
    {
        var table = new PartitionTable(disk, block);
        if (table._window.BlockCount > 1)
        {
            table.Failure = table.Read();
            table.FindOverlap();
        }

        return table;
    }

    /// <summary>Takes in a partition, if it lies on the disk.</summary>
    /// <param name="window">The whole disk.</param>
    /// <param name="partition">The partition, in blocks.</param>
    internal void Add(BlockWindow window, Partition partition)
    {
        ulong first = partition.FirstSector;
        ulong count = partition.SectorCount;
        if (first == 0)
        {
            Note(partition.Number, "begins where the table is");
        }
        else if (count == 0)
        {
            Note(partition.Number, "has no sectors");
        }
        else if (first >= window.BlockCount || count > window.BlockCount - first)
        {
            Note(partition.Number, "reaches beyond the disk");
        }
        else
        {
            partition.Scale((uint)window.Block.Length / ReadableDisk.SectorSize);
            _partitions.Add(partition);
        }
    }

    /// <summary>Tells what is wrong. What is one too many is not told.</summary>
    internal void Note(string words)
    {
        if (_notes.Count < MostNotes)
        {
            _notes.Add(_notes.Count == MostNotes - 1 ? "and more is wrong" : words);
        }
    }

    /// <summary>Tells what is wrong with a partition.</summary>
    internal void Note(int number, string words) => Note("partition " + DecimalText.Of((uint)number) + " " + words);

    private Failure? Read()
    {
        Failure? failure = _window.Load(0);
        byte[] block = _window.Block;
        if (failure is not null || Fields.Read16(block, BootSignatureOffset) != BootSignature)
        {
            return failure;
        }

        int used = 0;
        int invalid = 0;
        bool isProtective = false;
        for (int i = 0; i < Entries; i++)
        {
            int entry = FirstEntry + (i * EntryLength);
            used += block[entry + 4] != 0 ? 1 : 0;
            invalid += HasValidStatus(block, entry) ? 0 : 1;
            isProtective |= block[entry + 4] == PartitionTypes.Protective;
        }

        // A file system's boot sector ends with the same two bytes, and has code or a text in the place of the entries.
        if ((used == 0 || invalid != 0) && VolumeContent.IsBootSector(block))
        {
            return null;
        }

        if (!isProtective)
        {
            Kind = PartitionTableKind.MasterBootRecord;
            return ReadPrimaryEntries();
        }

        Kind = PartitionTableKind.Guid;
        if (used > 1)
        {
            Note("the master boot record lists partitions as well, which are not looked at");
        }

        failure = new GuidTable(this, _window).Read(out bool isBackup);
        IsBackup = isBackup;
        return failure;
    }

    private Failure? ReadPrimaryEntries()
    {
        // The block is needed for the records of logical partitions.
        byte[] entries = new byte[Entries * EntryLength];
        new ReadOnlySpan<byte>(_window.Block, FirstEntry, entries.Length).CopyTo(entries);
        for (int i = 0; i < Entries; i++)
        {
            int entry = i * EntryLength;
            byte type = entries[entry + 4];
            if (type != 0 && !HasValidStatus(entries, entry))
            {
                Note(i + 1, "has a status that there is not");
            }
            else if (type != 0 && !PartitionTypes.IsExtended(type))
            {
                Add(_window, FromEntry(i + 1, entries, entry, 0));
            }
        }

        var records = new List<ulong>();
        for (int i = 0; i < Entries; i++)
        {
            int entry = i * EntryLength;
            if (PartitionTypes.IsExtended(entries[entry + 4]) && HasValidStatus(entries, entry))
            {
                Failure? failure = ReadChain(Fields.Read32(entries, entry + 8), records);
                if (failure is not null)
                {
                    return failure;
                }
            }
        }

        return null;
    }

    /// <summary>Reads the logical partitions of an extended one: records like the first, each with a link.</summary>
    /// <param name="start">Its first block, which links are relative to.</param>
    /// <param name="records">The records that were read, of all extended partitions.</param>
    private Failure? ReadChain(ulong start, List<ulong> records)
    {
        ulong record = start;
        while (true)
        {
            if (record == 0 || record >= _window.BlockCount)
            {
                Note("the chain of logical partitions leads beyond the disk");
                return null;
            }

            if (IsAmong(records, record))
            {
                Note("the chain of logical partitions leads back to where it was");
                return null;
            }

            if (records.Count == MostRecords)
            {
                Note("the chain of logical partitions does not end");
                return null;
            }

            records.Add(record);
            Failure? failure = _window.Load(record);
            if (failure is not null)
            {
                return failure;
            }

            ulong link = ReadRecord(record);
            if (link == 0)
            {
                return null;
            }

            record = start + link;
        }
    }

    /// <summary>Reads the loaded record of a logical partition.</summary>
    /// <param name="record">Its block, which the partition's place is relative to.</param>
    /// <returns>Where the next record is, relative to the extended partition; 0 for none.</returns>
    private ulong ReadRecord(ulong record)
    {
        byte[] block = _window.Block;
        if (Fields.Read16(block, BootSignatureOffset) != BootSignature)
        {
            Note("the chain of logical partitions leads to no record");
            return 0;
        }

        ulong link = 0;
        bool isFound = false;
        for (int i = 0; i < Entries; i++)
        {
            int entry = FirstEntry + (i * EntryLength);
            byte type = block[entry + 4];
            if (PartitionTypes.IsExtended(type))
            {
                link = link == 0 ? Fields.Read32(block, entry + 8) : link;
            }
            else if (type != 0 && !isFound)
            {
                isFound = true;
                Add(_window, FromEntry(_nextLogical++, block, entry, record));
            }
        }

        return link;
    }

    private void FindOverlap()
    {
        for (int i = 1; i < _partitions.Count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if (_partitions[i].Overlaps(_partitions[j]))
                {
                    Note(_partitions[i].Number, "overlaps partition " + DecimalText.Of((uint)_partitions[j].Number));
                    return;
                }
            }
        }
    }

    private static bool IsAmong(List<ulong> records, ulong record)
    {
        for (int i = 0; i < records.Count; i++)
        {
            if (records[i] == record)
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasValidStatus(byte[] bytes, int entry) => (bytes[entry] & 0x7F) == 0;

    private static Partition FromEntry(int number, byte[] bytes, int entry, ulong origin) => new Partition(
        number,
        origin + Fields.Read32(bytes, entry + 8),
        Fields.Read32(bytes, entry + 12),
        PartitionTypes.Describe(bytes[entry + 4]),
        name: "",
        isBootable: (bytes[entry] & 0x80) != 0);
}

/// <summary>The kinds of partition tables.</summary>
public enum PartitionTableKind
{
    /// <summary>There is no table.</summary>
    None,

    /// <summary>A master boot record.</summary>
    MasterBootRecord,

    /// <summary>A GUID partition table.</summary>
    Guid,
}

/// <summary>A partition: where it lies on its disk, and what the table says of it.</summary>
public sealed class Partition
{
    /// <summary>Describes a partition.</summary>
    public Partition(
        int number, ulong firstSector, ulong sectorCount, string type = "", string name = "", bool isBootable = false)
    {
        Number = number;
        FirstSector = firstSector;
        SectorCount = sectorCount;
        Type = type;
        Name = name;
        IsBootable = isBootable;
    }

    /// <summary>Its number from 1; logical partitions of a master boot record begin with 5.</summary>
    public int Number { get; }

    /// <summary>Its first sector.</summary>
    public ulong FirstSector { get; private set; }

    /// <summary>How many sectors it has, at least 1.</summary>
    public ulong SectorCount { get; private set; }

    /// <summary>What it is for, by its type in the table.</summary>
    public string Type { get; }

    /// <summary>What the table calls it, in printable ASCII; empty where it has no name.</summary>
    public string Name { get; }

    /// <summary>Whether it is marked as the one that a BIOS starts from.</summary>
    public bool IsBootable { get; }

    /// <summary>Turns blocks into sectors.</summary>
    internal void Scale(uint sectorsPerBlock)
    {
        FirstSector *= sectorsPerBlock;
        SectorCount *= sectorsPerBlock;
    }

    internal bool Overlaps(Partition other) =>
        FirstSector < other.FirstSector + other.SectorCount && other.FirstSector < FirstSector + SectorCount;
}
