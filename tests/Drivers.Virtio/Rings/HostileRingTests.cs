using System;
using System.Collections.Generic;
using System.Diagnostics;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Hostile;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Hostile;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>
/// Queues of every form whose device writes anything into what it may write: no exception, no token that is not in
/// flight, no length beyond the buffer, no access outside memory, nothing allocated, and all buffers come back.
/// </summary>
/// <remarks>
/// A case is a number. A failure tells which; <c>VIRTIOGUEST_SEED</c> with that number runs this one case again, in
/// every form.
/// </remarks>
public class HostileRingTests
{
    /// <summary>Cases that run before allocation is watched, because first times allocate.</summary>
    private const int WarmUp = 2000;

    private static readonly Features[] s_forms = [.. QueueForms.All];

    [Test]
    public void No_forged_ring_gets_through()
    {
        if (FuzzSeed.Given is int given)
        {
            Array.ForEach(s_forms, form => Try(form, given, false));
            return;
        }

        int seed = FuzzSeed.Draw();
        int cases = Nightly.Cases(41_000, 1_000_000);
        int[] faults = new int[Enum.GetValues<QueueFault>().Length];
        Stopwatch time = Stopwatch.StartNew();
        using Watchdog watchdog = new Watchdog(number => FuzzSeed.Describe(unchecked(seed + (int)number)));
        for (int i = 0; i < cases; i++)
        {
            watchdog.Begin(i);
            faults[(int)Try(s_forms[i % s_forms.Length], unchecked(seed + i), i >= WarmUp)]++;
        }

        TestContext.Out.WriteLine(
            $"seed {seed}: {cases} cases in {time.Elapsed.TotalSeconds:F1} s, {cases - faults[0]} broken queues");
        Assert.That(faults, Is.All.GreaterThan(0), "every fault is found in some case, and in some there is none");
    }

    private static QueueFault Try(Features form, int seed, bool allocatesNothing, bool isAgain = false)
    {
        try
        {
            return Run(form, new Random(seed), allocatesNothing);
        }
        catch (BrokenPromiseException exception) when (exception.MayBeTheRuntimes && !isAgain)
        {
            return Try(form, seed, allocatesNothing, isAgain: true);
        }
        catch (Exception exception)
        {
            throw new BrokenPromiseException($"{form} with {FuzzSeed.Describe(seed)}", exception);
        }
    }

    private static QueueFault Run(Features features, Random random, bool allocatesNothing)
    {
        int size = Virtqueue.LargestSize(features, random.Next(1, 9));
        using QueueBench bench = new QueueBench(size, features, QueueScenario.TableLength, random.Next(2) == 0);
        using IDisposable bounds = bench.Memory.Install(isAllThereIs: true);
        RingForgery forgery = new RingForgery(bench.Raw, new SeededRandom((ulong)random.NextInt64()));
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
                    forgery.Forge(bench.Areas, size, bench.IsPacked);
                    break;
                case 4:
                    long before = GC.GetAllocatedBytesForCurrentThread();
                    int count = bench.Queue.GetUsed(used);
                    ExpectNoAllocation(before, allocatesNothing);
                    for (int i = 0; i < count; i++)
                    {
                        bool isKnown = inFlight.Remove(used[i].Token, out int room);
                        Expect(isKnown && used[i].WrittenBytes <= (uint)room, "what comes back was in flight");
                    }

                    break;
                default:
                    long earlier = GC.GetAllocatedBytesForCurrentThread();
                    bench.Queue.NeedsNotification();
                    bench.Queue.EnableInterruptsDelayed(random.Next(101));
                    ExpectNoAllocation(earlier, allocatesNothing);
                    break;
            }

            Expect(bench.Queue.InFlight == inFlight.Count, "no buffer is lost");
        }

        Expect((bench.Queue.Fault != QueueFault.None) != bench.Queue.IsUsable, "a broken queue is not used");
        while (bench.Queue.TryDetach(out int token))
        {
            Expect(inFlight.Remove(token), "what comes back was in flight");
        }

        Expect(inFlight.Count == 0 && bench.Queue.FreeDescriptors == bench.Queue.Size, "all buffers come back");
        return bench.Queue.Fault;
    }

    private static void ExpectNoAllocation(long before, bool allocatesNothing)
    {
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        BrokenPromiseException.UnlessZero(allocatesNothing ? bytes : 0);
    }

    private static void Expect(bool condition, string promise) => BrokenPromiseException.Unless(condition, promise);
}
