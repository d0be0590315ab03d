using System;
using System.Runtime.InteropServices;

namespace VirtioGuest.Volumes;

/// <summary>
/// The 32-bit cyclic redundancy check of zlib, PNG and Ethernet: reflected polynomial 0xEDB88320, starts with all ones,
/// inverted at the end.
/// </summary>
public sealed class Crc32
{
    private const uint Polynomial = 0xEDB88320;
    private const int Slices = 8;

    // Eight tables, one for each byte of a 64-bit word: eight independent look-ups instead of a chain of eight.
    private static readonly uint[] s_tables = CreateTables();

    private uint _state = uint.MaxValue;

    /// <summary>The check value of all bytes so far.</summary>
    public uint Value => ~_state;

    /// <summary>Takes in more bytes.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<uint> tables = s_tables;
        uint state = _state;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        for (int index = 0; index < words.Length; index++)
        {
            uint low = state ^ (uint)words[index];
            uint high = (uint)(words[index] >> 32);
            state = tables[(7 << 8) + (byte)low]
                ^ tables[(6 << 8) + (byte)(low >> 8)]
                ^ tables[(5 << 8) + (byte)(low >> 16)]
                ^ tables[(4 << 8) + (int)(low >> 24)]
                ^ tables[(3 << 8) + (byte)high]
                ^ tables[(2 << 8) + (byte)(high >> 8)]
                ^ tables[(1 << 8) + (byte)(high >> 16)]
                ^ tables[(int)(high >> 24)];
        }

        foreach (byte value in bytes[(words.Length * Slices)..])
        {
            state = (state >> 8) ^ tables[(byte)(state ^ value)];
        }

        _state = state;
    }

    private static uint[] CreateTables()
    {
        var tables = new uint[Slices << 8];
        for (uint value = 0; value < 256; value++)
        {
            uint remainder = value;
            for (int bit = 0; bit < 8; bit++)
            {
                remainder = (remainder >> 1) ^ ((remainder & 1) == 0 ? 0 : Polynomial);
            }

            tables[value] = remainder;
        }

        for (int index = 256; index < tables.Length; index++)
        {
            uint previous = tables[index - 256];
            tables[index] = (previous >> 8) ^ tables[(byte)previous];
        }

        return tables;
    }
}
