using System;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Recording.Tests;

/// <summary>What a recording tells of the memory is what the memory held, at every step.</summary>
public class ReconstructionTests
{
    private const int Operations = 200;

    private static readonly Features[] s_forms =
    [
        Features.None, Features.EventIdx, Features.RingPacked, Features.RingPacked | Features.EventIdx,
        Features.RingPacked | Features.InOrder,
    ];

    [Test]
    public void Reconstruction_of_coherent_memory_is_what_it_held_at_every_step(
        [Range(1, 8)] int seed, [ValueSource(nameof(s_forms))] Features form) => Compare(seed, form, null);

    [Test]
    public void Reconstruction_behind_a_cache_is_what_devices_see_at_every_step(
        [Range(1, 4)] int seed, [ValueSource(nameof(s_forms))] Features form) =>
        Compare(seed, form, new PrefetchingCache(CacheTiming.Random, seed, lineSize: 4));

    [Test]
    public void Reconstruction_of_a_schedule_ends_with_what_its_memory_ends_with()
    {
        byte[] end = [];
        Scenario Create(WeakMemory memory)
        {
            DmaMemory word = memory.Dma.Allocate(64, 64)!;
            return new Scenario
            {
                Check = () => end = word.Bytes(0, 64).ToArray(),
            }.AddProcessor("driver", () => Write(word, 0)).AddProcessor("device", () => Write(word, 32));
        }

        foreach (MemoryOrdering ordering in Enum.GetValues<MemoryOrdering>())
        {
            using var explorer = new ScheduleExplorer(new ExplorationBounds { Ordering = ordering });
            string path = Samples.PathOf($"schedule-{ordering}.jsonl");
            explorer.Record(Create, string.Empty, path, "two writers");
            Recording recording = Recording.Read(path);
            var memory = new Reconstruction(recording.Header);
            recording.Steps.ForEach(step => memory.Apply(step));
            ulong start = recording.Steps.Min(step => step.Address);
            Assert.That(memory.Newest(start, 64), Is.EqualTo(end).And.Some.Not.Zero);
        }
    }

    private static void Write(DmaMemory memory, uint offset)
    {
        for (uint i = 0; i < 8; i++)
        {
            memory.Store32(offset + (4 * i), (offset + i) * 0x01010101);
        }
    }

    private static void Compare(int seed, Features form, CacheModel? cache)
    {
        using var exchange = new RandomExchange(seed, form, 8, cache);
        Recording recording = Recording.Read(new StringReader(exchange.Run(Operations)));
        var memory = new Reconstruction(recording.Header);
        int done = 0;
        RecordedQueue queue = exchange.Queue;
        foreach ((int steps, byte[] areas) in exchange.Truth)
        {
            while (done < steps)
            {
                memory.Apply(recording.Steps[done++]);
            }

            byte[] seen =
            [
                .. memory.SeenBy(1, queue.DescriptorArea, queue.DescriptorLength),
                .. memory.SeenBy(1, queue.DriverArea, queue.DriverLength),
                .. memory.SeenBy(1, queue.DeviceArea, queue.DeviceLength),
            ];
            Assert.That(seen, Is.EqualTo(areas), $"the areas after step {steps}");
        }

        Assert.That(done, Is.GreaterThan(Operations));
    }
}
