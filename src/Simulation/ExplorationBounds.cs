using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>How far a <see cref="ScheduleExplorer"/> goes.</summary>
public sealed class ExplorationBounds
{
    /// <summary>Which order the memory keeps.</summary>
    public MemoryOrdering Ordering { get; init; }

    /// <summary>
    /// How often a schedule of the exhaustive part may deviate: leave a processor that could go on, give a load an old
    /// value, or keep a store back. 0 runs without any of it.
    /// </summary>
    public int Deviations { get; init; } = 3;

    /// <summary>How many schedules the exhaustive part may run before it is broken off.</summary>
    public int MaximumSchedules { get; init; } = 100_000;

    /// <summary>How many random schedules follow, whose deviations are not limited.</summary>
    public int RandomSchedules { get; init; } = 2_000;

    /// <summary>What the random schedules draw from.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>After how many accesses a schedule counts as endless, 1 to 60000.</summary>
    public int MaximumSteps { get; init; } = 5_000;

    /// <summary>The size of the memory in bytes, a multiple of 4096.</summary>
    public int MemoryLength { get; init; } = 16_384;

    /// <summary>
    /// The place where an acquire is a plain load, a release a plain store and a full barrier nothing;
    /// <see cref="AccessSite.Unnamed"/> for none.
    /// </summary>
    public AccessSite WeakenedSite { get; init; }

    /// <summary>
    /// The processor, in the order in which the scenario adds them, whose full barriers order nothing for the others,
    /// because these are devices of a bus: only <see cref="Barriers.ForDevice"/> does. Without a value there is none.
    /// </summary>
    public int? BusProcessor { get; init; }
}
