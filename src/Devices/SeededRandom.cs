using System;

namespace VirtioGuest.Devices;

/// <summary>
/// Numbers drawn from a seed: the same ones on every runtime, which <see cref="Random"/> does not promise.
/// </summary>
public sealed class SeededRandom
{
    private static readonly uint[] s_edges =
    [
        0, 1, 2, 3, 4, 7, 8, 0x0F, 0x10, 0x3F, 0x40, 0x7F, 0x80, 0xFC, 0xFF, 0x100, 0xFFF, 0x1000, 0x1001, 0x7FFF,
        0x8000, 0x8001, 0xFFFE, 0xFFFF, 0x1_0000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_F000, 0xFFFF_FFFC, 0xFFFF_FFFF,
    ];

    private ulong _state;

    /// <summary>Starts a sequence.</summary>
    public SeededRandom(int seed)
        : this((ulong)(uint)seed)
    {
        Seed = seed;
    }

    /// <summary>Starts a sequence.</summary>
    public SeededRandom(ulong seed)
    {
        _state = seed;
    }

    /// <summary>What it was started with, where that was an <see cref="int"/>.</summary>
    public int Seed { get; }

    /// <summary>A number from 0 to <paramref name="limit"/> - 1.</summary>
    public int Below(int limit) => (int)(WideBits() % (uint)limit);

    /// <summary>Whether something with a probability in percent happens.</summary>
    public bool Chance(int percent) => Below(100) < percent;

    /// <summary>32 bits.</summary>
    public uint Bits() => (uint)WideBits();

    /// <summary>64 bits, by SplitMix64.</summary>
    public ulong WideBits()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong value = _state;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    /// <summary>A number that is likely to be an edge of something, or else any.</summary>
    public uint Edge() => Chance(70) ? s_edges[Below(s_edges.Length)] : Bits() >> Below(32);

    /// <summary>Fills memory.</summary>
    public void Fill(Span<byte> bytes)
    {
        foreach (ref byte value in bytes)
        {
            value = (byte)WideBits();
        }
    }
}
