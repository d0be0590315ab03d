using System.Collections.Generic;
using VirtioGuest.Devices.Simulation;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>A <see cref="DriverStory"/> on a machine whose devices do not see the cache.</summary>
/// <param name="Hardware">The machine; null for coherent memory under the eyes of the ownership auditor.</param>
/// <param name="What">The story.</param>
internal sealed record DriverTrial(CacheMachine? Hardware, DriverStory What) : Trial
{
    /// <inheritdoc/>
    public override string Machine => Hardware?.Name ?? CacheTrial.Auditor;

    /// <inheritdoc/>
    public override string Subject => What.Device;

    /// <inheritdoc/>
    public override string Story => What.Name;

    /// <summary>The places that make a hand-over when it runs.</summary>
    public IEnumerable<AccessSite> SitesPassed
    {
        get
        {
            Run(AccessSite.Unnamed, isAudited: false, out Dictionary<AccessSite, DmaSync> operations);
            return operations.Keys;
        }
    }

    /// <inheritdoc/>
    public override string? Run(AccessSite weakened) => Run(weakened, isAudited: Hardware == null, out _);

    /// <summary>Runs it with the auditor watching, whatever the machine.</summary>
    public string? RunAudited() => Run(AccessSite.Unnamed, isAudited: true, out _);

    /// <inheritdoc/>
    public override string OperationOf(AccessSite site)
    {
        Run(AccessSite.Unnamed, isAudited: false, out Dictionary<AccessSite, DmaSync> operations);
        return CacheTrial.NameOf(operations.GetValueOrDefault(site));
    }

    private string? Run(AccessSite weakened, bool isAudited, out Dictionary<AccessSite, DmaSync> operations)
    {
        string? failure = Run(0, weakened, isAudited, out operations);
        for (int seed = 1; failure == null && seed < Hardware?.Seeds; seed++)
        {
            failure = Run(seed, weakened, isAudited, out operations);
        }

        return failure;
    }

    private string? Run(
        int seed, AccessSite weakened, bool isAudited, out Dictionary<AccessSite, DmaSync> operations)
    {
        using SimulatedDma dma = new SimulatedDma(new SimulatedDmaOptions
        {
            Cache = Hardware?.CreateCache(seed) ?? new CoherentCache(),
            AuditsOwnership = isAudited,
            WeakenedSite = weakened,
        });
        using SimulatedMachine simulated = new SimulatedMachine(dma);
        RecycledMachine machine = new RecycledMachine(simulated);
        operations = machine.Memory.Operations;
        return CacheTrial.FailureOf(dma, () => What.Run(machine, dma));
    }
}
