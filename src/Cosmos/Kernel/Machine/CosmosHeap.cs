using Cosmos.Core.Memory;

namespace VirtioGuest.Cosmos.Kernel.Machine;

/// <summary>Cosmos' heap.</summary>
internal sealed class CosmosHeap : HeapPages
{
    /// <inheritdoc/>
    public override uint Free => RAT.FreePageCount;

    /// <inheritdoc/>
    public override void Collect() => Heap.Collect();
}
