using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>The places of the proofs themselves.</summary>
internal static class ProofSites
{
    /// <summary>Hand-overs of data buffers, which are the duty of whoever uses a driver.</summary>
    public const AccessSite Data = (AccessSite)9001;
}
