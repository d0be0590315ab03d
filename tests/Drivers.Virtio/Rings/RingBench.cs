using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>A packed queue with the device's side of it.</summary>
internal sealed class RingBench : QueueBench
{
    public RingBench(int size, Features features = Features.None, int tableLength = 0)
        : base(size, features | Features.RingPacked, tableLength)
    {
    }

    public PackedRingModel Device => (PackedRingModel)Model;
}
