using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Commands.Data;

namespace VirtioGuest.Commands.Tests;

[TestFixture]
internal sealed class ChurnSequenceTests
{
    private const int Operations = 20_000;

    [TestCase(0UL, 1UL, 512u)]
    [TestCase(5UL, 3UL, 512u)]
    [TestCase(100UL, 16384UL, 512u)]
    [TestCase(64UL, 16384UL, 4096u)]
    [TestCase(4096UL, 8192UL, 2097152u)]
    public void Operations_are_whole_blocks_of_the_range(ulong first, ulong count, uint blockSize)
    {
        uint unit = blockSize / SectorPattern.SectorSize;
        var sequence = new ChurnSequence(first, count, seed: 7, blockSize, hasDiscard: true, hasWriteZeroes: true);
        var kinds = new HashSet<ChurnKind>();
        bool reachesFirst = false;
        bool reachesLast = false;
        uint largest = 0;
        for (ulong number = 0; number < Operations; number++)
        {
            ChurnOperation operation = sequence.Operation(number);
            kinds.Add(operation.Kind);
            if (operation.Kind == ChurnKind.Flush)
            {
                Assert.That((operation.FirstSector, operation.Count), Is.EqualTo((0UL, 0u)));
                continue;
            }

            largest = Math.Max(largest, operation.Count);
            reachesFirst |= operation.FirstSector == first;
            reachesLast |= operation.FirstSector + operation.Count == first + count;
            bool isInRange = operation.Count != 0 && operation.FirstSector >= first
                && operation.FirstSector + operation.Count <= first + count;
            Assert.That(isInRange, Is.True, number.ToString());
            Assert.That((operation.FirstSector | operation.Count) % unit, Is.Zero);
        }

        Assert.That(kinds, Has.Count.EqualTo(5));
        Assert.That(reachesFirst && reachesLast, Is.True);
        Assert.That(
            largest, Is.EqualTo(Math.Min(count, Math.Max(ChurnSequence.MostSectors, unit))).Within(25).Percent);
    }

    [Test]
    public void What_the_disk_does_not_have_is_written_and_all_else_stays()
    {
        var full = new ChurnSequence(0, 4096, 1, 512, hasDiscard: true, hasWriteZeroes: true);
        var bare = new ChurnSequence(0, 4096, 1, 512, hasDiscard: false, hasWriteZeroes: false);
        for (ulong number = 0; number < Operations; number++)
        {
            ChurnOperation expected = full.Operation(number);
            ChurnOperation operation = bare.Operation(number);
            ChurnKind kind = expected.Kind is ChurnKind.Discard or ChurnKind.WriteZeroes
                ? ChurnKind.Write
                : expected.Kind;
            Assert.That(
                (operation.Kind, operation.FirstSector, operation.Count),
                Is.EqualTo((kind, expected.FirstSector, expected.Count)));
        }
    }

    [Test]
    public void Another_seed_is_another_sequence_with_other_content()
    {
        var one = new ChurnSequence(0, 4096, 1, 512, hasDiscard: true, hasWriteZeroes: true);
        var other = new ChurnSequence(0, 4096, 2, 512, hasDiscard: true, hasWriteZeroes: true);
        var seeds = new HashSet<ulong>();
        int same = 0;
        for (ulong number = 0; number < Operations; number++)
        {
            same += one.Operation(number).FirstSector == other.Operation(number).FirstSector ? 1 : 0;
            seeds.Add(one.ContentSeed(number));
            seeds.Add(other.ContentSeed(number));
        }

        Assert.That(same, Is.LessThan(Operations / 50));
        Assert.That(seeds, Has.Count.EqualTo(2 * Operations));
    }

    [TestCase(ChurnKind.Write, 10UL, 5u, ChurnKind.Read, 14UL, 1u, true)]
    [TestCase(ChurnKind.Write, 10UL, 5u, ChurnKind.Read, 15UL, 1u, false)]
    [TestCase(ChurnKind.Write, 10UL, 5u, ChurnKind.Write, 9UL, 1u, false)]
    [TestCase(ChurnKind.Discard, 10UL, 5u, ChurnKind.WriteZeroes, 9UL, 2u, true)]
    [TestCase(ChurnKind.Read, 10UL, 5u, ChurnKind.Read, 10UL, 5u, false)]
    [TestCase(ChurnKind.Flush, 0UL, 0u, ChurnKind.Flush, 0UL, 0u, true)]
    [TestCase(ChurnKind.Flush, 0UL, 0u, ChurnKind.Write, 0UL, 9u, false)]
    public void What_shares_a_sector_conflicts_unless_both_read(
        ChurnKind kind, ulong first, uint count, ChurnKind otherKind, ulong otherFirst, uint otherCount, bool expected)
    {
        var one = new ChurnOperation(kind, first, count);
        var other = new ChurnOperation(otherKind, otherFirst, otherCount);
        Assert.That(one.ConflictsWith(other), Is.EqualTo(expected));
        Assert.That(other.ConflictsWith(one), Is.EqualTo(expected));
    }
}
