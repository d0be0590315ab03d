using System;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Commands.Data;
using VirtioGuest.Kernel.Tests.Fakes;

namespace VirtioGuest.Kernel.Tests;

/// <summary>The command that works a disk hard and compares, where the disk is wrong and where it is not.</summary>
[TestFixture]
internal sealed class DiskChurnTests
{
    private const string Head = "disk0: blocks of 512 bytes, 32 at a time, discard not offered, "
        + "write zeroes not offered\n";

    [TestCase(false)]
    [TestCase(true)]
    public void Churn_leaves_what_its_sequence_says(bool isSlow)
    {
        const int Operations = 200;
        using var model = new ModelDisk(600, isSlow: isSlow);
        byte[] expected = model.Content.ToArray();
        var sequence = new ChurnSequence(50, 500, 9, 512, hasDiscard: false, hasWriteZeroes: false);
        int flushes = 0;
        for (ulong number = 0; number < Operations; number++)
        {
            ChurnOperation operation = sequence.Operation(number);
            flushes += operation.Kind == ChurnKind.Flush ? 1 : 0;
            if (operation.Kind == ChurnKind.Write)
            {
                SectorPattern.Fill(
                    expected.AsSpan((int)operation.FirstSector * 512, (int)operation.Count * 512),
                    operation.FirstSector,
                    sequence.ContentSeed(number));
            }
        }

        string output = new ShellBench(model.Disk).Run($"blk 0 churn 50 500 9 {Operations}");

        Assert.That(output, Does.StartWith(Head).And.EndWith($"\nchurned {Operations} operations, verified"));
        Assert.That(Regex.Count(output, "(?m)^durable: [0-9]+$"), Is.EqualTo(flushes).And.GreaterThan(0));
        Assert.That(model.Flushes, Is.EqualTo(flushes));
        Assert.That(model.Content.SequenceEqual(expected), Is.True);
        Assert.That(model.LargestInFlight, Is.GreaterThan(isSlow ? 2 : 0));
    }

    [Test]
    public void Churn_one_at_a_time_has_done_all_below_a_flush()
    {
        using var model = new ModelDisk(600);
        var sequence = new ChurnSequence(0, 600, 3, 512, hasDiscard: false, hasWriteZeroes: false);
        string expected = Head.Replace("32 at", "1 at", StringComparison.Ordinal);
        for (ulong number = 0; number < 100; number++)
        {
            expected += sequence.Operation(number).Kind == ChurnKind.Flush ? $"durable: {number}\n" : "";
        }

        Assert.That(
            new ShellBench(model.Disk).Run("blk 0 churn 0 600 3 100 1"),
            Is.EqualTo(expected + "churned 100 operations, verified"));
    }

    [Test]
    public void Churn_names_the_operation_that_failed()
    {
        using var model = new ModelDisk(64) { BadSector = 40 };
        var bench = new ShellBench(model.Disk);

        Assert.That(
            bench.Run("blk 0 churn 40 1 1 50 1"),
            Does.Match(
                @"\nerror: disk0: operation \d+, a (read|write) of 1 sectors starting at 40: "
                + "the device reports an I/O error$"));
        Assert.That(bench.Run("blk 0 churn 0 40 1 50"), Does.EndWith("churned 50 operations, verified"));
    }

    [Test]
    public void Churn_notices_a_sector_that_is_not_what_was_written()
    {
        using var model = new ModelDisk(64) { SpoiltSector = 7 };
        Assert.That(
            new ShellBench(model.Disk).Run("blk 0 churn 0 64 1 500"),
            Does.Match(@"\nerror: disk0: .*sector 7 differs at byte 0 from what operation \d+ wrote$"));
    }

    [TestCase("blk 0 churn 0 65 1 1", "error: disk0: a sector lies beyond the end of the disk")]
    [TestCase("blk 0 churn 4 8 1 1", "error: disk0: the request is not for whole blocks of 4096 bytes")]
    [TestCase("blk 0 churn 8 9 1 1", "error: disk0: the request is not for whole blocks of 4096 bytes")]
    [TestCase("blk 0 churn 0 0 1 1", "usage: blk D churn FIRST COUNT SEED OPERATIONS [DEPTH] [reset]")]
    [TestCase("blk 0 churn 0 8 1", "usage: blk D churn FIRST COUNT SEED OPERATIONS [DEPTH] [reset]")]
    [TestCase("blk 0 churn 0 8 1 1 0", "usage: blk D churn FIRST COUNT SEED OPERATIONS [DEPTH] [reset]")]
    [TestCase("blk 0 churn 0 8 1 1 129", "usage: blk D churn FIRST COUNT SEED OPERATIONS [DEPTH] [reset]")]
    [TestCase("blk 0 churn 0 8 1 1 1 1", "usage: blk D churn FIRST COUNT SEED OPERATIONS [DEPTH] [reset]")]
    public void Churn_of_what_cannot_be_churned_is_refused(string command, string expected)
    {
        using var model = new ModelDisk(64, blockSize: 4096);
        Assert.That(new ShellBench(model.Disk).Run(command), Is.EqualTo(expected));
        Assert.That(model.Requests, Is.Zero);
    }

    [Test]
    public void Churn_of_a_read_only_disk_is_refused()
    {
        using var model = new ModelDisk(64, isReadOnly: true);
        Assert.That(
            new ShellBench(model.Disk).Run("blk 0 churn 0 64 1 1"),
            Is.EqualTo("error: disk0: the disk is read-only"));
    }
}
