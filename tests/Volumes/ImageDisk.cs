using System;
using System.Buffers.Binary;
using System.Text;
using VirtioGuest.Hal;

namespace VirtioGuest.Volumes.Tests;

/// <summary>A disk in memory that tables and superblocks are put on, and that fails where it is told to.</summary>
internal sealed class ImageDisk(int blocks, int blockSize = 512) : ReadableDisk
{
    public static readonly Failure Trouble = new("the disk is in trouble", isSentence: true);

    public byte[] Content { get; private set; } = new byte[blocks * blockSize];

    /// <summary>Reads of this block fail.</summary>
    public ulong? BadBlock { get; set; }

    public int Reads { get; private set; }

    public override ulong SectorCount => (ulong)Content.Length / SectorSize;

    public override uint BlockSize => (uint)blockSize;

    public byte[] Block => new byte[blockSize];

    public override Failure? Read(ulong firstSector, byte[] destination)
    {
        Reads++;
        ulong start = firstSector * SectorSize;
        if (destination.Length != blockSize || start % (ulong)blockSize != 0
            || start + (ulong)destination.Length > (ulong)Content.Length)
        {
            throw new InvalidOperationException($"sector {firstSector} is no block of the disk");
        }

        if (BadBlock == start / (ulong)blockSize)
        {
            return Trouble;
        }

        Content.AsSpan((int)start, blockSize).CopyTo(destination);
        return null;
    }

    public PartitionTable ReadTable() => PartitionTable.Read(this, Block);

    public VolumeContent Recognise() => Recognise(0, SectorCount);

    public VolumeContent Recognise(ulong first, ulong count)
    {
        VolumeContent content = VolumeContent.Recognise(this, first, count, Block, out Failure? failure);
        return failure is null ? content : throw new InvalidOperationException(failure.ToString());
    }

    public ImageDisk Put8(long offset, params ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Content.AsSpan((int)offset));
        return this;
    }

    public ImageDisk Put16(long offset, int value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(Content.AsSpan((int)offset), (ushort)value);
        return this;
    }

    public ImageDisk Put32(long offset, uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(Content.AsSpan((int)offset), value);
        return this;
    }

    public ImageDisk Put64(long offset, ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(Content.AsSpan((int)offset), value);
        return this;
    }

    public ImageDisk PutText(long offset, string text) => Put8(offset, Encoding.Latin1.GetBytes(text));

    /// <summary>16 bytes that read 00010203-0405-... as a UUID.</summary>
    public ImageDisk PutUuid(long offset)
    {
        for (int i = 0; i < 16; i++)
        {
            Content[offset + i] = (byte)i;
        }

        return this;
    }

    /// <summary>Puts the two bytes at the end of a boot record.</summary>
    public ImageDisk PutBootSignature(long block = 0) => Put16((block * blockSize) + 510, 0xAA55);

    /// <summary>Puts an entry, and the signature, into a boot record.</summary>
    public ImageDisk PutEntry(int entry, byte type, uint first, uint count, byte status = 0, long block = 0)
    {
        long place = (block * blockSize) + 446 + (entry * 16);
        PutBootSignature(block);
        return Put8(place, status).Put8(place + 4, type).Put32(place + 8, first).Put32(place + 12, count);
    }

    /// <summary>Puts a GUID partition table with its backup, as a partitioning program lays it out.</summary>
    public ImageDisk PutGuidTable(params GuidEntry[] entries) => PutGuidTable(128, 128, entries);

    public ImageDisk PutGuidTable(int count, int length, params GuidEntry[] entries)
    {
        int last = (Content.Length / blockSize) - 1;
        int blocksOfEntries = ((count * length) + blockSize - 1) / blockSize;
        PutEntry(0, 0xEE, 1, (uint)last);
        foreach (int table in (int[])[2, last - blocksOfEntries])
        {
            foreach (GuidEntry entry in entries)
            {
                long place = ((long)table * blockSize) + (entry.Slot * length);
                Put8(place, new Guid(entry.Type).ToByteArray()).PutUuid(place + 16);
                Put64(place + 32, entry.First).Put64(place + 40, entry.Last).Put64(place + 48, entry.Attributes);
                Put8(place + 56, Encoding.Unicode.GetBytes(entry.Name));
            }
        }

        PutHeader(1, last, 2, count, length);
        return PutHeader(last, 1, last - blocksOfEntries, count, length);
    }

    /// <summary>Puts a header and its checksums.</summary>
    public ImageDisk PutHeader(int at, int other, int table, int count, int length)
    {
        long header = (long)at * blockSize;
        var sum = new Crc32();
        sum.Append(Content.AsSpan(table * blockSize, count * length));
        PutText(header, "EFI PART").Put32(header + 8, 0x10000).Put32(header + 12, 92);
        Put64(header + 24, (ulong)at).Put64(header + 32, (ulong)other).Put64(header + 72, (ulong)table);
        Put32(header + 80, (uint)count).Put32(header + 84, (uint)length).Put32(header + 88, sum.Value);
        return SumHeader(at);
    }

    /// <summary>Makes the checksum of a header right.</summary>
    public ImageDisk SumHeader(int at)
    {
        long header = (long)at * blockSize;
        Put32(header + 16, 0);
        var sum = new Crc32();
        sum.Append(Content.AsSpan((int)header, 92));
        return Put32(header + 16, sum.Value);
    }

    /// <summary>Makes the disk larger.</summary>
    public ImageDisk Grow(int more)
    {
        byte[] content = Content;
        Array.Resize(ref content, content.Length + (more * blockSize));
        Content = content;
        return this;
    }
}

/// <summary>An entry of a GUID partition table, in blocks.</summary>
internal sealed record GuidEntry(int Slot, ulong First, ulong Last, string Name = "", ulong Attributes = 0)
{
    public const string Linux = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";

    public string Type { get; init; } = Linux;
}
