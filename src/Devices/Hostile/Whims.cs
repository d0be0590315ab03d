using System;

namespace VirtioGuest.Devices.Hostile;

/// <summary>The choices of a hostile device: the same seed gives the same ones on every runtime.</summary>
public sealed class Whims
{
    private static readonly uint[] s_edges =
    [
        0, 1, 2, 3, 4, 7, 8, 0x0F, 0x10, 0x3F, 0x40, 0x7F, 0x80, 0xFC, 0xFF, 0x100, 0xFFF, 0x1000, 0x1001, 0x7FFF,
        0x8000, 0x8001, 0xFFFE, 0xFFFF, 0x1_0000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_F000, 0xFFFF_FFFC, 0xFFFF_FFFF,
    ];

    private ulong _state;

    /// <summary>Starts a row of choices.</summary>
    public Whims(int seed)
    {
        Seed = seed;
        _state = (ulong)(uint)seed;
    }

    /// <summary>What it was started with.</summary>
    public int Seed { get; }

    /// <summary>Any number from 0 to <paramref name="limit"/> - 1.</summary>
    public int Below(int limit) => (int)(Next() % (uint)limit);

    /// <summary>Whether something with a probability in percent happens.</summary>
    public bool Chance(int percent) => Below(100) < percent;

    /// <summary>Any bits.</summary>
    public uint Bits() => (uint)Next();

    /// <summary>Any 64 bits.</summary>
    public ulong WideBits() => Next();

    /// <summary>A number that is likely to be an edge of something, or else any.</summary>
    public uint Edge() => Chance(70) ? s_edges[Below(s_edges.Length)] : Bits() >> Below(32);

    /// <summary>Fills memory with anything.</summary>
    public void Fill(Span<byte> bytes)
    {
        foreach (ref byte value in bytes)
        {
            value = (byte)Next();
        }
    }

    /// <summary>SplitMix64.</summary>
    private ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong value = _state;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
