using System;
using System.Collections.Generic;
using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed unsafe class BootMemoryMapTests
{
    private BootMemory _memory = null!;

    [SetUp]
    public void SetUp() => _memory = new BootMemory();

    [TearDown]
    public void TearDown() => _memory.Dispose();

    private MemoryMap* Map => &_memory.Information->Memory;

    [Test]
    public void Ranges_come_out_sorted()
    {
        Map->Add(0x10_0000, 0x100_0000, 1);
        Map->Add(0, 0x9_FC00, 1);
        Map->Add(0xF_0000, 0x1_0000, 2);
        Assert.That(_memory.MapText(), Is.EqualTo("0-9fc00:1 f0000-100000:2 100000-1100000:1"));
    }

    [Test]
    public void Neighbours_of_one_kind_become_one_range()
    {
        Map->Add(0x1000, 0x1000, 1);
        Map->Add(0x3000, 0x1000, 1);
        Map->Add(0x2000, 0x1000, 1);
        Assert.That(_memory.MapText(), Is.EqualTo("1000-4000:1"));
    }

    [Test]
    public void Reserved_wins_over_ram_in_either_order()
    {
        Map->Add(0x1000, 0x8000, 1);
        Map->Add(0x3000, 0x1000, 2);
        Map->Add(0x20000, 0x1000, 2);
        Map->Add(0x1F000, 0x4000, 1);
        Assert.That(
            _memory.MapText(),
            Is.EqualTo("1000-3000:1 3000-4000:2 4000-9000:1 1f000-20000:1 20000-21000:2 21000-23000:1"));
    }

    [Test]
    public void Of_two_reserved_kinds_the_first_stays()
    {
        Map->Add(0x1000, 0x2000, 3);
        Map->Add(0, 0x10000, 2);
        Assert.That(_memory.MapText(), Is.EqualTo("0-1000:2 1000-3000:3 3000-10000:2"));
    }

    [Test]
    public void Empty_and_wrapping_ranges_do_no_harm()
    {
        Map->Add(0x1000, 0, 1);
        Map->Add(ulong.MaxValue - 0xFFF, ulong.MaxValue, 2);
        Assert.That(_memory.MapText(), Is.EqualTo("fffffffffffff000-ffffffffffffffff:2"));
    }

    [Test]
    public void Ram_is_counted()
    {
        Map->Add(0, 0x1000, 1);
        Map->Add(0x1_0000_0000, 0x2000, 1);
        Map->Add(0x2_0000_0000, 0x2000, 2);
        Assert.Multiple(() =>
        {
            Assert.That(Map->RamBytes, Is.EqualTo(0x3000));
            Assert.That(Map->RamEnd, Is.EqualTo(0x1_0000_2000));
        });
    }

    [Test]
    public void A_full_map_drops_the_smallest_ram_and_keeps_everything_reserved()
    {
        for (uint index = 0; index < MemoryMap.Capacity; index++)
        {
            Map->Add(index * 0x10000, index == 7 ? 0x1000u : 0x2000u, index % 2 == 0 ? 2u : 1u);
        }

        ulong before = Map->RamBytes;
        Map->Add(0x8000, 0x800, 1);
        Assert.That(Map->DroppedRam, Is.EqualTo(0x800), "a new smallest range is dropped itself");

        Map->Add(0x8000, 0x1000, 2);
        Assert.That(_memory.MapText(), Does.Contain("8000-9000:2").And.Not.Contain("70000-71000"));
        Assert.That(Map->RamBytes, Is.EqualTo(before - 0x1000));
        Assert.That(Map->DroppedRam, Is.EqualTo(0x1800));
    }

    [Test]
    public void A_map_full_of_reserved_ranges_still_takes_a_reserved_one()
    {
        for (uint index = 0; index < MemoryMap.Capacity; index++)
        {
            Map->Add(index * 0x10000, 0x1000, 2);
        }

        Map->Add(0x2_8000, 0x1000, 3);
        Assert.That(Map->Count, Is.EqualTo(MemoryMap.Capacity));
        Assert.That(_memory.MapText(), Does.Contain(" 20000-29000:2 ").Or.Contain(" 28000-31000:2 "));
    }

    [Test]
    public void Any_reports_give_the_map_that_a_byte_by_byte_reading_gives()
    {
        // Addresses small enough to keep a byte for each; room for all ranges, so nothing is dropped.
        Gen<(int Start, int Length, int Kind)> report =
            from start in Gen.Choose(0, 63)
            from length in Gen.Choose(0, 24)
            from kind in Gen.Choose(1, 3)
            select (start, length, kind);
        Prop.ForAll(report.ArrayOf().ToArbitrary(), Agrees).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Test]
    public void However_many_reports_come_nothing_reserved_is_lost_and_nothing_overlaps()
    {
        Gen<(int Start, int Length, int Kind)> report =
            from start in Gen.Choose(0, 4000)
            from length in Gen.Choose(1, 6)
            from kind in Gen.Choose(1, 2)
            select (start, length, kind);
        Prop.ForAll(report.ArrayOf(900).ToArbitrary(), KeepsReserved).Check(Config.QuickThrowOnFailure.WithMaxTest(60));
    }

    private bool Agrees((int Start, int Length, int Kind)[] reports)
    {
        int[] bytes = new int[128];
        *Map = default;
        foreach ((int start, int length, int kind) in reports)
        {
            Map->Add((ulong)start, (ulong)length, (uint)kind);
            for (int at = start; at < start + length; at++)
            {
                bytes[at] = bytes[at] <= 1 && kind != 1 ? kind : bytes[at] == 0 ? kind : bytes[at];
            }
        }

        List<(ulong Start, ulong End, uint Kind)> ranges = Ranges();
        bool merged = ranges.Zip(ranges.Skip(1)).All(pair =>
            pair.First.End < pair.Second.Start ||
            (pair.First.End == pair.Second.Start && pair.First.Kind != pair.Second.Kind));
        int[] found = new int[128];
        foreach ((ulong start, ulong end, uint kind) in ranges)
        {
            found.AsSpan((int)start, (int)(end - start)).Fill((int)kind);
        }

        return merged && found.SequenceEqual(bytes) && Map->DroppedRam == 0;
    }

    private bool KeepsReserved((int Start, int Length, int Kind)[] reports)
    {
        *Map = default;
        foreach ((int start, int length, int kind) in reports)
        {
            Map->Add((ulong)start, (ulong)length, (uint)kind);
        }

        List<(ulong Start, ulong End, uint Kind)> ranges = Ranges();
        bool isSorted = ranges.All(range => range.Start < range.End) &&
            ranges.Zip(ranges.Skip(1)).All(pair => pair.First.End <= pair.Second.Start);
        bool[] isRam = new bool[8192];
        foreach ((ulong start, ulong end, uint kind) in ranges.Where(range => range.Kind == 1))
        {
            isRam.AsSpan((int)start, (int)(end - start)).Fill(true);
        }

        return isSorted && ranges.Count <= MemoryMap.Capacity && reports.Where(report => report.Kind != 1).All(
            report => !isRam.AsSpan(report.Start, report.Length).Contains(true));
    }

    private List<(ulong Start, ulong End, uint Kind)> Ranges()
    {
        var ranges = new List<(ulong Start, ulong End, uint Kind)>();
        Abi.MemoryRange range;
        for (uint index = 0; Map->TryGet(index, &range); index++)
        {
            ranges.Add((range.Start, range.Start + range.Length, range.Kind));
        }

        return ranges;
    }
}
