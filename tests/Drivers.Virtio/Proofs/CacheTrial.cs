using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>A <see cref="LockStepStory"/> on a machine whose devices do not see the cache.</summary>
/// <param name="Hardware">The machine; null for coherent memory under the eyes of the ownership auditor.</param>
/// <param name="Form">The ring.</param>
/// <param name="What">The story.</param>
internal sealed record CacheTrial(CacheMachine? Hardware, Features Form, LockStepStory What)
    : HandOverTrial(Hardware)
{
    /// <inheritdoc/>
    public override string Subject => Proofs.Form.NameOf(Form);

    /// <inheritdoc/>
    public override string Story => What.Name;

    /// <inheritdoc/>
    protected override string? Run(SimulatedDma dma, out Dictionary<AccessSite, DmaSync> operations)
    {
        RecycledMemory memory = new RecycledMemory(dma);
        operations = memory.Operations;
        return FailureOf(dma, () => What.Run(dma, memory, Form));
    }
}
