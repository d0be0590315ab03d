using System;
using NUnit.Framework;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.Data;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Volumes;

namespace VirtioGuest.Commands.Tests;

/// <summary>Commands on a disk, over the ranges of <see cref="SectorDevice"/> itself.</summary>
[TestFixture]
internal sealed class BlockCommandTests
{
    private const string Failure = "error: disk0: " + FakeSectorDevice.Trouble;

    [Test]
    public void Disks_shows_size_and_state()
    {
        var disk = new FakeSectorDevice(8) { RefusesWrites = true };
        var bench = new CommandBench(disk);
        Assert.That(bench.Run("disks"), Is.EqualTo("disk0: 8 sectors (4 KiB), read-only, writeback"));
        disk.IsOutOfUse = true;
        Assert.That(bench.Run("disks"), Is.EqualTo("disk0: 8 sectors (4 KiB), read-only, writeback, out of use"));
    }

    [Test]
    public void Disks_shows_what_a_disk_tells_of_itself()
    {
        var disk = new FakeSectorDevice(16)
        {
            Block = 4096,
            Queues = 4,
            IsWritethrough = true,
            Id = "coursework",
            Lifetime = "life used: 10%",
        };
        var bench = new CommandBench(disk);
        Assert.That(bench.Run("disks"), Is.EqualTo(
            "disk0: 16 sectors (8 KiB), blocks of 4096 bytes, writethrough, 4 queues, serial \"coursework\", "
            + "life used: 10%"));
        disk.Id = "";
        disk.Queues = 1;
        disk.IsOutOfUse = true;
        Assert.That(bench.Run("disks"), Is.EqualTo(
            "disk0: 16 sectors (8 KiB), blocks of 4096 bytes, writethrough, 1 queue, out of use"));
    }

    [Test]
    public void Read_shows_sectors_by_their_offset_on_the_disk()
    {
        var disk = new FakeSectorDevice(400);
        disk.Content[512] = (byte)'A';
        disk.Content[(300 * 512) + 511] = 0xFF;
        var bench = new CommandBench(disk);

        string[] lines = bench.Run("blk 0 read 1 300").Split('\n');

        Assert.That(lines, Has.Length.EqualTo((300 * 32) + 1));
        Assert.That(
            lines[0], Is.EqualTo("00000200  41 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |A...............|"));
        Assert.That(
            lines[^2], Is.EqualTo("000259f0  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 ff  |................|"));
        Assert.That(lines[^1], Is.EqualTo("00025a00"));
    }

    [Test]
    public void Read_that_fails_shows_what_it_read_and_no_offset_at_its_end()
    {
        var bench = new CommandBench(new FakeSectorDevice(400) { UnreadableSector = 200 });
        string[] lines = bench.Run("blk 0 read 0 400").Split('\n');
        Assert.That(lines, Has.Length.EqualTo((128 * 32) + 1));
        Assert.That(lines[^2], Does.StartWith("0000fff0  "));
        Assert.That(lines[^1], Is.EqualTo(Failure));
    }

    [TestCase(0, 0)]
    [TestCase(1, 1)]
    [TestCase(128, 1)]
    [TestCase(129, 2)]
    [TestCase(300, 3)]
    public void Checksum_takes_a_range_in_order_and_in_parts(int count, int reads)
    {
        var disk = new FakeSectorDevice(400);
        new Random(7).NextBytes(disk.Content);
        var checksum = new Crc32();
        checksum.Append(disk.Content.AsSpan(3 * 512, count * 512));
        var bench = new CommandBench(disk);

        Assert.That(bench.Run($"blk 0 checksum 3 {count}"), Is.EqualTo(checksum.Value.ToString("x8")));
        Assert.That(disk.Reads, Is.EqualTo(reads));
        Assert.That(disk.LongestTransfer, Is.LessThanOrEqualTo(64 * 1024));
    }

    [TestCase(1)]
    [TestCase(41)]
    [TestCase(128)]
    [TestCase(300)]
    public void Fill_writes_the_pattern_and_nothing_else(int count)
    {
        var disk = new FakeSectorDevice(320);
        var bench = new CommandBench(disk);

        Assert.That(bench.Run($"blk 0 fill 5 {count} 77"), Is.EqualTo($"filled {count} sectors"));

        byte[] expected = new byte[count * 512];
        SectorPattern.Fill(expected, 5, 77);
        Assert.That(disk.Content.AsSpan(5 * 512, expected.Length).SequenceEqual(expected), Is.True);
        Assert.That(disk.Content.AsSpan(0, 5 * 512).ContainsAnyExcept((byte)0), Is.False);
        Assert.That(disk.Content.AsSpan((5 + count) * 512).ContainsAnyExcept((byte)0), Is.False);
        Assert.That(bench.Run($"blk 0 verify 5 {count} 77"), Is.EqualTo($"verified {count} sectors"));
        Assert.That(bench.Context.HasFailed, Is.False);
    }

    [TestCase(0)]
    [TestCase(127)]
    [TestCase(128)]
    [TestCase(299)]
    public void Verify_names_the_first_byte_that_differs(int sector)
    {
        var disk = new FakeSectorDevice(300);
        var bench = new CommandBench(disk);
        bench.Run("blk 0 fill 0 300 1");
        byte expected = disk.Content[(sector * 512) + 300];
        disk.Content[(sector * 512) + 300] ^= 0xFF;
        disk.Content[^1] ^= 0xFF;

        Assert.That(
            bench.Run("blk 0 verify 0 300 1"),
            Is.EqualTo(
                $"error: sector {sector} differs at byte 300: expected 0x{expected:x2}, found 0x{(byte)~expected:x2}"));
        Assert.That(disk.Reads, Is.EqualTo((sector / 128) + 1), "what comes after the difference is not read");
    }

    [TestCase("checksum", "")]
    [TestCase("verify", " 1")]
    public void A_disk_that_fails_in_the_middle_of_a_range_ends_it(string verb, string seed)
    {
        var disk = new FakeSectorDevice(400);
        var bench = new CommandBench(disk);
        bench.Run("blk 0 fill 0 400 1");
        disk.UnreadableSector = 200;

        Assert.That(bench.Run($"blk 0 {verb} 0 400{seed}"), Is.EqualTo(Failure));
        Assert.That(disk.Reads, Is.EqualTo(2));
        Assert.That(bench.Context.HasFailed, Is.True);
        Assert.That(bench.Run($"blk 0 {verb} 201 199{seed}"), Does.Not.StartWith("error"));
    }

    [Test]
    public void Fill_ends_where_the_disk_fails()
    {
        var disk = new FakeSectorDevice(400) { UnwritableSector = 200 };
        Assert.That(new CommandBench(disk).Run("blk 0 fill 0 400 1"), Is.EqualTo(Failure));
        Assert.That(disk.Writes, Is.EqualTo(2));
        Assert.That(disk.Content.AsSpan(0, 128 * 512).ContainsAnyExcept((byte)0), Is.True);
        Assert.That(disk.Content.AsSpan(128 * 512).ContainsAnyExcept((byte)0), Is.False);
    }

    [Test]
    public void Fill_of_a_read_only_disk_is_refused() =>
        Assert.That(
            new CommandBench(new FakeSectorDevice(8) { RefusesWrites = true }).Run("blk 0 fill 0 1 1"),
            Is.EqualTo("error: disk0: the disk is read-only"));

    [Test]
    public void Flush_reaches_the_disk()
    {
        var disk = new FakeSectorDevice(8);
        var bench = new CommandBench(disk);
        Assert.That(bench.Run("blk 0 flush"), Is.EqualTo("flushed"));
        disk.RefusesFlushes = true;
        Assert.That(bench.Run("blk 0 flush"), Is.EqualTo(Failure));
        Assert.That(disk.Flushes, Is.EqualTo(2));
    }

    [Test]
    public void A_range_of_no_sectors_is_read_and_written_without_the_disk()
    {
        var disk = new FakeSectorDevice(0);
        var bench = new CommandBench(disk);
        Assert.That(bench.Run("blk 0 read 0 0"), Is.EqualTo("00000000"));
        Assert.That(bench.Run("blk 0 fill 0 0 1"), Is.EqualTo("filled 0 sectors"));
        Assert.That(bench.Run("blk 0 verify 0 0 1"), Is.EqualTo("verified 0 sectors"));
        Assert.That(disk.Reads + disk.Writes, Is.Zero);
    }

    [Test]
    public void A_range_that_reaches_beyond_the_end_is_refused_before_the_first_transfer()
    {
        var disk = new FakeSectorDevice(8);
        var nobody = new NothingToRead();
        Assert.That(disk.ReadRange(7, 2, nobody), Is.EqualTo(SectorDevice.OutOfRange));
        Assert.That(disk.ReadRange(1, ulong.MaxValue, nobody), Is.EqualTo(SectorDevice.OutOfRange));
        Assert.That(disk.WriteRange(7, 2, new NothingToWrite()), Is.EqualTo(SectorDevice.OutOfRange));
        Assert.That(disk.Reads + disk.Writes, Is.Zero);
    }

    private sealed class NothingToRead : SectorVisitor
    {
        public override bool Visit(ulong sector, ReadOnlySpan<byte> data) =>
            throw new InvalidOperationException("something was read");
    }

    private sealed class NothingToWrite : SectorSource
    {
        public override bool Fill(ulong sector, Span<byte> data) =>
            throw new InvalidOperationException("something is to be written");
    }
}
