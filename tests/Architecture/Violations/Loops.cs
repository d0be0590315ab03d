using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Ways to go through bytes.</summary>
public static class Loops
{
    [Breaks(typeof(AllocationsInLoops))]
    public static uint WordByWord(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (; bytes.Length >= sizeof(uint); bytes = bytes[sizeof(uint)..])
        {
            sum += BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        }

        return sum;
    }

    [Breaks(typeof(AllocationsInLoops))]
    public static int Backwards(ReadOnlySpan<byte> bytes)
    {
        int sum = 0;
        do
        {
            bytes = bytes[..^sizeof(int)];
            sum += MemoryMarshal.Read<int>(bytes[^sizeof(int)..]);
        }
        while (sum > 0);
        return sum;
    }

    public static uint InWords(ReadOnlySpan<byte> bytes)
    {
        uint sum = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(bytes);
        for (int i = 0; i < words.Length; i++)
        {
            sum += words[i];
        }

        return sum;
    }
}
