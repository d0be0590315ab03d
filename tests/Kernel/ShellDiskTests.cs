using System;
using NUnit.Framework;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.Data;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Kernel.Shell;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.Volumes;

namespace VirtioGuest.Kernel.Tests;

/// <summary>Commands on a disk, with its requests in flight.</summary>
[TestFixture]
internal sealed class ShellDiskTests
{
    [Test]
    public void Disks_shows_sizes()
    {
        using var model = new ModelDisk(8, isReadOnly: true);
        var bench = new ShellBench(model.Disk);
        Assert.That(bench.Run("disks"), Is.EqualTo(
            "disk0: 8 sectors (4 KiB), read-only, writeback, 1 queue, serial \"virtioguest\""));
    }

    [Test]
    public void Disks_shows_a_disk_that_does_not_answer_and_asks_it_no_second_time()
    {
        using var model = new ModelDisk(8, isStuck: true);
        var bench = new ShellBench(model.Disk);
        for (int i = 0; i < 2; i++)
        {
            Assert.That(
                bench.Run("disks"), Is.EqualTo("disk0: 8 sectors (4 KiB), writeback, 1 queue, does not answer"));
        }

        Assert.That(model.Requests, Is.EqualTo(1));
        model.Disk.Remove();
        Assert.That(bench.Run("disks"), Does.EndWith("writeback, 1 queue, out of use"));
    }

    [TestCase("checksum 4 1")]
    [TestCase("checksum 0 7")]
    [TestCase("checksum 4 8")]
    public void A_request_for_parts_of_blocks_is_told_how_large_they_are(string what)
    {
        using var model = new ModelDisk(64, blockSize: 4096) { BadSector = 4 };
        var bench = new ShellBench(model.Disk);
        Assert.That(bench.Run("disks"), Does.StartWith("disk0: 64 sectors (32 KiB), blocks of 4096 bytes"));
        Assert.That(
            bench.Run("blk 0 " + what),
            Does.EndWith("the request is not for whole blocks of 4096 bytes"));
        Assert.That(bench.Run("blk 0 checksum 0 8"), Does.EndWith("the device reports an I/O error"));
    }

    [Test]
    public void Checksum_of_nothing_is_that_of_no_bytes()
    {
        using var model = new ModelDisk(0);
        Assert.That(new ShellBench(model.Disk).Run("blk 0 checksum 0 0"), Is.EqualTo("00000000"));
    }

    [TestCase(1)]
    [TestCase(8)]
    [TestCase(9)]
    [TestCase(100)]
    public void Checksum_streams_a_range_in_order(int count)
    {
        using var model = new ModelDisk(200, isSlow: true);
        Disk disk = model.Disk;
        new Random(7).NextBytes(model.Content);
        var checksum = new Crc32();
        checksum.Append(model.Content.Slice(3 * 512, count * 512));
        var bench = new ShellBench(disk);

        Assert.That(bench.Run($"blk 0 checksum 3 {count}"), Is.EqualTo(checksum.Value.ToString("x8")));
        Assert.That(model.Requests, Is.EqualTo((count + 7) / 8));
    }

    [Test]
    public void Fill_writes_the_pattern_and_nothing_else()
    {
        using var model = new ModelDisk(64, isSlow: true);
        Disk disk = model.Disk;
        var bench = new ShellBench(disk);

        Assert.That(bench.Run("blk 0 fill 5 0x29 77"), Is.EqualTo("filled 41 sectors"));

        byte[] expected = new byte[41 * 512];
        SectorPattern.Fill(expected, 5, 77);
        Assert.That(model.Content.Slice(5 * 512, expected.Length).SequenceEqual(expected), Is.True);
        Assert.That(model.Content.Slice(0, 5 * 512).ContainsAnyExcept((byte)0), Is.False);
        Assert.That(model.Content[(46 * 512)..].ContainsAnyExcept((byte)0), Is.False);
        Assert.That(bench.Run("blk 0 verify 5 41 77"), Is.EqualTo("verified 41 sectors"));
        Assert.That(bench.Context.HasFailed, Is.False);
    }

    [Test]
    public void Verify_names_the_first_byte_that_differs()
    {
        using var model = new ModelDisk(64);
        Disk disk = model.Disk;
        var bench = new ShellBench(disk);
        bench.Run("blk 0 fill 0 64 1");
        byte expected = model.Content[(20 * 512) + 300];
        model.Content[(20 * 512) + 300] ^= 0xFF;

        Assert.That(
            bench.Run("blk 0 verify 0 64 1"),
            Is.EqualTo(
                $"error: sector 20 differs at byte 300: expected 0x{expected:x2}, found 0x{(byte)~expected:x2}"));
    }

    [Test]
    public void Device_errors_reach_the_shell()
    {
        using var model = new ModelDisk(64) { BadSector = 40 };
        Disk disk = model.Disk;
        var bench = new ShellBench(disk);
        const string Expected = "error: disk0: the device reports an I/O error";

        Assert.That(bench.Run("blk 0 checksum 0 64"), Is.EqualTo(Expected));
        Assert.That(bench.Run("blk 0 verify 40 1 1"), Is.EqualTo(Expected));
        Assert.That(bench.Run("blk 0 fill 0 64 1"), Is.EqualTo(Expected));
        Assert.That(bench.Run("blk 0 read 40 1"), Is.EqualTo(Expected));
        Assert.That(bench.Run("blk 0 checksum 41 10"), Does.Match("^[0-9a-f]{8}$"));
    }

    [Test]
    public void Fill_of_a_read_only_disk_is_refused()
    {
        using var model = new ModelDisk(8, isReadOnly: true);
        Assert.That(
            new ShellBench(model.Disk).Run("blk 0 fill 0 1 1"), Is.EqualTo("error: disk0: the disk is read-only"));
    }

    [Test]
    public void Flush_reaches_the_disk()
    {
        using var model = new ModelDisk(8);
        Disk disk = model.Disk;
        Assert.That(new ShellBench(disk).Run("blk 0 flush"), Is.EqualTo("flushed"));
        Assert.That(model.Flushes, Is.EqualTo(1));
    }

    [Test]
    public void Ranges_are_moved_with_several_requests_in_flight()
    {
        using var model = new ModelDisk(4000, requests: 4, isSlow: true);
        Disk disk = model.Disk;
        var bench = new ShellBench(disk);

        Assert.That(bench.Run("blk 0 fill 0 4000 1"), Is.EqualTo("filled 4000 sectors"));
        Assert.That(model.LargestInFlight, Is.InRange(2, 4));
        Assert.That(bench.Run("blk 0 verify 0 4000 1"), Is.EqualTo("verified 4000 sectors"));
        Assert.That(model.Requests, Is.EqualTo(1000));
    }

    [Test]
    public void Every_request_is_back_when_a_visitor_has_seen_enough_or_throws()
    {
        using var model = new ModelDisk(400, requests: 3, isSlow: true);
        Disk disk = model.Disk;
        var shown = new ShellDisk(disk);
        for (int round = 0; round < 10; round++)
        {
            Assert.That(shown.ReadRange(0, 400, new OnePart(throws: false)), Is.Null);
            Assert.That(() => shown.ReadRange(0, 400, new OnePart(throws: true)), Throws.InvalidOperationException);
            Assert.That(() => shown.WriteRange(0, 400, new NoSource()), Throws.InvalidOperationException);
        }

        Assert.That(shown.ReadRange(0, 400, new OnePart(throws: false)), Is.Null);
        Assert.That(model.CountFree(), Is.EqualTo(3));
    }

    [Test]
    public void A_range_beyond_the_end_is_told_in_the_words_that_every_kernel_has()
    {
        using var model = new ModelDisk(8);
        var shown = new ShellDisk(model.Disk);
        Assert.That(shown.Read(8, new byte[512]), Is.EqualTo(SectorDevice.OutOfRange));
        Assert.That(shown.Write(ulong.MaxValue, new byte[512]), Is.EqualTo(SectorDevice.OutOfRange));
        Assert.That(shown.ReadRange(0, 9, new OnePart(throws: true)), Is.EqualTo(SectorDevice.OutOfRange));
        Assert.That(shown.WriteRange(8, 1, new NoSource()), Is.EqualTo(SectorDevice.OutOfRange));
    }

    [Test]
    public void A_disk_that_is_given_up_says_so()
    {
        using var model = new ModelDisk(400, limit: TimeSpan.FromMilliseconds(200), isStuck: true);
        Disk disk = model.Disk;
        var bench = new ShellBench(disk);
        Assert.That(
            bench.Run("blk 0 checksum 0 400"),
            Is.EqualTo("error: disk0: the device did not answer in time and was reset"));
        Assert.That(
            bench.Run("blk 0 fill 0 1 1"), Is.EqualTo("error: disk0: the device misbehaved and is out of use"));
        Assert.That(bench.Run("disks"), Does.EndWith(", out of use"));
    }

    private sealed class OnePart(bool throws) : SectorVisitor
    {
        public override bool Visit(ulong sector, ReadOnlySpan<byte> data) =>
            throws ? throw new InvalidOperationException("expected by the test") : false;
    }

    private sealed class NoSource : SectorSource
    {
        public override bool Fill(ulong sector, Span<byte> data) =>
            throw new InvalidOperationException("expected by the test");
    }
}
