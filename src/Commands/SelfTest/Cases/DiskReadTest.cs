using System;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.Data;

namespace VirtioGuest.Commands.SelfTest.Cases;

/// <summary>Reading a disk's ends in two ways gives the same.</summary>
public class DiskReadTest : SelfTestCase
{
    private const ulong Sectors = 600;

    /// <summary>Creates the test that reads at once and block by block, which mostly is sector by sector.</summary>
    public DiskReadTest(SectorDevice disk)
        : this(disk, "reads of many sectors and of one agree")
    {
    }

    /// <summary>Creates a test with another second way to read.</summary>
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
    /// <param name="destination">Room for them, which are whole blocks.</param>
    /// <returns>Null, or why it failed.</returns>
    protected virtual string? ReadAgain(ulong firstSector, byte[] destination)
    {
        var block = new byte[Disk.BlockSize];
        for (int offset = 0; offset < destination.Length; offset += block.Length)
        {
            string? failure = Disk.Read(firstSector, block);
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
        string? failure = Disk.Read(first, once) ?? ReadAgain(first, again);
        if (failure is not null)
        {
            return SelfTestResult.Failed(range + ": " + failure);
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
