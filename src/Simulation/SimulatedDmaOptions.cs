using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>What a simulated machine's memory is like.</summary>
public sealed class SimulatedDmaOptions
{
    /// <summary>
    /// What is between processor and devices; null where they see the same memory, and nothing has to be installed.
    /// </summary>
    public CacheModel? Cache { get; init; }

    /// <summary>Whether <see cref="DmaConstraints.MustBeCoherent"/> can be served although there is a cache.</summary>
    public bool HasCoherentMemory { get; init; } = true;

    /// <summary>
    /// Whether accesses and hand-overs are audited; false to see what the machine makes of a driver that breaks rules.
    /// </summary>
    public bool AuditsOwnership { get; init; } = true;

    /// <summary>The place whose hand-over does nothing; <see cref="AccessSite.Unnamed"/> for none.</summary>
    public AccessSite WeakenedSite { get; init; }

    /// <summary>Which of the operations of <see cref="WeakenedSite"/> do nothing; by default all of them.</summary>
    public DmaSync WeakenedOperations { get; init; } =
        DmaSync.PreRead | DmaSync.PostRead | DmaSync.PreWrite | DmaSync.PostWrite;

    /// <summary>The last byte of the machine's memory.</summary>
    public ulong HighestAddress { get; init; } = ulong.MaxValue;

    /// <inheritdoc/>
    public override string ToString() => Cache?.ToString() ?? "plain memory";
}
