using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Tests;

[TestFixture]
internal sealed class AddressWindowsTests
{
    private const ulong Ram = 1;
    private const ulong Reserved = 2;

    [Test]
    public void A_small_machine_has_the_hole_below_the_APICs_and_all_above_4_GB()
    {
        string[] windows = Compute((0, 0x9FC00, Ram), (0x100000, 0x2F00000, Ram));
        Assert.That(windows, Is.EqualTo(new[] { "c0000000-febfffff", "100000000-7fffffffff" }));
    }

    [Test]
    public void RAM_up_to_the_hole_and_above_4_GB_is_left_out()
    {
        string[] windows = Compute((0x100000, 0xDFF00000, Ram), (0x100000000, 0xA0001000, Ram));
        Assert.That(windows, Is.EqualTo(new[] { "e0000000-febfffff", "1c0000000-7fffffffff" }));
    }

    [Test]
    public void Reserved_ranges_are_cut_out_wherever_they_lie()
    {
        string[] windows = Compute(
            (0x100000, 0x7FE00000, Ram),
            (0xB0000000, 0x10000000, Reserved),
            (0xBFFF0000, 0x20000, Reserved),
            (0xE0000000, 0x10000000, Reserved),
            (0xE8000000, 0x0C000000, Reserved),
            (0xFEB00000, 0x01500000, Reserved),
            (0xFD00000000, 0x300000000, Reserved));
        Assert.That(windows, Is.EqualTo(new[]
        {
            "c0010000-dfffffff", "f4000000-feafffff", "100000000-7fffffffff",
        }));
    }

    [Test]
    public void A_hole_that_is_full_gives_no_window()
    {
        string[] windows = Compute((0x100000, 0xFFF00000, Ram), (0x100000000, 0x8000000000, Reserved));
        Assert.That(windows, Is.Empty);
    }

    [Test]
    public void A_range_that_wraps_around_does_no_harm()
    {
        string[] windows = Compute((0x100000, 0x1000000, Ram), (0x200000000, ulong.MaxValue, Reserved));
        Assert.That(windows, Is.EqualTo(new[] { "c0000000-febfffff" }));
    }

    [Test]
    public void An_empty_map_leaves_both_windows() =>
        Assert.That(Compute(), Is.EqualTo(new[] { "c0000000-febfffff", "100000000-7fffffffff" }));

    [Test]
    public void RAM_and_the_processor_s_own_addresses_are_unreachable()
    {
        List<AddressRange> ranges = AddressWindows.ComputeUnreachable(Map(
            (0x100000, 0x1000000, Ram), (0xB0000000, 0x1000, Reserved)));
        Assert.That(Describe(ranges), Is.EqualTo(new[] { "fec00000-ffffffff", "100000-10fffff" }));
    }

    private static string[] Compute(params (ulong Start, ulong Length, ulong Kind)[] ranges) =>
        Describe(AddressWindows.Compute(Map(ranges)));

    private static List<MemoryRange> Map(params (ulong Start, ulong Length, ulong Kind)[] ranges)
    {
        var map = new List<MemoryRange>();
        foreach ((ulong start, ulong length, ulong kind) in ranges)
        {
            map.Add(new MemoryRange { Start = start, Length = length, Kind = (uint)kind });
        }

        return map;
    }

    private static string[] Describe(List<AddressRange> ranges)
    {
        var text = new List<string>();
        foreach (AddressRange range in ranges)
        {
            text.Add($"{range.Start:x}-{range.Last:x}");
        }

        return [.. text];
    }
}
