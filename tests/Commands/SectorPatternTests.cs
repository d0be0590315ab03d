using System;
using NUnit.Framework;
using VirtioGuest.Commands.Data;

namespace VirtioGuest.Commands.Tests;

[TestFixture]
internal sealed class SectorPatternTests
{
    // The published sequences of the generator: each output mixes the seed plus a multiple of the constant.
    [TestCase(0UL, 0xE220A8397B1DCDAFUL, 0x6E789E6AA1B965F4UL, 0x06C45D188009454FUL)]
    [TestCase(1234567UL, 6457827717110365317UL, 3203168211198807973UL, 9817491932198370423UL)]
    public void SplitMix64_gives_the_published_sequence(ulong seed, ulong first, ulong second, ulong third)
    {
        const ulong Step = 0x9E3779B97F4A7C15;
        Assert.That(SplitMix64.Mix(seed), Is.EqualTo(first));
        Assert.That(SplitMix64.Mix(unchecked(seed + Step)), Is.EqualTo(second));
        Assert.That(SplitMix64.Mix(unchecked(seed + Step + Step)), Is.EqualTo(third));
    }

    [Test]
    public void SectorPattern_counts_words_from_the_disk_start()
    {
        byte[] sectors = new byte[2 * SectorPattern.SectorSize];
        SectorPattern.Fill(sectors, firstSector: 3, seed: 10);

        Assert.That(BitConverter.ToUInt64(sectors, 0), Is.EqualTo(SplitMix64.Mix(10 + (3 * 64))));
        Assert.That(BitConverter.ToUInt64(sectors, 8), Is.EqualTo(SplitMix64.Mix(10 + (3 * 64) + 1)));
        Assert.That(BitConverter.ToUInt64(sectors, 512 + (63 * 8)), Is.EqualTo(SplitMix64.Mix(10 + (4 * 64) + 63)));
    }

    [Test]
    public void SectorPattern_wraps_at_64_bits()
    {
        byte[] sector = new byte[SectorPattern.SectorSize];
        SectorPattern.Fill(sector, firstSector: 0, seed: ulong.MaxValue);

        Assert.That(BitConverter.ToUInt64(sector, 0), Is.EqualTo(SplitMix64.Mix(ulong.MaxValue)));
        Assert.That(BitConverter.ToUInt64(sector, 8), Is.EqualTo(SplitMix64.Mix(0)));
    }

    [TestCase(0)]
    [TestCase(7)]
    [TestCase(511)]
    [TestCase(512)]
    [TestCase(1023)]
    public void SectorPattern_finds_the_first_byte_that_differs(int position)
    {
        byte[] sectors = new byte[1024];
        SectorPattern.Fill(sectors, 5, 99);
        Assert.That(SectorPattern.FindDifference(sectors, 5, 99), Is.EqualTo(-1));
        byte expected = sectors[position];

        sectors[position] ^= 0x80;
        sectors[1023] ^= 0x01;

        Assert.That(SectorPattern.FindDifference(sectors, 5, 99), Is.EqualTo(position));
        Assert.That(
            SectorPattern.ExpectedByte(5 + (ulong)(position / 512), position % 512, 99), Is.EqualTo(expected));
    }
}
