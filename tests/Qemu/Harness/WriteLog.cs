using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>
/// What reached a disk, in its order, as QEMU's <c>blklogwrites</c> keeps it (the format of Linux' dm-log-writes).
/// </summary>
public sealed class WriteLog
{
    private const ulong Magic = 0x6A736677736872;
    private const ulong FlushFlag = 1;
    private const ulong DiscardFlag = 4;

    private readonly List<Entry> _entries = [];

    /// <summary>Reads a log.</summary>
    public WriteLog(string path)
    {
        ReadOnlySpan<byte> log = File.ReadAllBytes(path);
        ulong count = Word(log, 16);
        int sectorSize = (int)BinaryPrimitives.ReadUInt32LittleEndian(log[24..]);
        if (Word(log, 0) != Magic || sectorSize != DiskImage.SectorSize)
        {
            throw new InvalidDataException($"{path} is no log of sectors of 512 bytes.");
        }

        int position = sectorSize;
        for (ulong number = 0; number < count; number++)
        {
            ulong sector = Word(log, position);
            int length = (int)Word(log, position + 8) * sectorSize;
            ulong flags = Word(log, position + 16);
            position += sectorSize;
            bool isDiscard = (flags & DiscardFlag) != 0;
            byte[] data = isDiscard ? [] : log.Slice(position, length).ToArray();
            position += data.Length;
            _entries.Add(new Entry(sector, data, (flags & FlushFlag) != 0));
        }
    }

    /// <summary>How many flushes there were.</summary>
    public int Flushes => _entries.FindAll(entry => entry.IsFlush).Count;

    /// <summary>What a power failure leaves on a disk with a volatile cache.</summary>
    /// <param name="before">The disk at the start.</param>
    /// <param name="flushes">How many flushes were completed; all that came before the last of them is there.</param>
    /// <param name="later">Which of the later writes are there as well.</param>
    public byte[] Replay(byte[] before, int flushes, Func<bool> later)
    {
        byte[] disk = [.. before];
        foreach (Entry entry in _entries)
        {
            if (flushes > 0 || later())
            {
                entry.Data.CopyTo(disk, (long)entry.Sector * DiskImage.SectorSize);
            }

            flushes -= entry.IsFlush ? 1 : 0;
        }

        return disk;
    }

    private static ulong Word(ReadOnlySpan<byte> log, int position) =>
        BinaryPrimitives.ReadUInt64LittleEndian(log[position..]);

    private sealed record Entry(ulong Sector, byte[] Data, bool IsFlush);
}
