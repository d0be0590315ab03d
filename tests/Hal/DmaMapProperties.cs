using System;
using System.Collections.Generic;
using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Simulation;

namespace VirtioGuest.Hal.Tests;

/// <summary>Loads of random buffers under random limits, against a reference that walks over single bytes.</summary>
[TestFixture]
internal sealed unsafe class DmaMapProperties
{
    private const int PageSize = 4096;

    [Test]
    public void Segments_cover_exactly_the_buffer_in_order_within_limits() =>
        Prop.ForAll(Loads.ToArbitrary(), CheckLoad).Check(Properties.Many);

    [Test]
    public void A_map_that_was_refused_loads_the_next_buffer()
    {
        using SimulatedDma dma = new SimulatedDma();
        SimulatedBuffer buffer = dma.AllocateBuffer(2 * PageSize, 0x20000, 0x10000);
        DmaMap map = dma.CreateMap(new DmaMapLimits(1, uint.MaxValue), null);
        Assert.That(map.Load(buffer.Address, 2 * PageSize), Is.EqualTo(DmaStatus.TooManySegments));
        Assert.That(map.SegmentCount, Is.Zero);
        Assert.That(map.Load(buffer.Address + PageSize, PageSize), Is.EqualTo(DmaStatus.Ok));
        Assert.That(map.Segments[0].DeviceAddress, Is.EqualTo(0x10000));
    }

    [Test]
    public void A_hand_over_outside_of_the_buffer_and_a_second_load_are_bugs()
    {
        using SimulatedDma dma = new SimulatedDma();
        SimulatedBuffer buffer = dma.AllocateBuffer(100);
        DmaMap map = dma.CreateMap(4, uint.MaxValue);
        Assert.That(() => map.Sync(0, 1, DmaSync.PreRead), Throws.TypeOf<ArgumentOutOfRangeException>());
        map.Load(buffer.Address, 100);
        Assert.That(() => map.Sync(50, 51, DmaSync.PreRead), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => map.Load(buffer.Address, 100), Throws.InvalidOperationException);
        map.Unload();
        Assert.That(map.Load(buffer.Address, 100), Is.EqualTo(DmaStatus.Ok));
    }

    private static Gen<LoadCase> Loads =>
        from pages in Gen.Choose(1, 6)
        from places in Gen.Choose(0, 9).ArrayOf(pages)
        from start in Gen.OneOf(Gen.Constant(0), Gen.Choose(0, PageSize - 1))
        from length in Gen.Choose(1, pages * PageSize)
        from segments in Gen.Choose(1, 12)
        from alignmentBits in Gen.Choose(0, 9)
        from maximum in Gen.OneOf(Gen.Choose(1 << alignmentBits, 3 * PageSize), Gen.Constant(int.MaxValue))
        from boundaryBits in Gen.Choose(alignmentBits, 15)
        from hasBoundary in Gen.Elements(false, true)
        from highest in Gen.Elements(ulong.MaxValue, 0x4_0000UL + (5 * PageSize) - 1)
        select new LoadCase(
            places, start, Math.Min(length, (pages * PageSize) - start), segments, (uint)maximum,
            1u << alignmentBits, hasBoundary ? 1u << boundaryBits : 0, highest);

    private static void CheckLoad(LoadCase load)
    {
        using SimulatedDma dma = new SimulatedDma();
        // Ten places for pages, so that neighbours are frequent, and so is the same page twice.
        ulong[] pages = [.. load.Places.Select(place => 0x4_0000UL + ((ulong)place * PageSize))];
        SimulatedBuffer buffer = dma.AllocateBuffer((uint)(pages.Length * PageSize), pages);
        DmaMapLimits limits = new DmaMapLimits(
            load.Segments, load.MaximumLength, load.Highest, load.Alignment, load.Boundary);
        DmaMap map = dma.CreateMap(limits, null);

        List<(ulong Start, uint Length)> expected = Reference(pages, load);
        bool isReachable = expected.All(s => s.Start + s.Length - 1 <= load.Highest);
        bool isAligned = expected.All(s => s.Start % load.Alignment == 0);
        bool isFew = expected.Count <= load.Segments;
        DmaStatus status = map.Load(buffer.Address + load.Start, (uint)load.Length);
        if (isReachable && isAligned && isFew)
        {
            Expect(status == DmaStatus.Ok, $"is {status}");
            Expect(map.Segments.ToArray().Select(s => (s.DeviceAddress, s.Length)).SequenceEqual(expected), "differs");
            return;
        }

        Expect(map.SegmentCount == 0, "has segments left");
        Expect(
            (status == DmaStatus.Unreachable && !isReachable)
            || (status == DmaStatus.Misaligned && !isAligned)
            || (status == DmaStatus.TooManySegments && !isFew),
            $"is {status}");
    }

    private static List<(ulong Start, uint Length)> Reference(ulong[] pages, LoadCase load)
    {
        List<(ulong Start, uint Length)> segments = [];
        ulong before = 0;
        uint longest = load.MaximumLength / load.Alignment * load.Alignment;
        for (int i = load.Start; i < load.Start + load.Length; i++)
        {
            ulong address = pages[i / PageSize] + (ulong)(i % PageSize);
            bool isNew = segments.Count == 0 || address != before + 1 || segments[^1].Length == longest
                || (load.Boundary != 0 && address % load.Boundary == 0);
            if (isNew)
            {
                segments.Add((address, 1));
            }
            else
            {
                segments[^1] = (segments[^1].Start, segments[^1].Length + 1);
            }

            before = address;
        }

        return segments;
    }

    private static void Expect(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new InvalidOperationException(otherwise);
        }
    }

    private sealed record LoadCase(
        int[] Places,
        int Start,
        int Length,
        int Segments,
        uint MaximumLength,
        uint Alignment,
        uint Boundary,
        ulong Highest);
}
