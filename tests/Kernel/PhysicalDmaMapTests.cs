using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Machine;

namespace VirtioGuest.Kernel.Tests;

[TestFixture]
internal sealed unsafe class PhysicalDmaMapTests
{
    private const ulong PageSize = 4096;

    [Test]
    public void Neighbouring_pages_are_one_segment()
    {
        var pages = new FakeTranslation(0x10000, 0x11000, 0x12000);
        var map = new PhysicalDmaMap(pages, 4, uint.MaxValue, ulong.MaxValue);

        Assert.That(map.Load((byte*)0x100, 0x2500), Is.EqualTo(DmaStatus.Ok));
        Assert.That(Describe(map), Is.EqualTo(new[] { "10100+2500" }));
    }

    [Test]
    public void Distant_pages_are_segments_of_their_own()
    {
        var pages = new FakeTranslation(0x30000, 0x10000, 0x11000);
        var map = new PhysicalDmaMap(pages, 4, uint.MaxValue, ulong.MaxValue);

        Assert.That(map.Load((byte*)0xF00, 0x1200), Is.EqualTo(DmaStatus.Ok));
        Assert.That(Describe(map), Is.EqualTo(new[] { "30f00+100", "10000+1100" }));
    }

    [Test]
    public void Segments_are_split_at_the_maximum()
    {
        var pages = new FakeTranslation(0x10000, 0x11000);
        var map = new PhysicalDmaMap(pages, 8, 0x600, ulong.MaxValue);

        Assert.That(map.Load((byte*)0, 0x1400), Is.EqualTo(DmaStatus.Ok));
        Assert.That(Describe(map), Is.EqualTo(new[] { "10000+600", "10600+600", "10c00+600", "11200+200" }));
    }

    [Test]
    public void Too_many_segments_load_nothing()
    {
        var pages = new FakeTranslation(0x10000, 0x20000, 0x30000);
        var map = new PhysicalDmaMap(pages, 2, uint.MaxValue, ulong.MaxValue);

        Assert.That(map.Load((byte*)0, 0x3000), Is.EqualTo(DmaStatus.TooManySegments));
        Assert.That(map.SegmentCount, Is.Zero);
        Assert.That(map.Load((byte*)0, 0x2000), Is.EqualTo(DmaStatus.Ok));
    }

    [Test]
    public void Memory_above_the_limit_of_the_device_is_unreachable()
    {
        var pages = new FakeTranslation(0xFFFF_F000, 0x1_0000_0000);
        var map = new PhysicalDmaMap(pages, 4, uint.MaxValue, uint.MaxValue);

        Assert.That(map.Load((byte*)0, 0x1000), Is.EqualTo(DmaStatus.Ok));
        map.Unload();
        Assert.That(map.Load((byte*)0, 0x1001), Is.EqualTo(DmaStatus.Unreachable));
        Assert.That(map.Load((byte*)0x1000, 1), Is.EqualTo(DmaStatus.Unreachable));
        Assert.That(map.SegmentCount, Is.Zero);
    }

    [Test]
    public void Pages_without_memory_are_populated_once()
    {
        var pages = new FakeTranslation(0x10000, 0, 0x12000, 0) { CanPopulate = true };
        var map = new PhysicalDmaMap(pages, 4, uint.MaxValue, ulong.MaxValue);

        Assert.That(map.Load((byte*)0, 0x4000), Is.EqualTo(DmaStatus.Ok));
        Assert.That(pages.Populations, Is.EqualTo(1));
        Assert.That(Describe(map), Is.EqualTo(new[] { "10000+1000", "900000+1000", "12000+1000", "901000+1000" }));
    }

    [Test]
    public void Memory_that_is_not_the_program_s_is_unreachable()
    {
        var map = new PhysicalDmaMap(new FakeTranslation(0x10000, 0), 4, uint.MaxValue, ulong.MaxValue);
        Assert.That(map.Load((byte*)0, 0x2000), Is.EqualTo(DmaStatus.Unreachable));
        Assert.That(map.SegmentCount, Is.Zero);
    }

    [Test]
    public void An_empty_buffer_has_no_segment_and_a_second_load_is_a_bug()
    {
        var map = new PhysicalDmaMap(new FakeTranslation(0x10000), 4, uint.MaxValue, ulong.MaxValue);
        Assert.That(map.Load((byte*)0, 0), Is.EqualTo(DmaStatus.Ok));
        Assert.That(map.SegmentCount, Is.Zero);
        Assert.That(map.Load((byte*)0, 1), Is.EqualTo(DmaStatus.Ok));
        Assert.That(() => map.Load((byte*)0, 1), Throws.InvalidOperationException);
        map.Unload();
        Assert.That(map.Segments.IsEmpty, Is.True);
    }

    private static List<string> Describe(DmaMap map)
    {
        var text = new List<string>();
        foreach (DmaSegment segment in map.Segments)
        {
            text.Add($"{segment.DeviceAddress:x}+{segment.Length:x}");
        }

        return text;
    }

    /// <summary>A program whose address space starts at 0: page n is at a given physical address, 0 for none.</summary>
    private sealed class FakeTranslation(params ulong[] pages) : AddressTranslation
    {
        public bool CanPopulate { get; init; }

        public int Populations { get; private set; }

        public override bool TryTranslate(byte* address, ulong length, out ulong physicalAddress, out ulong contiguous)
        {
            ulong page = (ulong)address / PageSize;
            ulong offset = (ulong)address % PageSize;
            physicalAddress = pages[page] + offset;
            contiguous = Math.Min(length, PageSize - offset);
            return pages[page] != 0;
        }

        public override bool Populate(byte* address, ulong length)
        {
            Populations++;
            ulong next = 0x900000;
            for (ulong page = (ulong)address / PageSize; page <= ((ulong)address + length - 1) / PageSize; page++)
            {
                if (pages[page] == 0)
                {
                    pages[page] = CanPopulate ? next : 0;
                    next += PageSize;
                }
            }

            return CanPopulate;
        }
    }
}
