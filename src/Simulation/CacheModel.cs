using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>
/// The data cache of a processor whose devices do not see it. Each model does the least that <c>bus_dma(9)</c> asks of
/// its machine, so that only drivers which keep the rules work on all of them.
/// </summary>
/// <remarks>
/// A line is empty, clean or dirty. A region's processor view holds what the processor would read: the line's content
/// where there is one, else what is in memory.
/// </remarks>
public abstract class CacheModel
{
    private readonly CacheTiming _timing;
    private readonly Random _random;

    /// <summary>Describes a cache.</summary>
    private protected CacheModel(uint lineSize, CacheTiming timing, int seed)
    {
        LineSize = lineSize;
        _timing = timing;
        _random = new Random(seed);
    }

    /// <summary>The length of a line in bytes, a power of two.</summary>
    public uint LineSize { get; }

    /// <summary>The machine's name, as shown to people.</summary>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public override string ToString() => _timing == CacheTiming.Never ? Name : $"{Name}, {_timing}";

    /// <summary>The processor is about to read: the lines get their content.</summary>
    internal abstract void BeforeLoad(SimulatedRegion region, uint offset, uint length);

    /// <summary>The processor writes.</summary>
    internal abstract void Store(SimulatedRegion region, uint offset, ReadOnlySpan<byte> bytes);

    /// <summary>Does the cache maintenance of a hand-over.</summary>
    internal abstract void Sync(SimulatedRegion region, uint offset, uint length, DmaSync operation);

    /// <summary>Something is about to happen to a range: now the cache may do what it may do at any time.</summary>
    internal void Disturb(SimulatedRegion region, uint offset, uint length)
    {
        if (_timing == CacheTiming.Never || length == 0)
        {
            return;
        }

        // The lines of the range and their neighbours: those are the ones that matter to it.
        uint first = offset / LineSize;
        uint last = (offset + length - 1) / LineSize;
        first = first == 0 ? 0 : first - 1;
        last = Math.Min(last + 1, region.LineCount - 1);
        for (uint line = first; line <= last; line++)
        {
            if (_timing == CacheTiming.Eager || _random.Next(2) == 0)
            {
                Disturb(region, line);
            }
        }

        if (_timing == CacheTiming.Random)
        {
            Disturb(region, (uint)_random.Next((int)region.LineCount));
        }
    }

    /// <summary>Does to one line what the cache may do to it at any time.</summary>
    private protected abstract void Disturb(SimulatedRegion region, uint line);

    /// <summary>Fills the empty lines of a range from memory.</summary>
    private protected void Fill(SimulatedRegion region, uint offset, uint length)
    {
        for (uint line = offset / LineSize; line <= (offset + length - 1) / LineSize; line++)
        {
            region.Fill(line);
        }
    }

    /// <summary>Writes the dirty lines of a range back, and keeps them.</summary>
    private protected void WriteBack(SimulatedRegion region, uint offset, uint length)
    {
        for (uint line = offset / LineSize; line <= (offset + length - 1) / LineSize; line++)
        {
            region.WriteBack(line);
        }
    }

    /// <summary>
    /// Empties the lines of a range. What a line holds of other bytes must not get lost, so a dirty line that the range
    /// does not cover is written back first; one that it covers is not.
    /// </summary>
    private protected void Invalidate(SimulatedRegion region, uint offset, uint length)
    {
        for (uint line = offset / LineSize; line <= (offset + length - 1) / LineSize; line++)
        {
            bool isCovered = line * LineSize >= offset && (line + 1) * LineSize <= offset + length;
            if (!isCovered)
            {
                region.WriteBack(line);
            }

            region.Empty(line);
        }
    }
}
