using System;
using NUnit.Framework;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Rings.Packed;
using VirtioGuest.Drivers.Virtio.Rings.Split;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// NetBSD kern/60144: a driver that polled for a used buffer made no PREREAD between two looks. On a machine whose
/// cache does not see the device, it looked at the line of its first look for ever.
/// </summary>
public class PollingLoopTests
{
    private const int Patience = 1000;
    private const int Never = 0;

    [TestCase(Features.RingPacked, PackedSites.SlotToDevice)]
    [TestCase(Features.None, SplitSites.UsedIndexToDevice)]
    public void Without_a_PREREAD_between_two_looks_a_polling_loop_never_ends(Features form, AccessSite preRead)
    {
        Assert.That(LooksUntilFound(new Mc68030Cache(), form, preRead), Is.EqualTo(Never));
        Assert.That(LooksUntilFound(new Mc68040Cache(), form, preRead), Is.EqualTo(Never));
    }

    [TestCase(Features.RingPacked, PackedSites.SlotToDevice)]
    [TestCase(Features.None, SplitSites.UsedIndexToDevice)]
    public void Where_the_machine_is_coherent_nobody_notices(Features form, AccessSite preRead) =>
        Assert.That(LooksUntilFound(new CoherentCache(), form, preRead), Is.EqualTo(1));

    [TestCase(Features.RingPacked)]
    [TestCase(Features.None)]
    public void With_it_the_first_look_after_the_device_has_used_the_buffer_finds_it(Features form)
    {
        CacheModel[] caches = { new Mc68030Cache(), new Mc68040Cache(), new PrefetchingCache() };
        foreach (CacheModel cache in caches)
        {
            Assert.That(LooksUntilFound(cache, form, AccessSite.Unnamed), Is.EqualTo(1), cache.Name);
        }
    }

    /// <summary>
    /// Looks a few times in vain, lets the device use the buffer, and counts the looks until it is found.
    /// </summary>
    private static int LooksUntilFound(CacheModel cache, Features form, AccessSite weakened)
    {
        using SimulatedDma dma = new SimulatedDma(new SimulatedDmaOptions
        {
            Cache = cache,
            WeakenedSite = weakened,
            AuditsOwnership = weakened == AccessSite.Unnamed,
        });
        using IDisposable installed = dma.Install();
        Virtqueue queue = Virtqueue.TryCreate(dma, 0, 4, form)!;
        DmaMemory data = dma.Allocate(64, 64)!;
        QueueAreas areas = new QueueAreas(queue.DescriptorArea, queue.DriverArea, queue.DeviceArea);
        DeviceQueue device = DeviceQueue.TryOpen(dma.GuestMemory, areas, 4, (ulong)form, out _)!;

        data.Sync(0, 64, DmaSync.PreRead);
        queue.TryAdd(default, new[] { data.Segment(0, 64) }, 7);
        DeviceChain chain = device.TryPop()!;
        for (int look = 0; look < 3; look++)
        {
            Assert.That(queue.TryGetUsed(out _, out _), Is.False);
        }

        device.Push(chain, 64);
        device.Publish();
        for (int look = 1; look <= Patience; look++)
        {
            if (queue.TryGetUsed(out int token, out uint written))
            {
                Assert.That((token, written), Is.EqualTo((7, 64u)));
                Assert.That(dma.Violations, Is.Empty);
                return look;
            }
        }

        return Never;
    }
}
