using System;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>A machine whose devices do not see the processor's cache.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="CreateCache">Makes its cache, empty, from a seed.</param>
/// <param name="Seeds">How many seeds are worth a run: 1 where nothing is left to chance.</param>
internal sealed record CacheMachine(string Name, Func<int, CacheModel> CreateCache, int Seeds = 1)
{
    /// <summary>Written through; PREREAD alone does anything.</summary>
    public static readonly CacheMachine Mc68030 = new("68030", _ => new Mc68030Cache());

    /// <summary>Copied back, and nothing is evicted unless it is told to be.</summary>
    public static readonly CacheMachine Mc68040 = new("68040", _ => new Mc68040Cache());

    /// <summary>Copied back, and what is dirty is evicted at once.</summary>
    public static readonly CacheMachine Mc68040Evicting =
        new("68040, evicting", _ => new Mc68040Cache(CacheTiming.Eager));

    /// <summary>Copied back, and what is dirty is evicted now and then.</summary>
    public static readonly CacheMachine Mc68040Erratic =
        new("68040, evicting by chance", seed => new Mc68040Cache(CacheTiming.Random, seed), Seeds: 10);

    /// <summary>Lines of 64 bytes, filled and evicted at every opportunity.</summary>
    public static readonly CacheMachine Prefetching = new("prefetching", _ => new PrefetchingCache());

    /// <summary>
    /// The same with lines of 4 bytes: packed rings need no coherent memory there, and no byte profits from what is
    /// done to its neighbours.
    /// </summary>
    public static readonly CacheMachine FinePrefetching =
        new("prefetching, 4-byte lines", _ => new PrefetchingCache(lineSize: 4));

    /// <summary>Lines of 4 bytes that nothing but hand-overs fills, writes back or drops.</summary>
    public static readonly CacheMachine FineCopyBack =
        new("copy-back, 4-byte lines", _ => new PrefetchingCache(CacheTiming.Never, lineSize: 4));

    /// <summary>All of them.</summary>
    public static readonly CacheMachine[] All =
    {
        Mc68030, Mc68040, Mc68040Evicting, Mc68040Erratic, Prefetching, FinePrefetching, FineCopyBack,
    };

    /// <inheritdoc/>
    public override string ToString() => Name;
}
