using System;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>The CRC-32 of zlib (RFC 1952, 8): reflected, polynomial 0x04C11DB7, all ones before and after.</summary>
public static class Crc32
{
    private static readonly uint[] s_table = MakeTable();

    /// <summary>The checksum of the bytes.</summary>
    public static uint Compute(ReadOnlySpan<byte> bytes)
    {
        uint register = uint.MaxValue;
        foreach (byte value in bytes)
        {
            register = s_table[(register ^ value) & 0xFF] ^ (register >> 8);
        }

        return ~register;
    }

    private static uint[] MakeTable()
    {
        const uint ReflectedPolynomial = 0xEDB88320;
        uint[] table = new uint[256];
        for (uint index = 0; index < table.Length; index++)
        {
            uint remainder = index;
            for (int bit = 0; bit < 8; bit++)
            {
                remainder = (remainder & 1) != 0 ? (remainder >> 1) ^ ReflectedPolynomial : remainder >> 1;
            }

            table[index] = remainder;
        }

        return table;
    }
}
