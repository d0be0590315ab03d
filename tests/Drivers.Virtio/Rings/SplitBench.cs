using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>A split queue with the device's side of it.</summary>
internal sealed class SplitBench : QueueBench
{
    public SplitBench(int size, Features features = Features.None, int tableLength = 0)
        : base(size, features & ~Features.RingPacked, tableLength)
    {
    }

    public SplitRingModel Device => (SplitRingModel)Model;
}
