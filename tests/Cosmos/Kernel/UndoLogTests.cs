using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Commands.Block;
using VirtioGuest.Cosmos.Kernel.Files;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>Writes that leave no trace.</summary>
public sealed class UndoLogTests
{
    [Test]
    public void Everything_written_is_read_back_and_then_undone()
    {
        MemoryDisk disk = NewDisk(out byte[] before);
        var log = new UndoLog(disk);
        byte[] found = new byte[1024];

        log.Write(10, Sectors(2, 1));
        log.Write(11, Sectors(3, 2));
        log.Write(11, Sectors(1, 3));
        log.Read(10, found);
        int count = log.Count;
        Failure? failure = log.Undo();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(found, Is.EqualTo((byte[])[.. Sectors(1, 1), .. Sectors(1, 3)]));
            Assert.That(count, Is.EqualTo(4));
            Assert.That(failure, Is.Null);
            Assert.That(disk.Content, Is.EqualTo(before));
            Assert.That(log.Count, Is.Zero);
        }
    }

    [Test]
    public void A_sector_that_cannot_be_read_is_not_overwritten()
    {
        MemoryDisk disk = NewDisk(out byte[] before);
        disk.UnreadableSector = 5;

        Failure? failure = new UndoLog(disk).Write(4, Sectors(2, 1));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(failure?.ToString(), Is.EqualTo("unreadable"));
            Assert.That(disk.Content, Is.EqualTo(before));
        }
    }

    [TestCase(64UL, 1)]
    [TestCase(63UL, 2)]
    [TestCase(ulong.MaxValue, 2)]
    public void A_range_beyond_the_disk_is_refused(ulong first, int sectors) =>
        Assert.That(
            new UndoLog(NewDisk(out _)).Write(first, Sectors(sectors, 1)), Is.EqualTo(SectorDevice.OutOfRange));

    [Test]
    public void An_undo_that_failed_continues_where_it_stopped()
    {
        MemoryDisk disk = NewDisk(out byte[] before);
        var log = new UndoLog(disk);
        log.Write(20, Sectors(4, 1));
        disk.WritesLeft = 1;

        Failure? first = log.Undo();
        disk.WritesLeft = int.MaxValue;
        Failure? second = log.Undo();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(first?.ToString(), Is.EqualTo("unwritable"));
            Assert.That(second, Is.Null);
            Assert.That(disk.Content, Is.EqualTo(before));
        }
    }

    private static MemoryDisk NewDisk(out byte[] content)
    {
        var disk = new MemoryDisk();
        new Random(1).NextBytes(disk.Content);
        content = [.. disk.Content];
        return disk;
    }

    private static byte[] Sectors(int count, byte value) => [.. Enumerable.Repeat(value, count * 512)];
}
