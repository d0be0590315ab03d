using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Rings.Packed;
using VirtioGuest.Drivers.Virtio.Rings.Split;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// Everything that a buffer leads to is handed over before the one store that publishes it (virtio 1.4, 2.7.13 and
/// 2.8.21): from that store on the device may look, although the store itself may stay in a cache for a while.
/// </summary>
public unsafe class PublishingOrderTests
{
    private const int Size = 8;
    private const int Rounds = 12;
    private const uint PartLength = 64;
    private const int LongestChain = 4;

    [Test]
    public void At_the_publishing_store_all_else_is_handed_over(
        [ValueSource(typeof(Form), nameof(Form.All))] Features form, [Values(1, 2, 3, LongestChain)] int segments)
    {
        using SimulatedDma dma = new SimulatedDma(new SimulatedDmaOptions { Cache = new Mc68040Cache() });
        using IDisposable installed = dma.Install();
        RecycledMemory memory = new RecycledMemory(dma);
        Virtqueue queue = Virtqueue.TryCreate(memory, 0, Size, form, new ChainShape(LongestChain))!;
        DmaMemory data = memory.Allocate(LongestChain * PartLength, PartLength)!;
        QueueAreas areas = new QueueAreas(queue.DescriptorArea, queue.DriverArea, queue.DeviceArea);
        DeviceQueue device = DeviceQueue.TryOpen(dma.GuestMemory, areas, Size, (ulong)form, out _)!;

        using (Watch watch = new Watch(memory))
        {
            for (int round = 0; round < Rounds; round++)
            {
                Exchange(queue, device, data, segments, round);
            }

            Assert.That(watch.Published, Is.EqualTo(Rounds), "stores that publish");
            Assert.That(watch.Late, Is.Empty);
        }

        Assert.That(dma.Violations, Is.Empty);
    }

    private static void Exchange(Virtqueue queue, DeviceQueue device, DmaMemory data, int segments, int round)
    {
        const DmaSync Give = DmaSync.PreWrite | DmaSync.PreRead;
        const DmaSync Take = DmaSync.PostWrite | DmaSync.PostRead;
        uint length = (uint)segments * PartLength;
        DmaSegment[] parts = new DmaSegment[segments];
        for (uint i = 0; i < segments; i++)
        {
            data.Store32(i * PartLength, (uint)round);
            parts[i] = data.Segment(i * PartLength, PartLength);
        }

        int readable = segments / 2;
        data.Sync(0, length, Give, ProofSites.Data);
        AddStatus status = queue.TryAdd(parts.AsSpan(0, readable), parts.AsSpan(readable), round);
        Assert.That(status, Is.EqualTo(AddStatus.Ok));
        DeviceChain? chain = device.TryPop();
        Assert.That(chain, Is.Not.Null, "the device finds the buffer");
        device.Push(chain!, 0);
        device.Publish();
        Assert.That(queue.TryGetUsed(out int token, out _), Is.True);
        Assert.That(token, Is.EqualTo(round));
        data.Sync(0, length, Take, ProofSites.Data);
    }

    /// <summary>
    /// Knows of each byte whether the driver has written it since it was last handed over, and looks at every store
    /// that publishes something whether another one was.
    /// </summary>
    private sealed class Watch : MemorySimulation, IDisposable
    {
        private readonly MemorySimulation _inner = Current!;
        private readonly RecycledMemory _memory;
        private readonly HashSet<nuint> _kept = new HashSet<nuint>();

        public Watch(RecycledMemory memory)
        {
            _memory = memory;
            _memory.OnHandOver = HandOver;
            Current = this;
        }

        /// <summary>How many stores have published something.</summary>
        public int Published { get; private set; }

        /// <summary>What was not handed over when it was published.</summary>
        public List<string> Late { get; } = new List<string>();

        public override ulong Load(byte* address, int size, AccessSite site) => _inner.Load(address, size, site);

        public override ulong LoadAcquire(byte* address, int size, AccessSite site) =>
            _inner.LoadAcquire(address, size, site);

        public override void Store(byte* address, int size, ulong value, AccessSite site)
        {
            Note(address, size);
            _inner.Store(address, size, value, site);
        }

        public override void StoreRelease(byte* address, int size, ulong value, AccessSite site)
        {
            if (site is PackedSites.PublishHead or SplitSites.PublishIndex)
            {
                Published++;
                if (_kept.Count != 0)
                {
                    Late.Add($"store {Published}: {_kept.Count} bytes are written and not handed over");
                }
            }

            Note(address, size);
            _inner.StoreRelease(address, size, value, site);
        }

        public override void FullBarrier(AccessSite site) => _inner.FullBarrier(site);

        public void Dispose()
        {
            _memory.OnHandOver = (_, _, _) => { };
            Current = _inner;
        }

        private void Note(byte* address, int size)
        {
            // The device has a view of its own, at other addresses.
            for (int i = 0; i < size && _memory.Holds((nuint)address); i++)
            {
                _kept.Add((nuint)address + (nuint)i);
            }
        }

        private void HandOver(nuint start, uint length, DmaSync operation)
        {
            for (uint i = 0; i < length && (operation & DmaSync.PreWrite) != 0; i++)
            {
                _kept.Remove(start + i);
            }
        }
    }
}
