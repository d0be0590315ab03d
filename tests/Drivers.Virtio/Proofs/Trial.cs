using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// A story of a driver and a device on one machine, which holds, and fails where it is weakened enough.
/// </summary>
internal abstract record Trial
{
    /// <summary>The machine, in words.</summary>
    public abstract string Machine { get; }

    /// <summary>The ring and its features, or the driver, in words.</summary>
    public abstract string Subject { get; }

    /// <summary>What happens, in words.</summary>
    public abstract string Story { get; }

    /// <summary>Runs it.</summary>
    /// <param name="weakened">The place that does nothing; <see cref="AccessSite.Unnamed"/> for none.</param>
    /// <returns>Null where it holds, else how it fails.</returns>
    public abstract string? Run(AccessSite weakened);

    /// <summary>What a place does, as seen in a run; empty where the run does not come by it.</summary>
    public abstract string OperationOf(AccessSite site);

    /// <inheritdoc/>
    public sealed override string ToString() => $"{Machine}; {Subject}; {Story}";
}
