using System;
using System.Text;
using NUnit.Framework;

namespace VirtioGuest.Volumes.Tests;

/// <summary>The one CRC-32 of this project.</summary>
[TestFixture]
internal sealed class Crc32Tests
{
    [TestCase("", 0x00000000u)]
    [TestCase("a", 0xE8B7BE43u)]
    [TestCase("abc", 0x352441C2u)]
    [TestCase("123456789", 0xCBF43926u)]
    [TestCase("The quick brown fox jumps over the lazy dog", 0x414FA339u)]
    public void Crc32_is_what_zlib_computes(string text, uint expected) =>
        Assert.That(Compute(Encoding.ASCII.GetBytes(text)), Is.EqualTo(expected));

    [Test]
    public void Crc32_of_a_sector_of_zeros_is_what_zlib_computes() =>
        Assert.That(Compute(new byte[512]), Is.EqualTo(0xB2AA7578u));

    [Test]
    public void Crc32_of_parts_is_that_of_the_whole()
    {
        const int Seed = 4711;
        TestContext.Out.WriteLine($"seed {Seed}");
        var random = new Random(Seed);
        for (int round = 0; round < 200; round++)
        {
            byte[] bytes = new byte[random.Next(100)];
            random.NextBytes(bytes);
            int cut = random.Next(bytes.Length + 1);
            var checksum = new Crc32();
            checksum.Append(bytes.AsSpan(0, cut));
            checksum.Append(bytes.AsSpan(cut));

            Assert.That(checksum.Value, Is.EqualTo(ComputeBitByBit(bytes)), Convert.ToHexString(bytes));
        }
    }

    private static uint Compute(byte[] bytes)
    {
        var checksum = new Crc32();
        checksum.Append(bytes);
        return checksum.Value;
    }

    private static uint ComputeBitByBit(byte[] bytes)
    {
        uint state = uint.MaxValue;
        foreach (byte value in bytes)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                bool isSet = (((value >> bit) ^ (int)state) & 1) != 0;
                state = (state >> 1) ^ (isSet ? 0xEDB88320 : 0);
            }
        }

        return ~state;
    }
}
