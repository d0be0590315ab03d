using System.Collections.Generic;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>A <see cref="DriverStory"/> on a machine whose devices do not see the cache.</summary>
/// <param name="Hardware">The machine; null for coherent memory under the eyes of the ownership auditor.</param>
/// <param name="What">The story.</param>
internal sealed record DriverTrial(CacheMachine? Hardware, DriverStory What) : HandOverTrial(Hardware)
{
    /// <inheritdoc/>
    public override string Subject => What.Device;

    /// <inheritdoc/>
    public override string Story => What.Name;

    /// <inheritdoc/>
    protected override string? Run(SimulatedDma dma, out Dictionary<AccessSite, DmaSync> operations)
    {
        using SimulatedMachine machine = new SimulatedMachine(dma);
        RecycledMemory memory = new RecycledMemory(dma);
        machine.UseDma(memory);
        operations = memory.Operations;
        return FailureOf(dma, () => What.Run(machine, dma));
    }
}
