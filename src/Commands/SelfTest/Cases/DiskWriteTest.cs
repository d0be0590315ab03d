using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.Data;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.SelfTest.Cases;

/// <summary>What is written is read back; the sectors are saved before and restored afterwards.</summary>
public sealed class DiskWriteTest : SelfTestCase
{
    private const ulong Sectors = 300;

    private readonly SectorDevice _disk;
    private readonly MonotonicClock _clock;

    /// <summary>Creates the test.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="clock">What makes every run write something else.</param>
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
        string? failure = _disk.Read(first, saved);
        if (failure is not null)
        {
            return SelfTestResult.Failed("the sectors could not be saved: " + failure);
        }

        SelfTestResult result = WriteAndVerify(first, saved.Length);
        string range = SectorRange.Describe(first, count);
        failure = _disk.Write(first, saved);
        if (failure is not null)
        {
            return SelfTestResult.Failed(range + " could not be restored: " + failure);
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
        string? failure = _disk.Write(first, content);
        if (failure is not null)
        {
            return SelfTestResult.Failed("writing: " + failure);
        }

        var found = new byte[length];
        failure = _disk.Read(first, found);
        if (failure is not null)
        {
            return SelfTestResult.Failed("reading back: " + failure);
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
