using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>
/// Queues of every form whose device writes anything into what it may write: no exception, no token that is not in
/// flight, no length beyond the buffer, no access outside memory, and all buffers come back.
/// </summary>
public class HostileRingTests
{
    [Test]
    public void No_forged_ring_gets_through()
    {
        string? given = Environment.GetEnvironmentVariable("VIRTIOGUEST_SEED");
        int seed = given == null ? Environment.TickCount : int.Parse(given, null);
        RingFeatures[] forms = [.. QueueForms.All];
        int cases = Nightly.Cases(50_000, 1_000_000);
        int broken = 0;
        for (int i = 0; i < cases; i++)
        {
            int own = unchecked(seed + i);
            try
            {
                broken += Run(forms[i % forms.Length], new Random(own)) ? 1 : 0;
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException(
                    $"{forms[i % forms.Length]} with VIRTIOGUEST_SEED={own - i} at case {i}", exception);
            }
        }

        TestContext.Out.WriteLine($"seed {seed}: {cases} cases, {broken} broken queues");
        Assert.That(broken, Is.GreaterThan(cases / 10).And.LessThan(cases));
    }

    private static bool Run(RingFeatures features, Random random)
    {
        using QueueBench bench = new QueueBench(
            Virtqueue.LargestSize(features, random.Next(1, 9)), features, QueueScenario.TableLength);
        Dictionary<int, int> inFlight = new Dictionary<int, int>();
        UsedBuffer[] used = new UsedBuffer[3];
        int nextToken = 0;
        int steps = random.Next(60);
        for (int step = 0; step < steps; step++)
        {
            switch (random.Next(6))
            {
                case 0:
                case 1:
                    int writable = random.Next(3);
                    if (bench.Add(random.Next(2), writable, nextToken) == AddStatus.Ok)
                    {
                        inFlight.Add(nextToken++, writable * (writable + 1) / 2);
                    }

                    break;
                case 2:
                case 3:
                    bench.Model.Scribble((uint)random.Next() * 2);
                    break;
                case 4:
                    int count = bench.Queue.GetUsed(used);
                    for (int i = 0; i < count; i++)
                    {
                        Expect(inFlight.Remove(used[i].Token, out int room) && used[i].WrittenBytes <= (uint)room);
                    }

                    break;
                default:
                    bench.Queue.NeedsNotification();
                    bench.Queue.EnableInterruptsDelayed(random.Next(101));
                    break;
            }

            Expect(bench.Queue.InFlight == inFlight.Count);
        }

        bool isBroken = bench.Queue.Fault != QueueFault.None;
        Expect(isBroken != bench.Queue.IsUsable);
        while (bench.Queue.TryDetach(out int token))
        {
            Expect(inFlight.Remove(token));
        }

        Expect(inFlight.Count == 0 && bench.Queue.FreeDescriptors == bench.Queue.Size);
        return isBroken;
    }

    private static void Expect(bool condition)
    {
        if (!condition)
        {
            throw new InvalidOperationException("the device got through");
        }
    }
}
