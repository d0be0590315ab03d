using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>
/// The data cache of a 68030: written through without allocating, 16-byte lines. PREREAD invalidates; POSTREAD,
/// PREWRITE and POSTWRITE do nothing.
/// </summary>
public sealed class Mc68030Cache : CacheModel
{
    /// <summary>Creates the model.</summary>
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
