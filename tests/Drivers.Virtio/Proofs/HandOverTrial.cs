using System;
using System.Collections.Generic;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>A story on a machine whose devices do not see the cache.</summary>
/// <param name="Hardware">The machine; null for coherent memory under the eyes of the ownership auditor.</param>
internal abstract record HandOverTrial(CacheMachine? Hardware) : Trial
{
    /// <summary>What tables call the auditor.</summary>
    public const string Auditor = "auditor";

    private const DmaSync Everything = DmaSync.PreRead | DmaSync.PostRead | DmaSync.PreWrite | DmaSync.PostWrite;

    private static readonly (DmaSync Operation, string Name)[] s_names =
    {
        (DmaSync.PostRead, "POSTREAD"),
        (DmaSync.PostWrite, "POSTWRITE"),
        (DmaSync.PreRead, "PREREAD"),
        (DmaSync.PreWrite, "PREWRITE"),
    };

    /// <inheritdoc/>
    public override string Machine => Hardware?.Name ?? Auditor;

    /// <summary>The places that make a hand-over when it runs.</summary>
    public IEnumerable<AccessSite> SitesPassed
    {
        get
        {
            Run(Weakening.None, isAudited: false, out Dictionary<AccessSite, DmaSync> operations);
            return operations.Keys;
        }
    }

    /// <inheritdoc/>
    public override string? Run(Weakening weakened) => Run(weakened, isAudited: Hardware == null, out _);

    /// <summary>Runs it with the auditor watching, whatever the machine.</summary>
    public string? RunAudited() => Run(Weakening.None, isAudited: true, out _);

    /// <inheritdoc/>
    public override string OperationOf(AccessSite site) => NameOf(OperationsOf(site));

    /// <summary>What a place does, as seen in a run; 0 where the run does not come by it.</summary>
    public DmaSync OperationsOf(AccessSite site)
    {
        Run(Weakening.None, isAudited: false, out Dictionary<AccessSite, DmaSync> operations);
        return operations.GetValueOrDefault(site);
    }

    /// <summary>Hand-overs in the words of bus_dma.</summary>
    public static string NameOf(DmaSync operations)
    {
        List<string> names = new List<string>();
        foreach ((DmaSync operation, string name) in s_names)
        {
            if ((operations & operation) != 0)
            {
                names.Add(name);
            }
        }

        return string.Join(" + ", names);
    }

    /// <summary>Runs something in a memory, and says what went wrong.</summary>
    public static string? FailureOf(SimulatedDma dma, Action body)
    {
        string? failure = null;
        using (dma.Install())
        {
            try
            {
                body();
            }
            catch (SimulationFailedException e)
            {
                failure = e.Message;
            }
        }

        dma.CheckGuards();
        return dma.Violations.Count == 0 ? failure : dma.Violations[0];
    }

    /// <summary>Runs it in a memory.</summary>
    /// <param name="dma">The memory.</param>
    /// <param name="operations">What each place did.</param>
    /// <returns>Null where it holds, else how it fails.</returns>
    protected abstract string? Run(SimulatedDma dma, out Dictionary<AccessSite, DmaSync> operations);

    private string? Run(Weakening weakened, bool isAudited, out Dictionary<AccessSite, DmaSync> operations)
    {
        string? failure = Run(0, weakened, isAudited, out operations);
        for (int seed = 1; failure == null && seed < Hardware?.Seeds; seed++)
        {
            failure = Run(seed, weakened, isAudited, out operations);
        }

        return failure;
    }

    private string? Run(
        int seed, Weakening weakened, bool isAudited, out Dictionary<AccessSite, DmaSync> operations)
    {
        using SimulatedDma dma = new SimulatedDma(new SimulatedDmaOptions
        {
            Cache = Hardware?.CreateCache(seed) ?? new CoherentCache(),
            AuditsOwnership = isAudited,
            WeakenedSite = weakened.Site,
            WeakenedOperations = weakened.Operations == 0 ? Everything : weakened.Operations,
        });
        return Run(dma, out operations);
    }
}
