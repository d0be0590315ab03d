using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>An <see cref="OrderingStory"/> under every schedule within a bound, and random ones.</summary>
internal sealed record OrderingTrial(MemoryOrdering Ordering, Features Form, OrderingStory What) : Trial
{
    private const int Seed = 1;

    /// <inheritdoc/>
    public override string Machine => NameOf(Ordering);

    /// <inheritdoc/>
    public override string Subject => Proofs.Form.NameOf(Form);

    /// <inheritdoc/>
    public override string Story => What.Name;

    /// <summary>An ordering in words.</summary>
    public static string NameOf(MemoryOrdering ordering) =>
        ordering == MemoryOrdering.TotalStoreOrder ? "TSO" : "release/acquire";

    /// <inheritdoc/>
    /// <remarks>That it holds where nothing is weakened, <see cref="ScheduleTests"/> goes into further.</remarks>
    public override string? Run(Weakening weakened)
    {
        bool isWeakened = weakened != Weakening.None;
        using ScheduleExplorer explorer = new ScheduleExplorer(new ExplorationBounds
        {
            Ordering = Ordering,
            Deviations = 2,
            MaximumSchedules = isWeakened ? 20_000 : 2000,
            RandomSchedules = isWeakened ? 20_000 : 500,
            Seed = Seed,
            WeakenedSite = weakened.Site,
        });
        ExplorationResult result = explorer.Explore(memory => What.Create(memory, Form));
        return result.Failure == null ? null : result.ToString();
    }

    /// <inheritdoc/>
    public override string OperationOf(AccessSite site)
    {
        using ScheduleExplorer explorer = new ScheduleExplorer(new ExplorationBounds { Ordering = Ordering });
        IReadOnlyList<string> trace = explorer.Replay(memory => What.Create(memory, Form), string.Empty).Trace;
        string ending = $" (site {(int)site})";
        string line = trace.FirstOrDefault(each => each.EndsWith(ending, StringComparison.Ordinal)) ?? string.Empty;
        return line.Contains(": full barrier", StringComparison.Ordinal) ? "full barrier"
            : line.Contains(": load-acquire", StringComparison.Ordinal) ? "acquire"
            : line.Contains(": store-release", StringComparison.Ordinal) ? "release"
            : string.Empty;
    }
}
