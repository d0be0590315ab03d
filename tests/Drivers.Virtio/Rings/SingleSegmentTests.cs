using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>
/// Buffers of one segment, which have a shorter way into the ring, and tokens, which have one out of it.
/// </summary>
public class SingleSegmentTests
{
    private const int Size = 8;

    private static readonly Features[] s_formats = QueueForms.Formats;

    private static readonly Features[] s_forms = QueueForms.All.ToArray();

    [Test]
    public void Buffers_come_to_the_device_and_back_as_others_do(
        [ValueSource(nameof(s_forms))] Features form, [Values] bool isCoherent, [Values] bool isWritable)
    {
        bool isInOrder = (form & Features.InOrder) != 0;
        using QueueBench bench = new QueueBench(Size, form, tableLength: 4, isCoherent);
        Random random = new Random(1);
        int next = 0;
        List<(int Token, DeviceChain Chain)> taken = new List<(int, DeviceChain)>();
        int[] tokens = new int[Size + 1];
        for (int round = 0; round < 200; round++)
        {
            int room = bench.Queue.FreeDescriptors;
            for (int i = 0; i < room; i++)
            {
                DmaSegment segment = new DmaSegment((ulong)next << 12, (uint)next + 1);
                Assert.That(bench.Queue.TryAdd(segment, isWritable, next), Is.EqualTo(AddStatus.Ok));
                DeviceChain chain = bench.Take();
                Assert.That(
                    chain.Elements.ToArray(),
                    Is.EqualTo(new[] { new ChainElement(segment.DeviceAddress, segment.Length, isWritable) }));
                taken.Add((next++, chain));
            }

            Assert.That(bench.Queue.TryAdd(new DmaSegment(0, 1), isWritable, -1), Is.EqualTo(AddStatus.Full));
            List<int> expected = new List<int>();
            int count = random.Next(Size + 1);
            for (int i = 0; i < count; i++)
            {
                int which = isInOrder ? 0 : random.Next(taken.Count);
                expected.Add(taken[which].Token);
                bench.Use(taken[which].Chain, 0);
                taken.RemoveAt(which);
            }

            // A look ahead comes in between now and then, and what it finds counts.
            if (random.Next(2) == 0)
            {
                Assert.That(bench.Queue.EnableInterrupts(), Is.EqualTo(count != 0));
            }

            int got = bench.Queue.GetTokens(new Span<int>(tokens, 0, Math.Max(count / 2, 1)));
            got += bench.Queue.GetTokens(new Span<int>(tokens, got, tokens.Length - got));
            Assert.That(tokens.Take(got), Is.EqualTo(expected), $"round {round}");
            Assert.That(bench.Queue.InFlight, Is.EqualTo(Size - count));
        }
    }

    [Test]
    public void An_empty_segment_is_refused([ValueSource(nameof(s_formats))] Features format, [Values] bool isCoherent)
    {
        using QueueBench bench = new QueueBench(Size, format, tableLength: 0, isCoherent);
        Assert.That(bench.Queue.TryAdd(new DmaSegment(4096, 0), true, 1), Is.EqualTo(AddStatus.Invalid));
        Assert.That(bench.Queue.FreeDescriptors, Is.EqualTo(Size));
    }

    [Test]
    public void What_no_device_may_write_breaks_the_queue(
        [ValueSource(nameof(s_formats))] Features format, [Values] bool isCoherent, [Values(0, 3, 8, 0xFFFF)] int id)
    {
        using QueueBench bench = new QueueBench(Size, format, tableLength: 0, isCoherent);
        bench.Queue.TryAdd(new DmaSegment(4096, 1), false, 1);
        bench.Queue.TryAdd(new DmaSegment(4096, 1), false, 2);
        DeviceChain chain = bench.Take();
        ushort first = chain.Id;
        bench.Use(chain, 0);
        bench.Take();
        bench.Device.Forge(id == 0 ? first : (ushort)id);
        int[] tokens = new int[Size];
        Assert.That(bench.Queue.GetTokens(tokens), Is.EqualTo(1));
        Assert.That(tokens[0], Is.EqualTo(1));
        Assert.That(
            bench.Queue.Fault,
            Is.EqualTo(id switch
            {
                0 => QueueFault.BufferUsedTwice,
                3 => QueueFault.BufferNeverAvailable,
                _ => QueueFault.BufferIdOutOfRange,
            }));
        Assert.That(bench.Queue.GetTokens(tokens), Is.Zero);
        Assert.That(bench.Queue.TryAdd(new DmaSegment(4096, 1), false, 3), Is.EqualTo(AddStatus.Unusable));
    }

    [Test]
    public void Chains_give_back_all_their_descriptors_with_their_token(
        [ValueSource(nameof(s_formats))] Features format, [Values] bool isCoherent)
    {
        using QueueBench bench = new QueueBench(Size, format, tableLength: 0, isCoherent);
        int[] tokens = new int[Size];
        for (int round = 0; round < 20; round++)
        {
            bench.Add(3, 0, 1);
            bench.Add(2, 0, 2);
            DeviceChain first = bench.Take();
            DeviceChain second = bench.Take();
            bench.Use(second, 0);
            bench.Use(first, 0);
            Assert.That(bench.Queue.GetTokens(tokens), Is.EqualTo(2));
            Assert.That(tokens.Take(2), Is.EqualTo(new[] { 2, 1 }));
            Assert.That(bench.Queue.FreeDescriptors, Is.EqualTo(Size));
        }
    }
}
