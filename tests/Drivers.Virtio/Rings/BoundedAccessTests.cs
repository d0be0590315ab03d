using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>What is checked at every access of a driver to memory, checked itself.</summary>
public class BoundedAccessTests
{
    [TestCase(12u, true)]
    [TestCase(13u, false, Description = "its last byte lies outside")]
    [TestCase(16u, false)]
    [TestCase(uint.MaxValue, false)]
    public unsafe void An_access_that_leaves_memory_is_a_violation_and_touches_nothing(uint offset, bool isInside)
    {
        using SimulatedDma memory = new SimulatedDma(new SimulatedDmaOptions { WatchesHandOvers = true });
        DmaMemory region = memory.Allocate(16, 16)!;
        using (memory.Install(isAllThereIs: true))
        {
            SharedMemory.Store32(region.Address, offset, 0x12345678);
            Assert.That(SharedMemory.Load32(region.Address, offset), Is.EqualTo(isInside ? 0x12345678 : 0));
        }

        Assert.That(memory.Violations, Has.Count.EqualTo(isInside ? 0 : 2));
        memory.Violations.Clear();
        memory.CheckGuards();
        Assert.That(memory.Violations, Is.Empty);
    }

    [Test]
    public unsafe void So_is_one_to_memory_that_was_given_back()
    {
        using SimulatedDma memory = new SimulatedDma(new SimulatedDmaOptions { WatchesHandOvers = true });
        DmaMemory region = memory.Allocate(16, 16)!;
        region.Free();
        using (memory.Install(isAllThereIs: true))
        {
            SharedMemory.LoadAcquire16(region.Address, 0);
        }

        Assert.That(memory.Violations, Has.Count.EqualTo(1));
    }
}
