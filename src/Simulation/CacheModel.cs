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

/// <summary>When a simulated cache does what it may do at any time.</summary>
public enum CacheTiming
{
    /// <summary>Only when it is told to.</summary>
    Never = 0,

    /// <summary>Whenever it can, before each access and each hand-over.</summary>
    Eager = 1,

    /// <summary>Now and then, by chance; the seed brings a run back.</summary>
    Random = 2,
}

/// <summary>
/// No cache at all: what one side writes the other sees. For a driver's duties to be audited where nothing but the
/// audit can notice.
/// </summary>
public sealed class CoherentCache : CacheModel
{
    public CoherentCache()
        : base(1, CacheTiming.Never, seed: 0)
    {
    }

    /// <inheritdoc/>
    public override string Name => "coherent";

    /// <inheritdoc/>
    internal override void BeforeLoad(SimulatedRegion region, uint offset, uint length) =>
        region.Refresh(offset, length);

    /// <inheritdoc/>
    internal override void Store(SimulatedRegion region, uint offset, ReadOnlySpan<byte> bytes)
    {
        region.StoreInCache(offset, bytes);
        region.StoreInMemory(offset, bytes);
    }

    /// <inheritdoc/>
    internal override void Sync(SimulatedRegion region, uint offset, uint length, DmaSync operation)
    {
    }

    private protected override void Disturb(SimulatedRegion region, uint line)
    {
    }
}

/// <summary>
/// The data cache of a 68030: written through without allocating, 16-byte lines. PREREAD invalidates; POSTREAD,
/// PREWRITE and POSTWRITE do nothing.
/// </summary>
public sealed class Mc68030Cache : CacheModel
{
    public Mc68030Cache()
        : base(16, CacheTiming.Never, seed: 0)
    {
    }

    /// <inheritdoc/>
    public override string Name => "68030";

    /// <inheritdoc/>
    internal override void BeforeLoad(SimulatedRegion region, uint offset, uint length) =>
        Fill(region, offset, length);

    /// <inheritdoc/>
    internal override void Store(SimulatedRegion region, uint offset, ReadOnlySpan<byte> bytes)
    {
        region.StoreInCache(offset, bytes);
        region.StoreInMemory(offset, bytes);
    }

    /// <inheritdoc/>
    internal override void Sync(SimulatedRegion region, uint offset, uint length, DmaSync operation)
    {
        if ((operation & DmaSync.PreRead) != 0)
        {
            Invalidate(region, offset, length);
        }
    }

    private protected override void Disturb(SimulatedRegion region, uint line)
    {
    }
}

/// <summary>A cache that is filled by loads and stores, and keeps what was stored until it is written back.</summary>
public abstract class CopyBackCache : CacheModel
{
    private protected CopyBackCache(uint lineSize, CacheTiming timing, int seed)
        : base(lineSize, timing, seed)
    {
    }

    /// <inheritdoc/>
    internal override void BeforeLoad(SimulatedRegion region, uint offset, uint length) =>
        Fill(region, offset, length);

    /// <inheritdoc/>
    internal override void Store(SimulatedRegion region, uint offset, ReadOnlySpan<byte> bytes)
    {
        Fill(region, offset, (uint)bytes.Length);
        region.StoreInCache(offset, bytes);
        region.MarkDirty(offset, (uint)bytes.Length);
    }
}

/// <summary>
/// The data cache of a 68040: copied back, 16-byte lines. PREWRITE writes back, PREREAD invalidates, POSTREAD and
/// POSTWRITE do nothing. A dirty line may be evicted, that is written back as a whole, at any time.
/// </summary>
public sealed class Mc68040Cache : CopyBackCache
{
    /// <summary>Creates the model.</summary>
    /// <param name="timing">When dirty lines are evicted.</param>
    /// <param name="seed">What <see cref="CacheTiming.Random"/> draws from.</param>
    public Mc68040Cache(CacheTiming timing = CacheTiming.Never, int seed = 0)
        : base(16, timing, seed)
    {
    }

    /// <inheritdoc/>
    public override string Name => "68040";

    /// <inheritdoc/>
    internal override void Sync(SimulatedRegion region, uint offset, uint length, DmaSync operation)
    {
        if ((operation & DmaSync.PreWrite) != 0)
        {
            WriteBack(region, offset, length);
        }

        if ((operation & DmaSync.PreRead) != 0)
        {
            Invalidate(region, offset, length);
        }
    }

    private protected override void Disturb(SimulatedRegion region, uint line)
    {
        if (region.IsDirty(line))
        {
            region.WriteBack(line);
            region.Empty(line);
        }
    }
}

/// <summary>
/// The data cache of a processor that reads ahead: copied back, 64-byte lines unless said otherwise. PREWRITE writes
/// back, PREREAD and POSTREAD invalidate, POSTWRITE does nothing. A line may be filled at any time although nobody
/// asked for it, and a dirty one evicted.
/// </summary>
public sealed class PrefetchingCache : CopyBackCache
{
    /// <summary>Creates the model.</summary>
    /// <param name="timing">When lines are filled and evicted.</param>
    /// <param name="seed">What <see cref="CacheTiming.Random"/> draws from.</param>
    /// <param name="lineSize">The length of a line in bytes, a power of two.</param>
    public PrefetchingCache(CacheTiming timing = CacheTiming.Eager, int seed = 0, uint lineSize = 64)
        : base(lineSize, timing, seed)
    {
    }

    /// <inheritdoc/>
    public override string Name => "prefetching";

    /// <inheritdoc/>
    internal override void Sync(SimulatedRegion region, uint offset, uint length, DmaSync operation)
    {
        if ((operation & DmaSync.PreWrite) != 0)
        {
            WriteBack(region, offset, length);
        }

        if ((operation & (DmaSync.PreRead | DmaSync.PostRead)) != 0)
        {
            Invalidate(region, offset, length);
        }
    }

    private protected override void Disturb(SimulatedRegion region, uint line)
    {
        if (region.IsDirty(line))
        {
            region.WriteBack(line);
            region.Empty(line);
        }
        else
        {
            region.Fill(line);
        }
    }
}
