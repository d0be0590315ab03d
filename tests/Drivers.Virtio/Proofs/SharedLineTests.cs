using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// Four packed descriptors share a cache line of 64 bytes, and a descriptor that the driver writes may lie beside one
/// that the device writes. Whatever the driver hands over, its line takes the neighbours along; only memory that the
/// machine keeps coherent helps, so that is what the ring asks for.
/// </summary>
public class SharedLineTests
{
    private const int Size = 4;
    private const int MostAccesses = 16;

    [Test]
    public void In_non_coherent_memory_a_used_descriptor_beside_a_new_one_is_lost()
    {
        List<string> failures = AtEveryAccess(() => new PrefetchingCache(CacheTiming.Never), hidesItsLines: true);
        TestContext.Out.WriteLine(string.Join('\n', failures));
        Assert.That(failures, Is.Not.Empty.And.All.EqualTo("the used descriptor of the first buffer is lost"));
    }

    [Test]
    public void In_the_memory_that_the_ring_asks_for_it_is_not()
    {
        foreach (CacheTiming timing in new[] { CacheTiming.Never, CacheTiming.Eager })
        {
            Assert.That(AtEveryAccess(() => new PrefetchingCache(timing), hidesItsLines: false), Is.Empty);
        }
    }

    [Test]
    public void Where_a_line_is_as_long_as_a_descriptor_hand_overs_are_enough()
    {
        Func<CacheModel>[] caches =
        {
            () => new Mc68030Cache(),
            () => new Mc68040Cache(),
            () => new Mc68040Cache(CacheTiming.Eager),
            () => new PrefetchingCache(CacheTiming.Eager, lineSize: 16),
        };
        foreach (Func<CacheModel> create in caches)
        {
            Assert.That(AtEveryAccess(create, hidesItsLines: false), Is.Empty, create().ToString());
        }
    }

    [Test]
    public void Without_any_coherent_memory_a_packed_ring_is_refused_and_a_split_one_works()
    {
        using SimulatedDma dma = new SimulatedDma(new SimulatedDmaOptions
        {
            Cache = new PrefetchingCache(),
            HasCoherentMemory = false,
        });
        using IDisposable installed = dma.Install();
        Assert.That(Virtqueue.TryCreate(dma, 0, Size, Features.RingPacked), Is.Null);
        const Features WithTables = Features.RingPacked | Features.IndirectDesc;
        Assert.That(Virtqueue.TryCreate(dma, 0, Size, WithTables, new ChainShape(3)), Is.Null);
        Assert.That(dma.Allocated - dma.Freed, Is.Zero, "memory of a ring that was not made");
        LockStepStory.Polling.Run(dma, new RecycledMemory(dma), Features.None);
        Assert.That(dma.Violations, Is.Empty);
    }

    [TestCase(FeatureBit.RingPacked, "cannot be given memory for its queues")]
    [TestCase(0UL, "")]
    public void A_driver_says_so_and_drives_a_device_with_split_rings(ulong format, string reason)
    {
        using SimulatedDma dma = new SimulatedDma(new SimulatedDmaOptions
        {
            Cache = new PrefetchingCache(),
            HasCoherentMemory = false,
        });
        using SimulatedMachine machine = new SimulatedMachine(dma);
        machine.UseDma(new RecycledMemory(dma));
        using IDisposable installed = dma.Install();
        BlockDevice model = new BlockDevice(dma.GuestMemory, 8) { OfferedFeatures = FeatureBit.Version1 | format };
        VirtioBlock disk = new VirtioBlock(Attachment.OverMmio(machine, model), "disk0", new NoEvents());
        Assert.That(disk.TryStart(out Failure? failure), Is.EqualTo(reason.Length == 0));
        Assert.That(failure?.ToString() ?? "", Is.EqualTo(reason));
        disk.Stop();
        Assert.That(dma.Freed, Is.EqualTo(dma.Allocated));
        Assert.That(dma.Violations, Is.Empty);
    }

    /// <summary>
    /// The device uses one buffer while the driver adds another: before each of its accesses once.
    /// </summary>
    /// <returns>What went wrong; empty where nothing did.</returns>
    private static List<string> AtEveryAccess(Func<CacheModel> createCache, bool hidesItsLines)
    {
        List<string> failures = new List<string>();
        for (int access = 0; access < MostAccesses; access++)
        {
            using SimulatedDma dma = new SimulatedDma(new SimulatedDmaOptions
            {
                Cache = createCache(),
                AuditsOwnership = !hidesItsLines,
            });
            RecycledMemory memory = new RecycledMemory(dma) { HidesItsLines = hidesItsLines };
            using IDisposable installed = dma.Install();
            if (Run(dma, memory, access) is string failure)
            {
                failures.Add(failure);
            }

            failures.AddRange(dma.Violations.Take(1));
        }

        return failures;
    }

    private static string? Run(SimulatedDma dma, RecycledMemory memory, int access)
    {
        Virtqueue queue = Virtqueue.TryCreate(memory, 0, Size, Features.RingPacked)!;
        DmaMemory data = memory.Allocate(128, 64)!;
        QueueAreas areas = new QueueAreas(queue.DescriptorArea, queue.DriverArea, queue.DeviceArea);
        DeviceQueue device = DeviceQueue.TryOpen(dma.GuestMemory, areas, Size, (ulong)Features.RingPacked, out _)!;
        data.Sync(0, 128, DmaSync.PreRead);
        queue.TryAdd(default, new[] { data.Segment(0, 64) }, 0);
        DeviceChain first = device.TryPop()!;

        using (Steps interrupted = new Steps())
        {
            interrupted.Arm(access, () => Use(device, first));
            memory.BeforeHandOver = interrupted.Take;
            queue.TryAdd(default, new[] { data.Segment(64, 64) }, 1);
            interrupted.Act();
        }

        if (!IsFoundSoon(queue, 0))
        {
            return "the used descriptor of the first buffer is lost";
        }

        if (device.TryPop() is not { } second)
        {
            return "the second buffer is lost";
        }

        Use(device, second);
        return IsFoundSoon(queue, 1) ? null : "the used descriptor of the second buffer is lost";
    }

    private static void Use(DeviceQueue device, DeviceChain chain)
    {
        device.Push(chain, (uint)chain.WritableLength);
        device.Publish();
    }

    private static bool IsFoundSoon(Virtqueue queue, int token)
    {
        for (int look = 0; look < 100; look++)
        {
            if (queue.TryGetUsed(out int found, out uint written))
            {
                return found == token && written == 64;
            }
        }

        return false;
    }
}
