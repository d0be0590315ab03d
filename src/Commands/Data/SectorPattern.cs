using System;
using System.Runtime.InteropServices;

namespace VirtioGuest.Commands.Data;

/// <summary>
/// The content that <c>blk fill</c> writes and <c>blk verify</c> expects: 64-bit little-endian word i of sector s is
/// <c>splitmix64(seed + s * 64 + i)</c>, modulo 2^64.
/// </summary>
/// <remarks>Every machine that this runs on is little-endian, so words are stored as they are.</remarks>
public static class SectorPattern
{
    /// <summary>Bytes in a sector.</summary>
    public const int SectorSize = 512;

    private const int WordSize = sizeof(ulong);
    private const int WordsPerSector = SectorSize / WordSize;

    /// <summary>Writes the content of whole sectors.</summary>
    /// <param name="sectors">Room for them; a multiple of 512 bytes.</param>
    /// <param name="firstSector">The number of the first.</param>
    /// <param name="seed">Selects the pattern.</param>
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

    /// <summary>Finds the first byte that differs from the pattern.</summary>
    /// <param name="sectors">What was read; a multiple of 512 bytes.</param>
    /// <param name="firstSector">The number of the first.</param>
    /// <param name="seed">Selects the pattern.</param>
    /// <returns>Its offset in <paramref name="sectors"/>, or -1 where none does.</returns>
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

    /// <summary>The byte of the pattern at an offset in a sector.</summary>
    public static byte ExpectedByte(ulong sector, int offset, ulong seed)
    {
        ulong counter = unchecked(seed + (sector * WordsPerSector) + (ulong)(offset / WordSize));
        return (byte)(SplitMix64.Mix(counter) >> (offset % WordSize * 8));
    }
}

/// <summary>
/// The mixing function of Steele, Lea and Flood's generator: maps every number to one that looks random.
/// </summary>
public static class SplitMix64
{
    /// <summary>The number that <paramref name="x"/> maps to.</summary>
    public static ulong Mix(ulong x)
    {
        unchecked
        {
            ulong z = x + 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
