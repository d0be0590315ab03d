using System;
using NUnit.Framework;

namespace VirtioGuest.Hal.Tests;

[TestFixture]
internal sealed class DmaConstraintsTests
{
    [TestCase(0u, 0u)]
    [TestCase(3u, 0u)]
    [TestCase(64u, 3u)]
    public void What_is_not_a_power_of_two_is_refused(uint alignment, uint boundary) =>
        Assert.That(
            () => new DmaConstraints(alignment, boundary: boundary), Throws.TypeOf<ArgumentOutOfRangeException>());

    [TestCase(100u, 16u, 0u, 16u)]
    [TestCase(100u, 16u, 4096u, 128u)]
    [TestCase(128u, 16u, 4096u, 128u)]
    [TestCase(16u, 64u, 4096u, 64u)]
    [TestCase(4096u, 1u, 4096u, 4096u)]
    [TestCase(4097u, 1u, 4096u, 0u)]
    public void Alignment_keeps_memory_off_the_boundary(uint length, uint alignment, uint boundary, uint expected) =>
        Assert.That(
            new DmaConstraints(alignment, boundary: boundary).AlignmentFor(length), Is.EqualTo(expected));

    [TestCase(0xFFFF_FFC0UL, 64u, true)]
    [TestCase(0xFFFF_FFC0UL, 65u, false)]
    [TestCase(0x1_0000_0000UL, 1u, false)]
    [TestCase(0x1020UL, 16u, false)]
    [TestCase(0x1FC0UL, 64u, true)]
    [TestCase(0x1FC0UL, 65u, false)]
    [TestCase(0xFFFF_FFFF_FFFF_FFC0UL, 128u, false)]
    public void Memory_is_checked_to_the_byte(ulong deviceAddress, uint length, bool expected)
    {
        DmaConstraints constraints = new DmaConstraints(64, uint.MaxValue, 4096);
        Assert.That(constraints.Allow(deviceAddress, length), Is.EqualTo(expected));
    }

    [Test]
    public void The_default_allows_nothing() => Assert.That(default(DmaConstraints).Allow(0x1000, 1), Is.False);

    [TestCase(0, 1u, 1u, 0u)]
    [TestCase(1, 0u, 1u, 0u)]
    [TestCase(1, 4u, 8u, 0u)]
    [TestCase(1, 8u, 3u, 0u)]
    [TestCase(1, 8u, 8u, 4u)]
    [TestCase(1, 8u, 8u, 24u)]
    public void Limits_that_no_segment_can_keep_are_refused(int segments, uint length, uint alignment, uint boundary) =>
        Assert.That(
            () => new DmaMapLimits(segments, length, ulong.MaxValue, alignment, boundary),
            Throws.TypeOf<ArgumentOutOfRangeException>());
}
