using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>What does nothing in a run.</summary>
/// <param name="Site">The place; <see cref="AccessSite.Unnamed"/> for none.</param>
/// <param name="Operations">Which of the operations that hand memory over there; 0 for all that the place does.</param>
internal readonly record struct Weakening(AccessSite Site, DmaSync Operations = 0)
{
    /// <summary>Everything does what it has to.</summary>
    public static readonly Weakening None = new(AccessSite.Unnamed);
}

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
    /// <param name="weakened">What does nothing.</param>
    /// <returns>Null where it holds, else how it fails.</returns>
    public abstract string? Run(Weakening weakened);

    /// <summary>What a place does, as seen in a run; empty where the run does not come by it.</summary>
    public abstract string OperationOf(AccessSite site);

    /// <inheritdoc/>
    public sealed override string ToString() => $"{Machine}; {Subject}; {Story}";
}
