using System;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.Data;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;
using VirtioGuest.Volumes;

namespace VirtioGuest.Commands.SelfTest.Cases;

/// <summary>Reading both ends of a disk in two ways gives the same.</summary>
public class DiskReadTest : SelfTestCase
{
    private const ulong Sectors = 600;

    /// <summary>Compares one long read with reads block by block, usually sector by sector.</summary>
    public DiskReadTest(SectorDevice disk)
        : this(disk, "reads of many sectors and of one agree")
    {
    }

    /// <summary>Compares one long read with another way to read.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="claim">What is true of the two ways.</param>
    protected DiskReadTest(SectorDevice disk, string claim)
        : base(disk.Name + ": " + claim)
    {
        Disk = disk;
    }

    /// <summary>The disk.</summary>
    protected SectorDevice Disk { get; }

    /// <inheritdoc/>
    public sealed override SelfTestResult Run()
    {
        if (Disk.SectorCount == 0)
        {
            return SelfTestResult.Skipped("the disk has no sectors");
        }

        var blocks = new WholeBlocks(Disk);
        ulong count = blocks.CountOf(Sectors);
        if (count == 0)
        {
            return SelfTestResult.Skipped(WholeBlocks.NoneFit);
        }

        SelfTestResult result = Compare(0, count);
        return result.Outcome == SelfTestOutcome.Passed ? Compare(blocks.FirstOfLast(count), count) : result;
    }

    /// <summary>Reads sectors the second way.</summary>
    /// <param name="firstSector">The first.</param>
    /// <param name="destination">Room for them; they are whole blocks.</param>
    /// <returns>Null, or why it failed.</returns>
    protected virtual Failure? ReadAgain(ulong firstSector, byte[] destination)
    {
        var block = new byte[Disk.BlockSize];
        for (int offset = 0; offset < destination.Length; offset += block.Length)
        {
            Failure? failure = Disk.Read(firstSector, block);
            if (failure is not null)
            {
                return failure;
            }

            Array.Copy(block, 0, destination, offset, block.Length);
            firstSector += (uint)block.Length / SectorDevice.SectorSize;
        }

        return null;
    }

    private SelfTestResult Compare(ulong first, ulong count)
    {
        var once = new byte[(int)count * SectorDevice.SectorSize];
        var again = new byte[once.Length];
        string range = SectorRange.Describe(first, count);
        Failure? failure = Disk.Read(first, once) ?? ReadAgain(first, again);
        if (failure is not null)
        {
            return SelfTestResult.Failed(range + ": " + failure.Of("the device"));
        }

        return SelfTestResult.Expect(Checksum(once) == Checksum(again), range + " differ when they are read again");
    }

    private static uint Checksum(byte[] bytes)
    {
        var checksum = new Crc32();
        checksum.Append(bytes);
        return checksum.Value;
    }
}

/// <summary>A range that does not lie on the disk is refused.</summary>
public sealed class DiskBoundsTest : SelfTestCase
{
    private readonly SectorDevice _disk;

    public DiskBoundsTest(SectorDevice disk)
        : base(disk.Name + ": reads beyond the end are refused")
    {
        _disk = disk;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        var sector = new byte[SectorDevice.SectorSize];
        if (_disk.Read(_disk.SectorCount, sector) != SectorDevice.OutOfRange)
        {
            return SelfTestResult.Failed("the sector after the last was not refused");
        }

        return SelfTestResult.Expect(
            _disk.Read(ulong.MaxValue, sector) == SectorDevice.OutOfRange, "sector 2^64 - 1 was not refused");
    }
}

/// <summary>What is written is read back; the sectors are saved before and restored afterwards.</summary>
public sealed class DiskWriteTest : SelfTestCase
{
    private const ulong Sectors = 300;

    private readonly SectorDevice _disk;
    private readonly MonotonicClock _clock;

    /// <param name="disk">The disk.</param>
    /// <param name="clock">Makes every run write something else.</param>
    public DiskWriteTest(SectorDevice disk, MonotonicClock clock)
        : base(disk.Name + ": written sectors are read back, and restored")
    {
        _disk = disk;
        _clock = clock;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        if (_disk.IsReadOnly || _disk.SectorCount == 0)
        {
            return SelfTestResult.Skipped(_disk.IsReadOnly ? "the disk is read-only" : "the disk has no sectors");
        }

        var blocks = new WholeBlocks(_disk);
        ulong count = blocks.CountOf(Sectors);
        if (count == 0)
        {
            return SelfTestResult.Skipped(WholeBlocks.NoneFit);
        }

        ulong first = blocks.FirstOfLast(count);
        var saved = new byte[(int)count * SectorDevice.SectorSize];
        Failure? failure = _disk.Read(first, saved);
        if (failure is not null)
        {
            return SelfTestResult.Failed("the sectors could not be saved: " + failure.Of("the device"));
        }

        SelfTestResult result = WriteAndVerify(first, saved.Length);
        string range = SectorRange.Describe(first, count);
        failure = _disk.Write(first, saved);
        if (failure is not null)
        {
            return SelfTestResult.Failed(range + " could not be restored: " + failure.Of("the device"));
        }

        var restored = new byte[saved.Length];
        bool isRestored = _disk.Read(first, restored) is null && AreEqual(restored, saved);
        return isRestored ? result : SelfTestResult.Failed(range + " are not as they were");
    }

    private SelfTestResult WriteAndVerify(ulong first, int length)
    {
        ulong seed = _clock.Nanoseconds;
        var content = new byte[length];
        SectorPattern.Fill(content, first, seed);
        Failure? failure = _disk.Write(first, content);
        if (failure is not null)
        {
            return SelfTestResult.Failed("writing: " + failure.Of("the device"));
        }

        var found = new byte[length];
        failure = _disk.Read(first, found);
        if (failure is not null)
        {
            return SelfTestResult.Failed("reading back: " + failure.Of("the device"));
        }

        int difference = SectorPattern.FindDifference(found, first, seed);
        return difference < 0
            ? SelfTestResult.Passed
            : SelfTestResult.Failed(
                "sector " + DecimalText.Of(first + ((uint)difference / SectorPattern.SectorSize))
                + " was not read as it was written");
    }

    private static bool AreEqual(byte[] left, byte[] right)
    {
        for (int index = 0; index < left.Length; index++)
        {
            if (left[index] != right[index])
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>A flush is answered.</summary>
public sealed class DiskFlushTest : SelfTestCase
{
    private readonly SectorDevice _disk;

    public DiskFlushTest(SectorDevice disk)
        : base(disk.Name + ": a flush is answered")
    {
        _disk = disk;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        Failure? failure = _disk.Flush();
        return failure is null ? SelfTestResult.Passed : SelfTestResult.Failed(failure.Of("the device"));
    }
}

/// <summary>
/// Ranges of whole blocks of a disk. Where blocks are larger than sectors, a device may fail any other range, which is
/// not the guest's fault.
/// </summary>
internal sealed class WholeBlocks
{
    internal const string NoneFit = "the disk has no whole block of a size that fits into memory";

    /// <summary>The largest block that is read at once, in sectors: 4 MiB.</summary>
    private const ulong LargestBlock = 8192;

    private readonly ulong _block;
    private readonly ulong _end;

    internal WholeBlocks(SectorDevice disk)
    {
        _block = disk.BlockSize / SectorDevice.SectorSize;
        _end = disk.SectorCount - (disk.SectorCount % _block);
    }

    /// <summary>About as many sectors as asked for, in whole blocks; 0 where the disk has none that fits.</summary>
    internal ulong CountOf(ulong sectors)
    {
        if (_block > LargestBlock)
        {
            return 0;
        }

        return Math.Min(Math.Max(sectors - (sectors % _block), _block), _end);
    }

    /// <summary>Where a range at the end of the disk begins, for a count from <see cref="CountOf"/>.</summary>
    internal ulong FirstOfLast(ulong count) => _end - count;
}
