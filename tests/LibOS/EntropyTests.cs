using System;
using System.Runtime.InteropServices;
using NUnit.Framework;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Entropy;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
[NonParallelizable]
internal sealed unsafe class EntropyTests
{
    [Test]
    public void ChaCha20_block_is_that_of_RFC_8439()
    {
        // RFC 8439, 2.3.2.
        uint[] state =
        [
            0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, 0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c,
            0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c, 0x00000001, 0x09000000, 0x4a000000, 0x00000000,
        ];
        uint[] expected =
        [
            0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
            0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9, 0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2,
        ];
        var block = new uint[16];
        fixed (uint* source = state, result = block)
        {
            ChaCha20.Block(source, result);
        }

        Assert.That(block, Is.EqualTo(expected));
    }

    [Test]
    public void Hardware_is_only_claimed_when_it_answered()
    {
        Processor.RandomSource = null;
        Assert.That(Create(true).IsFromHardware, Is.False);
        Processor.RandomSource = () => 42;
        Assert.That(Create(true).IsFromHardware, Is.True);
        Assert.That(Create(false).IsFromHardware, Is.False);
        Processor.RandomSource = null;
    }

    [Test]
    public void Two_reads_differ_and_every_length_is_filled()
    {
        EntropyPool pool = Create(false);
        for (int length = 1; length < 200; length += 7)
        {
            byte[] first = Read(ref pool, length + 32);
            byte[] second = Read(ref pool, length + 32);
            Assert.That(first, Is.Not.EqualTo(second));
            Assert.That(first.AsSpan(length).ContainsAnyExcept((byte)0), Is.True);
        }
    }

    [Test]
    public void Bytes_that_are_mixed_in_change_what_comes_out([Values(1, 7, 31, 32, 33, 64, 100)] int length)
    {
        Processor.Timestamp = 0;
        EntropyPool pool = Create(false);
        EntropyPool same = pool;
        EntropyPool other = pool;
        byte[] bytes = new byte[length];
        Mix(ref pool, bytes);
        Mix(ref same, bytes);
        bytes[^1] = 1;
        Mix(ref other, bytes);

        byte[] first = Read(ref pool, 32);
        Assert.That(Read(ref same, 32), Is.EqualTo(first));
        Assert.That(Read(ref other, 32), Is.Not.EqualTo(first));
    }

    [Test]
    public void Bits_are_balanced()
    {
        EntropyPool pool = Create(false);
        byte[] bytes = Read(ref pool, 1 << 16);
        long ones = 0;
        foreach (byte value in bytes)
        {
            ones += int.PopCount(value);
        }

        Assert.That(ones, Is.EqualTo(bytes.Length * 4L).Within(4000));
    }

    private static void Mix(ref EntropyPool pool, byte[] bytes)
    {
        fixed (byte* first = bytes)
        {
            pool.Mix(first, (ulong)bytes.Length);
        }
    }

    private static EntropyPool Create(bool hasRandom)
    {
        var pool = default(EntropyPool);
        pool.Initialize(hasRandom, 7);
        return pool;
    }

    private static byte[] Read(ref EntropyPool pool, int length)
    {
        var bytes = new byte[length];
        fixed (byte* buffer = bytes)
        {
            pool.Read(buffer, (ulong)length);
        }

        return bytes;
    }
}
