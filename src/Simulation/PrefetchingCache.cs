using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>
/// The data cache of a processor that reads ahead: copied back, 64-byte lines unless said otherwise. PREWRITE writes
/// back, PREREAD and POSTREAD invalidate, POSTWRITE does nothing. A line may be filled at any time although nobody
/// asked for it, and a dirty one evicted.
/// </summary>
public sealed class PrefetchingCache : CacheModel
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
    internal override void BeforeLoad(SimulatedRegion region, uint offset, uint length) =>
        Fill(region, offset, length);

    /// <inheritdoc/>
    internal override void Store(SimulatedRegion region, uint offset, ReadOnlySpan<byte> bytes)
    {
        Fill(region, offset, (uint)bytes.Length);
        region.StoreInCache(offset, bytes);
        region.MarkDirty(offset, (uint)bytes.Length);
    }

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
