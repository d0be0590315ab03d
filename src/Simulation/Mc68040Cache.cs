using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>
/// The data cache of a 68040: copied back, 16-byte lines. PREWRITE writes back, PREREAD invalidates, POSTREAD and
/// POSTWRITE do nothing. A dirty line may be evicted, that is written back as a whole, at any time.
/// </summary>
public sealed class Mc68040Cache : CacheModel
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
