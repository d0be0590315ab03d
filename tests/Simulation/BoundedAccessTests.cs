using NUnit.Framework;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation.Tests;

/// <summary>What is audited where there is no cache: accesses outside of memory, and hand-overs.</summary>
[TestFixture]
internal sealed class BoundedAccessTests
{
    [TestCase(12u, true)]
    [TestCase(13u, false, Description = "its last byte lies outside")]
    [TestCase(16u, false)]
    [TestCase(uint.MaxValue, false)]
    public unsafe void An_access_that_leaves_memory_is_a_violation_and_touches_nothing(uint offset, bool isInside)
    {
        using SimulatedDma memory = new();
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
        using SimulatedDma memory = new();
        DmaMemory region = memory.Allocate(16, 16)!;
        region.Free();
        using (memory.Install(isAllThereIs: true))
        {
            SharedMemory.LoadAcquire16(region.Address, 0);
        }

        Assert.That(memory.Violations, Has.Count.EqualTo(1));
    }

    [Test]
    public void Hand_overs_are_audited_and_nothing_has_to_be_installed()
    {
        using SimulatedDma memory = new(new SimulatedDmaOptions { WatchesHandOvers = true });
        int handOvers = 0;
        memory.BeforeHandOver = () => handOvers++;
        DmaMemory region = memory.Allocate(16, 16)!;
        Assert.That(region.IsCoherent, Is.False);
        region.Sync(0, 8, DmaSync.PreRead);
        Assert.That(memory.GuestMemory.TryWrite(region.DeviceAddress, new byte[8]), Is.True);
        region.Sync(0, 8, DmaSync.PostRead);
        Assert.That(memory.Violations, Is.Empty);
        Assert.That(handOvers, Is.EqualTo(2));

        memory.GuestMemory.TryWrite(region.DeviceAddress + 4, new byte[1]);
        Assert.That(memory.Violations, Has.Count.EqualTo(1).And.Some.Contains("no PREREAD"));
        region.Sync(0, 8, DmaSync.PostRead);
        Assert.That(memory.Violations, Has.Count.EqualTo(2));
        region.Sync(0, 8, DmaSync.PreWrite);
        region.Free();
        Assert.That(memory.Violations, Has.Count.EqualTo(3).And.Some.Contains("freed while"));
    }

    [Test]
    public void A_device_that_keeps_an_area_is_seen_to_use_it_after_its_end()
    {
        using SimulatedDma memory = new(new SimulatedDmaOptions { WatchesHandOvers = true });
        DmaMemory region = memory.Allocate(16, 16)!;
        GuestArea area = memory.GuestMemory.TryMap(region.DeviceAddress, 16, GuestAccess.ReadWrite)!;
        region.Free();
        area.Load16(0);
        Assert.That(memory.Violations, Has.Count.EqualTo(1).And.Some.Contains("freed memory"));
    }
}
