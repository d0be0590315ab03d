using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// Why a place that orders accesses or hands memory over has to be there: a trial that holds, and fails as soon as that
/// one place does nothing.
/// </summary>
/// <param name="Site">The place.</param>
/// <param name="Trial">What fails without it.</param>
/// <param name="Reason">What goes wrong, in words.</param>
internal sealed record Kill(AccessSite Site, Trial Trial, string Reason)
{
    /// <summary>
    /// Which of the operations of a hand-over does nothing, where the place makes several; 0 where it makes one.
    /// </summary>
    public DmaSync Part { get; init; }

    /// <summary>What does nothing.</summary>
    public Weakening Weakened => new(Site, Part);

    /// <summary>Whether no data go wrong without it, and only the ownership auditor sees it.</summary>
    public bool IsSeenByAuditorOnly => Trial is HandOverTrial { Hardware: null };

    /// <inheritdoc/>
    public override string ToString() =>
        Part == 0 ? $"{(int)Site}: {Trial}" : $"{(int)Site}, {HandOverTrial.NameOf(Part)}: {Trial}";
}
