using System;
using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.DeviceConformance;

/// <summary>What a device does with rings (virtio 1.4, 2.6 to 2.8).</summary>
internal static class RingTests
{
    private const int Laps = 5;
    private const int Pieces = 4;

    public static DeviceTest[] All =>
    [
        new("ring.one", "A request is answered", "2.6", One) { IsPerForm = true },
        new("ring.many", "As many requests as the ring holds are answered, each once", "2.6", Many)
        {
            IsPerForm = true,
        },
        new("ring.wrap", "Rings are gone round many times", "2.7.13, 2.8.9", Wrap) { IsPerForm = true },
        new("ring.id", "Each buffer comes back under its own ID", "2.7.8, 2.8.6", OwnId) { IsPerForm = true },
        new("ring.length", "The used length is what was written", "2.7.8.2, 2.8.21", Length) { IsPerForm = true },
        new("ring.order", "ID and length are there before the buffer counts as used", "2.7.8.2, 2.8.21", Published)
        {
            IsPerForm = true,
        },
        new("ring.framing", "How a request is cut into descriptors makes no difference", "2.7.4.1, 2.8.8", Framing)
        {
            IsPerForm = true,
        },
        new("ring.readable", "What is for reading is not written to", "2.7.5.1, 2.8.13", ReadableStays)
        {
            IsPerForm = true,
        },
        new("ring.descriptors", "The descriptor table is left alone", "2.7.5", DescriptorsStay)
        {
            IsPerForm = true,
        },
        new("ring.smallest", "A ring of two descriptors works", "2.6", Smallest) { IsPerForm = true },
        new("ring.odd", "A packed ring of any size works", "2.8.10.1", Odd) { IsPerForm = true },
        new("ring.largest", "A ring of the largest size works", "2.6", Largest) { IsPerForm = true },
        new("ring.indirect", "Indirect descriptors work", "2.7.5.3, 2.8.7", Indirects) { IsPerForm = true },
        new("ring.reset", "A queue that was reset alone can be used again", "2.6.1.1", QueueReset) { IsPerForm = true },
        new("ring.in-order", "With IN_ORDER buffers come back in order", "2.7.9, 2.8.12", InOrder)
        {
            IsPerForm = true,
        },
        new("notify.interrupt", "A used buffer is told of", "2.7.7.2, 2.8.10", Interrupts) { IsPerForm = true },
        new("notify.suppressed", "Nothing is told of while the driver does not want it", "2.7.7.2, 2.8.10", Suppressed)
        {
            IsPerForm = true,
            Level = RequirementLevel.Should,
        },
        new("notify.event", "With EVENT_IDX the buffer that the driver named is told of", "2.7.7.2, 2.8.10", Event)
        {
            IsPerForm = true,
        },
        new("notify.early", "With EVENT_IDX no buffer before that is told of", "2.7.7.2, 2.8.10", NotEarly)
        {
            IsPerForm = true,
            Level = RequirementLevel.Should,
        },
        new("notify.idle", "An idle device does not interrupt", "2.3", Idle) { IsPerForm = true },
    ];

    private static void One(DeviceBench bench)
    {
        DeviceKind kind = GeneralTests.KindOf(bench);
        kind.Exercise(bench, bench.Start(kind), 1);
    }

    private static void Many(DeviceBench bench)
    {
        DeviceKind kind = GeneralTests.KindOf(bench);
        TestRing ring = bench.Start(kind, maximumSize: DeviceBench.Slots);
        kind.Exercise(bench, ring, ring.Size);
        kind.Exercise(bench, ring, ring.Size);
    }

    private static void Wrap(DeviceBench bench)
    {
        // Chains of three descriptors do not come out even with a ring of 8.
        DeviceKind kind = GeneralTests.KindOf(bench);
        TestRing ring = bench.Start(kind, maximumSize: 8);
        kind.Exercise(bench, ring, ring.Size * Laps);
    }

    private static void OwnId(DeviceBench bench)
    {
        DeviceKind kind = GeneralTests.KindOf(bench);
        TestRing ring = bench.Start(kind, maximumSize: DeviceBench.Slots);
        HashSet<uint> expected = [];
        int slot = 0;
        while (ring.Free >= Pieces && slot < DeviceBench.Slots)
        {
            TestSegment[] chain = kind.Prepare(bench, slot);
            bench.HandOver(slot);
            expected.Add(ring.Post(chain));
            slot++;
        }

        ring.Publish();
        ring.Kick();
        for (; slot > 0; slot--)
        {
            UsedElement used = bench.Take(ring);
            DeviceBench.Require(
                expected.Remove(used.Id),
                "gives back buffer " + DecimalText.Of(used.Id) + ", which it does not have or gave back before");
        }
    }

    private static void Length(DeviceBench bench)
    {
        DeviceKind kind = GeneralTests.KindOf(bench);
        TestRing ring = bench.Start(kind);
        TestSegment[] chain = kind.Prepare(bench, 0);
        bench.HandOver(0);
        ring.Post(chain);
        ring.Publish();
        ring.Kick();
        UsedElement used = bench.Take(ring);
        bench.TakeBack(0);
        if (kind.WritableBytes == 0)
        {
            // Without WRITE the length means nothing (virtio 1.4, 2.8.4), and in a split ring it is what was written.
            DeviceBench.Require(
                bench.Form.IsPacked || used.Length == 0,
                "says that it wrote " + DecimalText.Of(used.Length) + " bytes where there is nothing to write to");
            return;
        }

        DeviceBench.Require(
            used.Length <= kind.WritableBytes,
            "says that it wrote " + DecimalText.Of(used.Length) + " bytes into "
                + DecimalText.Of(kind.WritableBytes));
        DeviceBench.Require(
            kind is not BlockKind || used.Length == kind.WritableBytes,
            "says that it wrote " + DecimalText.Of(used.Length) + " bytes, and wrote "
                + DecimalText.Of(kind.WritableBytes));
    }

    private static void Published(DeviceBench bench)
    {
        DeviceKind kind = GeneralTests.KindOf(bench);
        TestRing ring = bench.Start(kind);
        ring.DisableInterrupts();

        // Looks as fast as it can: what is published too early shows as an ID or a length of before.
        for (int request = 0; request < 500; request++)
        {
            TestSegment[] chain = kind.Prepare(bench, 0);
            bench.HandOver(0);
            ushort id = ring.Post(chain);
            ring.Publish();
            ring.Kick();
            UsedElement used = bench.Take(ring);
            DeviceBench.Require(
                used.Id == id,
                "published a used element with ID " + DecimalText.Of(used.Id) + " while only buffer "
                    + DecimalText.Of(id) + " was in flight");
            bench.TakeBack(0);
            string? wrong = kind.Check(bench, 0, used.Length);
            DeviceBench.Require(wrong is null, wrong + " when its buffer counts as used");
            DeviceBench.Require(
                kind is not BlockKind || used.Length == kind.WritableBytes,
                "published a used element with a length of " + DecimalText.Of(used.Length));
        }
    }

    private static void Framing(DeviceBench bench)
    {
        DeviceKind kind = GeneralTests.KindOf(bench);
        TestRing ring = bench.Start(kind, maximumSize: DeviceBench.Slots);
        kind.Exercise(bench, ring, 20, chain => Cut(chain, 1));
        kind.Exercise(bench, ring, 20, chain => Cut(chain, chain[0].Length / 2));
    }

    /// <summary>Cuts each part of a chain in two that has more than one byte.</summary>
    private static TestSegment[] Cut(TestSegment[] chain, uint at)
    {
        List<TestSegment> cut = [];
        foreach (TestSegment segment in chain)
        {
            if (segment.Length <= at)
            {
                cut.Add(segment);
                continue;
            }

            cut.Add(segment.Slice(0, at));
            cut.Add(segment.Slice(at, segment.Length - at));
        }

        return cut.ToArray();
    }

    private static void ReadableStays(DeviceBench bench)
    {
        DeviceKind kind = GeneralTests.KindOf(bench);
        if (!kind.HasReadablePart)
        {
            DeviceBench.Skip("reads nothing");
        }

        TestRing ring = bench.Start(kind);
        TestSegment[] chain = kind.Prepare(bench, 0);
        uint length = chain[0].Length;
        byte[] before = bench.Bytes(0, 0, length).ToArray();
        bench.HandOver(0);
        ring.Post(chain);
        ring.Publish();
        ring.Kick();
        bench.Take(ring);
        bench.TakeBack(0);
        DeviceBench.Require(
            bench.Bytes(0, 0, length).SequenceEqual(before), "writes into a buffer that is for reading");
    }

    private static void DescriptorsStay(DeviceBench bench)
    {
        if (bench.Form.IsPacked)
        {
            DeviceBench.Skip("writes into the ring, as packed rings want it");
        }

        DeviceKind kind = GeneralTests.KindOf(bench);
        TestRing ring = bench.Start(kind);
        TestSegment[] chain = kind.Prepare(bench, 0);
        bench.HandOver(0);
        ring.Post(chain);
        ring.Publish();
        uint length = (uint)ring.Size * TestRing.DescriptorSize;
        byte[] before = ring.Memory.Bytes(0, length).ToArray();
        ring.Kick();
        bench.Take(ring);
        ring.Memory.Sync(0, length, DmaSync.PostWrite);
        DeviceBench.Require(
            ring.Memory.Bytes(0, length).SequenceEqual(before), "writes into the descriptor table");
    }

    private static void Smallest(DeviceBench bench) => Sized(bench, 2);

    private static void Odd(DeviceBench bench)
    {
        if (!bench.Form.IsPacked)
        {
            DeviceBench.Skip("has sizes that are powers of two");
        }

        Sized(bench, 5);
        bench.Reset();
        Sized(bench, 7);
    }

    private static void Sized(DeviceBench bench, int size)
    {
        DeviceKind kind = GeneralTests.KindOf(bench);
        TestRing ring = bench.Start(kind, maximumSize: size);
        if (kind.Prepare(bench, 0).Length > ring.Size)
        {
            // Header and status do not lie together, so that this type needs three.
            DeviceBench.Skip("needs a longer chain than the ring is");
        }

        kind.Exercise(bench, ring, 20);
    }

    private static void Largest(DeviceBench bench)
    {
        DeviceKind kind = GeneralTests.KindOf(bench);
        TestRing ring = bench.Start(kind, maximumSize: Virtqueue.MaximumSize);
        kind.Exercise(bench, ring, Math.Min(2 * ring.Size, 1000));
    }

    private static void Indirects(DeviceBench bench)
    {
        bench.Need(Features.IndirectDesc, "INDIRECT_DESC");
        DeviceKind kind = GeneralTests.KindOf(bench);
        TestRing ring = bench.Start(kind, Features.IndirectDesc, maximumSize: 8);
        for (int slot = 0; slot < DeviceBench.Slots; slot++)
        {
            TestSegment[] chain = Cut(kind.Prepare(bench, slot), 1);
            ushort id = ring.Post([StoreTable(bench, slot, chain)]);
            bench.HandOver(slot);
            ring.Publish();
            ring.Kick();
            UsedElement used = bench.Take(ring);
            DeviceBench.Require(used.Id == id, "gives back buffer " + DecimalText.Of(used.Id));
            bench.TakeBack(slot);
            string? wrong = kind.Check(bench, slot, used.Length);
            DeviceBench.Require(wrong is null, wrong ?? "");
        }
    }

    /// <summary>Writes a table of descriptors at the end of a slot's memory.</summary>
    internal static TestSegment StoreTable(DeviceBench bench, int slot, ReadOnlySpan<TestSegment> chain)
    {
        uint start = ((uint)slot * DeviceBench.SlotLength) + DeviceBench.TablePlace;
        for (int i = 0; i < chain.Length; i++)
        {
            uint offset = start + ((uint)i * TestRing.DescriptorSize);
            bool isLast = i == chain.Length - 1;
            bench.Memory.Store64(offset, chain[i].Address);
            bench.Memory.Store32(offset + 8, chain[i].Length);
            ushort link = isLast ? (ushort)0 : TestRing.Next;
            bench.Memory.Store16(
                offset + 12, bench.Form.IsPacked ? (ushort)0 : (ushort)(chain[i].Flags | link));
            bench.Memory.Store16(
                offset + 14, bench.Form.IsPacked ? chain[i].Flags : isLast ? (ushort)0 : (ushort)(i + 1));
        }

        return TestSegment.Table(
            bench.Memory.DeviceAddress + start, (uint)chain.Length * TestRing.DescriptorSize);
    }

    private static void QueueReset(DeviceBench bench)
    {
        bench.Need(Features.RingReset, "RING_RESET");
        DeviceKind kind = GeneralTests.KindOf(bench);
        TestRing ring = bench.Start(kind, Features.RingReset);
        for (int cycle = 0; cycle < Laps; cycle++)
        {
            kind.Exercise(bench, ring, 5);
            DeviceBench.Require(bench.Transport.ResetQueue(ring.Index), "does not confirm the reset of a queue");
            ring = bench.AddRing(ring.Index, 16);
        }

        kind.Exercise(bench, ring, 5);
    }

    private static void InOrder(DeviceBench bench)
    {
        bench.Need(Features.InOrder, "IN_ORDER");
        DeviceKind kind = GeneralTests.KindOf(bench);
        TestRing ring = bench.Start(kind, Features.InOrder, maximumSize: DeviceBench.Slots);
        Queue<ushort> order = [];
        for (int slot = 0; slot < DeviceBench.Slots && ring.Free >= Pieces; slot++)
        {
            TestSegment[] chain = kind.Prepare(bench, slot);
            bench.HandOver(slot);
            order.Enqueue(ring.Post(chain));
        }

        ring.Publish();
        ring.Kick();
        while (order.Count != 0)
        {
            // One used element may stand for all up to it.
            UsedElement used = bench.Take(ring);
            DeviceBench.Require(
                order.Contains((ushort)used.Id), "gives back buffer " + DecimalText.Of(used.Id) + " out of order");
            while (order.Dequeue() != used.Id)
            {
            }

            if (order.Count != 0 && bench.Form.IsPacked)
            {
                // Where the next element is depends on how many this one stood for, which other tests look at.
                return;
            }
        }

        bench.Idle();
        DeviceBench.Require(!ring.TryTake(out _), "gives back more than it was given");
    }

    private static void Interrupts(DeviceBench bench)
    {
        (DeviceKind kind, TestRing ring) = StartQuiet(bench);
        for (int request = 0; request < 5; request++)
        {
            int before = bench.Interrupts(ring.Index);
            ring.EnableInterrupts();
            Answer(bench, kind, ring);
            DeviceBench.Require(
                bench.WaitFor(() => bench.Interrupts(ring.Index) != before, DeviceBench.AnswerLimit / 3),
                "does not interrupt for a used buffer");
        }
    }

    private static void Suppressed(DeviceBench bench)
    {
        (DeviceKind kind, TestRing ring) = StartQuiet(bench);
        ring.DisableInterrupts();
        for (int request = 0; request < 10; request++)
        {
            Answer(bench, kind, ring);
        }

        bench.Idle();
        int interrupts = bench.Interrupts(ring.Index);
        DeviceBench.Require(
            interrupts == 0, "interrupts " + DecimalText.Of((uint)interrupts) + " times though it was told not to");
    }

    private static void Event(DeviceBench bench) => NameTheFourth(bench, requiresSilence: false);

    private static void NotEarly(DeviceBench bench) => NameTheFourth(bench, requiresSilence: true);

    private static void NameTheFourth(DeviceBench bench, bool requiresSilence)
    {
        const int Others = 3;
        bench.Need(Features.EventIdx, "EVENT_IDX");
        if (!bench.Form.HasEventIndex)
        {
            DeviceBench.Skip("is not asked to in this form");
        }

        (DeviceKind kind, TestRing ring) = StartQuiet(bench);
        if (bench.Form.IsPacked)
        {
            // Places in a packed ring count descriptors: only single ones are as many as buffers.
            bench.Need(Features.IndirectDesc, "INDIRECT_DESC");
            bench.Reset();
            ring = bench.Start(kind, Features.IndirectDesc);
        }

        for (int lap = 0; lap < 20; lap++)
        {
            int before = bench.Interrupts(ring.Index);
            ring.EnableInterruptsAfter(Others);
            for (int request = 0; request < Others; request++)
            {
                Answer(bench, kind, ring, isSingle: bench.Form.IsPacked);
            }

            if (requiresSilence)
            {
                bench.Idle(DeviceBench.QuietTime / 10);
                DeviceBench.Require(
                    bench.Interrupts(ring.Index) == before, "interrupts before the buffer that the driver named");
            }

            Answer(bench, kind, ring, isSingle: bench.Form.IsPacked);
            DeviceBench.Require(
                bench.WaitFor(() => bench.Interrupts(ring.Index) != before, DeviceBench.AnswerLimit / 3),
                "does not interrupt for the buffer that the driver named");
        }
    }

    private static void Idle(DeviceBench bench)
    {
        (DeviceKind kind, TestRing ring) = StartQuiet(bench);
        ring.EnableInterrupts();
        Answer(bench, kind, ring);
        bench.Idle();
        ring.EnableInterrupts();
        int before = bench.Interrupts(ring.Index);
        bench.Idle();
        int more = bench.Interrupts(ring.Index) - before;
        DeviceBench.Require(more == 0, "interrupts " + DecimalText.Of((uint)more) + " times with nothing to do");
    }

    private static (DeviceKind Kind, TestRing Ring) StartQuiet(DeviceBench bench)
    {
        DeviceKind kind = GeneralTests.KindOf(bench);
        return (kind, bench.Start(kind));
    }

    private static void Answer(DeviceBench bench, DeviceKind kind, TestRing ring, bool isSingle = false)
    {
        TestSegment[] chain = kind.Prepare(bench, 0);
        if (isSingle)
        {
            chain = [StoreTable(bench, 0, chain)];
        }

        bench.HandOver(0);
        ring.Post(chain);
        ring.Publish();
        ring.Kick();
        bench.Take(ring);
    }
}
