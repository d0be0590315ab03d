using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>A split queue with the device's side of it.</summary>
internal sealed class SplitBench : QueueBench
{
    public SplitBench(
        int size, Features features = Features.None, int tableLength = 0, bool isCoherent = false)
        : base(size, features & ~Features.RingPacked, tableLength, isCoherent)
    {
    }

    public SplitRingModel Device => (SplitRingModel)Model;
}
