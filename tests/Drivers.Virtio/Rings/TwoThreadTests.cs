using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>Driver and device on two real threads, for a bounded time.</summary>
public class TwoThreadTests
{
    private static TimeSpan Running => TimeSpan.FromSeconds(Nightly.IsOn ? 5 : 0.1);

    private static TimeSpan Finishing => TimeSpan.FromSeconds(60);

    [Test]
    public void Every_buffer_comes_back_once_with_the_length_that_was_meant_for_it(
        [ValueSource(typeof(QueueForms), nameof(QueueForms.All))] RingFeatures features, [Values(2, 17)] int maximum)
    {
        using SimulatedMemory memory = new SimulatedMemory { IsCoherent = true };
        int size = Virtqueue.LargestSize(features, maximum);
        Virtqueue queue = Virtqueue.TryCreate(memory, 0, size, features, 2)!;
        using CancellationTokenSource stop = new CancellationTokenSource(Running + Finishing);
        Task device = Task.Run(() => RunDevice(memory, queue, new Random(size), stop.Token));

        Stopwatch time = Stopwatch.StartNew();
        Dictionary<int, uint> inFlight = new Dictionary<int, uint>();
        DmaSegment[] segments = new DmaSegment[2];
        int added = 0;
        bool isAdding = true;
        while ((isAdding || inFlight.Count != 0) && !stop.IsCancellationRequested && !device.IsCompleted)
        {
            // However little of the processors there is for this: so many have to come back.
            isAdding = time.Elapsed < Running || added < 20 * size;

            // The device writes as many bytes as the readable segment's address says.
            uint length = (uint)(added * 7919) & 0xFFFF;
            segments[0] = new DmaSegment(length, 1);
            segments[1] = new DmaSegment(0, 0x10000);
            if (isAdding
                && queue.TryAdd(segments.AsSpan(0, 1), segments.AsSpan(1, 1), added) == AddStatus.Ok)
            {
                inFlight.Add(added++, length);
                continue;
            }

            while (queue.TryGetUsed(out int token, out uint written))
            {
                Assert.That(inFlight.Remove(token, out uint expected), Is.True);
                Assert.That(written, Is.EqualTo(expected));
            }

            Thread.Yield();
        }

        stop.Cancel();
        Assert.That(device.Wait(Finishing), Is.True);
        Assert.That(queue.Fault, Is.EqualTo(QueueFault.None));
        Assert.That(memory.Violations, Is.Empty);
        Assert.That(inFlight, Is.Empty);
        Assert.That(added, Is.GreaterThanOrEqualTo(20 * size));
        TestContext.Out.WriteLine($"{added} buffers");
    }

    private static void RunDevice(SimulatedMemory memory, Virtqueue queue, Random random, CancellationToken stop)
    {
        RingModel ring = RingModel.Create(
            memory, queue.DescriptorArea, queue.DriverArea, queue.DeviceArea, queue.Size, (ulong)queue.Features);
        List<TakenBuffer> taken = new List<TakenBuffer>();
        while (!stop.IsCancellationRequested)
        {
            if (ring.TryTake() is { } buffer)
            {
                taken.Add(buffer);
            }
            else if (taken.Count != 0)
            {
                int pick = ring.IsInOrder ? 0 : random.Next(taken.Count);
                ring.Use(taken[pick], (uint)taken[pick].Elements[0].Address);
                taken.RemoveAt(pick);
            }
            else
            {
                Thread.Yield();
            }
        }
    }
}
