using System;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Rings.Packed;
using VirtioGuest.Hal;
using VirtioGuest.Recording;
using VirtioGuest.Simulation;

namespace VirtioGuest.Trace.Examples;

/// <summary>
/// A driver and a device on processors of their own, in weakly ordered memory; both sleep when they may.
/// </summary>
internal static class WeakStories
{
    private const int Size = 2;

    /// <summary>One buffer, with every barrier in its place.</summary>
    public static void RecordSound(string path)
    {
        using var explorer = new ScheduleExplorer(new ExplorationBounds { Ordering = MemoryOrdering.TotalStoreOrder });
        explorer.Record(
            memory => Create(memory, Features.RingPacked),
            "0 1 0 1 0 1 0 1 0 1 0 1 0",
            path,
            "One buffer between two processors",
            "Driver and device on processors with store buffers, as x86 has them: what one stores, the other may see "
                + "later. The panel of what each side sees shows the difference. Nothing goes wrong.");
    }

    /// <summary>The kick's barrier is left out, and a store is delayed past a load.</summary>
    public static void RecordLostWakeUp(string path) => RecordFailure(
        new ExplorationBounds
        {
            Ordering = MemoryOrdering.TotalStoreOrder,
            Deviations = 2,
            WeakenedSite = PackedSites.NotificationBarrier,
        },
        memory => Create(memory, Features.RingPacked),
        path,
        "The lost wake-up",
        "The full barrier between publishing a buffer and reading the device's event suppression (site 111) is left "
            + "out. On x86 the store of the flags waits in the store buffer while the driver reads that no kick is "
            + "wanted; the device looks at the ring, sees nothing, and sleeps. Both sides sleep for ever.");

    /// <summary>Finds the first schedule that fails, and records it.</summary>
    /// <exception cref="InvalidOperationException">None fails.</exception>
    public static void RecordFailure(
        ExplorationBounds bounds, Func<WeakMemory, Scenario> create, string path, string title, string about)
    {
        using var explorer = new ScheduleExplorer(bounds);
        ExplorationResult result = explorer.Explore(create);
        if (result.Failure is null)
        {
            throw new InvalidOperationException($"no schedule fails: {result}");
        }

        explorer.Record(create, result.Choices, path, title, about);
    }

    /// <summary>A queue for the recording.</summary>
    public static RecordedQueue Describe(Virtqueue queue, Features features) => RecordedQueue.Of(
        0, "queue", queue.Size, queue.DescriptorArea, queue.DriverArea, queue.DeviceArea, (ulong)features);

    private static Scenario Create(WeakMemory memory, Features features)
    {
        Virtqueue queue = Virtqueue.TryCreate(memory.Dma, 0, Size, features)!;
        DmaMemory data = memory.Dma.Allocate(64, 64)!;
        DeviceQueue device = DeviceQueue.TryOpen(
            memory.GuestMemory,
            new QueueAreas(queue.DescriptorArea, queue.DriverArea, queue.DeviceArea),
            Size,
            (ulong)features,
            out _)!;
        Signal kick = memory.CreateSignal();
        Signal interrupt = memory.CreateSignal();
        return new Scenario()
            .Showing(Describe(queue, features))
            .AddProcessor("driver", () => Drive(queue, data, kick, interrupt))
            .AddProcessor("device", () => Serve(device, kick, interrupt), isBackground: true);
    }

    private static void Drive(Virtqueue queue, DmaMemory data, Signal kick, Signal interrupt)
    {
        queue.TryAdd([], [data.Segment(0, 16)], 0);
        if (queue.NeedsNotification())
        {
            kick.Set();
        }

        while (!queue.TryGetUsed(out _, out _))
        {
            if (!queue.EnableInterrupts())
            {
                interrupt.Wait();
            }

            queue.DisableInterrupts();
        }

        Scenario.Require(data.Load32(0) == 0x5A, "the buffer's content is missing");
    }

    private static void Serve(DeviceQueue queue, Signal kick, Signal interrupt)
    {
        while (true)
        {
            queue.SuppressNotifications();
            while (queue.TryPop() is { } chain)
            {
                chain.TryWrite(0, [0x5A, 0, 0, 0]);
                queue.Push(chain, 4);
                if (queue.Publish())
                {
                    interrupt.Set();
                }
            }

            if (!queue.EnableNotifications())
            {
                kick.Wait();
            }
        }
    }
}
