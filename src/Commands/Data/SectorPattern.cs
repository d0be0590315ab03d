using System;
using System.Runtime.InteropServices;

namespace VirtioGuest.Commands.Data;

/// <summary>
/// The content that <c>blk fill</c> writes and <c>blk verify</c> expects: 64-bit little-endian word i of sector s is
/// <c>splitmix64(seed + s * 64 + i)</c>, modulo 2^64.
/// </summary>
/// <remarks>Every machine that this runs on is little-endian, so that a word is what it is in memory.</remarks>
public static class SectorPattern
{
    /// <summary>Bytes in a sector.</summary>
    public const int SectorSize = 512;

    private const int WordSize = sizeof(ulong);
    private const int WordsPerSector = SectorSize / WordSize;

    /// <summary>Writes the content of whole sectors.</summary>
    /// <param name="sectors">Room for them; a multiple of 512 bytes.</param>
    /// <param name="firstSector">The number of the first.</param>
    /// <param name="seed">Which of the patterns.</param>
    public static void Fill(Span<byte> sectors, ulong firstSector, ulong seed)
    {
        ulong counter = unchecked(seed + (firstSector * WordsPerSector));
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(sectors);
        for (int index = 0; index < words.Length; index++)
        {
            words[index] = SplitMix64.Mix(counter);
            unchecked
            {
                counter++;
            }
        }
    }

    /// <summary>Finds the first byte that is not as it should be.</summary>
    /// <param name="sectors">What was read; a multiple of 512 bytes.</param>
    /// <param name="firstSector">The number of the first.</param>
    /// <param name="seed">Which of the patterns.</param>
    /// <returns>Its offset in <paramref name="sectors"/>, or -1 where all is well.</returns>
    public static int FindDifference(ReadOnlySpan<byte> sectors, ulong firstSector, ulong seed)
    {
        ulong counter = unchecked(seed + (firstSector * WordsPerSector));
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(sectors);
        for (int index = 0; index < words.Length; index++)
        {
            ulong difference = words[index] ^ SplitMix64.Mix(counter);
            if (difference != 0)
            {
                int offset = index * WordSize;
                for (; (byte)difference == 0; difference >>= 8)
                {
                    offset++;
                }

                return offset;
            }

            unchecked
            {
                counter++;
            }
        }

        return -1;
    }

    /// <summary>The byte that belongs to an offset in a sector.</summary>
    public static byte ExpectedByte(ulong sector, int offset, ulong seed)
    {
        ulong counter = unchecked(seed + (sector * WordsPerSector) + (ulong)(offset / WordSize));
        return (byte)(SplitMix64.Mix(counter) >> (offset % WordSize * 8));
    }
}
