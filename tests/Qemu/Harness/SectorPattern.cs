using System;
using System.Buffers.Binary;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>
/// The bytes that <c>blk D fill</c> writes: the 64-bit little-endian word i of sector s is
/// <c>splitmix64(seed + s * 64 + i)</c>.
/// </summary>
public static class SectorPattern
{
    private const int WordsPerSector = DiskImage.SectorSize / sizeof(ulong);

    /// <summary>The bytes of a run of sectors.</summary>
    public static byte[] Make(ulong firstSector, int count, ulong seed)
    {
        byte[] bytes = new byte[count * DiskImage.SectorSize];
        ulong state = unchecked(seed + (firstSector * WordsPerSector));
        for (int word = 0; word < count * WordsPerSector; word++)
        {
            ulong value = SplitMix64(unchecked(state + (ulong)word));
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(word * sizeof(ulong)), value);
        }

        return bytes;
    }

    /// <summary>One step of the generator.</summary>
    public static ulong SplitMix64(ulong value)
    {
        unchecked
        {
            ulong z = value + 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
