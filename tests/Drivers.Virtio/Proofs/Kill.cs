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
    /// <inheritdoc/>
    public override string ToString() => $"{(int)Site}: {Trial}";
}
