using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>
/// No cache at all: what one side writes the other sees. For a driver's duties to be audited where nothing but the
/// audit can notice.
/// </summary>
public sealed class CoherentCache : CacheModel
{
    /// <summary>Creates the model.</summary>
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
