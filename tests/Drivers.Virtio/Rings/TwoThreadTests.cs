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
    private static TimeSpan Running => TimeSpan.FromSeconds(1);

    private static TimeSpan Finishing => TimeSpan.FromSeconds(60);

    [Test]
    public void Every_buffer_comes_back_once_with_the_length_that_was_meant_for_it([Values(3, 8, 17)] int size)
    {
        using SimulatedMemory memory = new SimulatedMemory { IsCoherent = true };
        PackedVirtqueue queue = PackedVirtqueue.TryCreate(memory, 0, size)!;
        using CancellationTokenSource stop = new CancellationTokenSource(Running + Finishing);
        Task device = Task.Run(() => RunDevice(memory, queue, new Random(size), stop.Token));

        Stopwatch time = Stopwatch.StartNew();
        Dictionary<int, uint> inFlight = new Dictionary<int, uint>();
        DmaSegment[] segments = new DmaSegment[2];
        int added = 0;
        while ((time.Elapsed < Running || inFlight.Count != 0) && !stop.IsCancellationRequested && !device.IsCompleted)
        {
            // The device writes as many bytes as the readable segment's address says.
            uint length = (uint)(added * 7919) & 0xFFFF;
            segments[0] = new DmaSegment(length, 1);
            segments[1] = new DmaSegment(0, 0x10000);
            if (time.Elapsed < Running
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
        Assert.That(added, Is.GreaterThan(100 * size));
        TestContext.Out.WriteLine($"{added} buffers");
    }

    private static void RunDevice(SimulatedMemory memory, PackedVirtqueue queue, Random random, CancellationToken stop)
    {
        PackedRingModel ring = new PackedRingModel(
            memory, queue.DescriptorArea, queue.DriverArea, queue.DeviceArea, queue.Size);
        List<TakenBuffer> taken = new List<TakenBuffer>();
        while (!stop.IsCancellationRequested)
        {
            if (ring.TryTake() is { } buffer)
            {
                taken.Add(buffer);
            }
            else if (taken.Count != 0)
            {
                int pick = random.Next(taken.Count);
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
