using System;
using System.Collections.Generic;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Labs.Grader.Rigs;
using VirtioGuest.Labs.Grader.Students;
using VirtioGuest.Simulation;

namespace VirtioGuest.Labs.Grader.Checks;

/// <summary>Lab 8: memory order, with kvm-host pull request 50 as the exercise.</summary>
internal static class OrderChecks
{
    private const uint Slots = 2;
    private const ushort Available = 1 << 7;
    private const ushort Used = 1 << 15;

    public static IReadOnlyList<LabCheck> All { get; } =
    [
        new LabCheck("hands a used descriptor over, with either wrap counter", 15, "virtio 1.4, 2.8.1", HandsOver),
        new LabCheck("finds nothing in a slot that is not used", 15, "virtio 1.4, 2.8.1", FindsNothing),
        new LabCheck("device: survives where stores stay in order (x86)", 10, "virtio 1.4, 2.8.14", DeviceOnX86),
        new LabCheck("device: id and length before the flags, in every schedule", 25, "virtio 1.4, 2.8.14", Device),
        new LabCheck("driver: flags before id and length, in every schedule", 25, "virtio 1.4, 2.8.14", Driver),
        new LabCheck("both together", 10, "virtio 1.4, 2.8.14", Both),
    ];

    private static void HandsOver(StudentCode code)
    {
        using SimulatedDma dma = new SimulatedDma();
        UsedHandOver both = code.Create<UsedHandOver>();
        foreach (bool wrap in new[] { true, false })
        {
            DmaBlock ring = Ring(dma, wrap);
            RingRig.Do("Use", () => CheckRecording.AsDevice(() =>
            {
                both.Use(ring, 1, 6, 0x1234, wrap);
                return true;
            }));
            ushort flags = ring.Load16(16 + 14);
            bool isRight = (flags & Available) != 0 == wrap && (flags & Used) != 0 == wrap;
            Expect.That(
                isRight,
                $"with wrap counter {(wrap ? 1 : 0)} Use left AVAIL {(flags >> 7) & 1} and USED {flags >> 15} there",
                "both equal to the wrap counter");
            Expect.That(
                ring.Load16(16 + 12) == 6 && ring.Load32(16 + 8) == 0x1234,
                $"Use left id {ring.Load16(16 + 12)} and len 0x{ring.Load32(16 + 8):x} in the slot",
                "len at offset 8, 32 bits; id at offset 12, 16 bits; flags at offset 14, 16 bits");
            ushort id = 0;
            uint length = 0;
            bool isTaken = RingRig.Do("TryTake", () => both.TryTake(ring, 1, wrap, out id, out length));
            Expect.That(
                isTaken && id == 6 && length == 0x1234,
                isTaken ? $"TryTake gave id {id}, length 0x{length:x}" : "TryTake did not find a used descriptor",
                "id 6 and length 0x1234");
        }
    }

    private static void FindsNothing(StudentCode code)
    {
        using SimulatedDma dma = new SimulatedDma();
        UsedHandOver both = code.Create<UsedHandOver>();
        foreach (bool wrap in new[] { true, false })
        {
            DmaBlock ring = Ring(dma, wrap);
            Expect.That(
                !RingRig.Do("TryTake", () => both.TryTake(ring, 0, wrap, out _, out _)),
                $"a descriptor that is only available was taken for a used one (wrap counter {(wrap ? 1 : 0)})",
                "used is where AVAIL and USED are both equal to the wrap counter");
            ring.Store16(14, wrap ? (ushort)0 : (ushort)(Available | Used));
            Expect.That(
                !RingRig.Do("TryTake", () => both.TryTake(ring, 0, wrap, out _, out _)),
                $"a descriptor that was used in the last round was taken again (wrap counter {(wrap ? 1 : 0)})",
                "both bits are compared with the wrap counter, not with each other");
        }
    }

    private static void DeviceOnX86(StudentCode code) =>
        Explore(code, MemoryOrdering.TotalStoreOrder, isOwnDevice: true, isOwnDriver: false);

    private static void Device(StudentCode code) =>
        Explore(code, MemoryOrdering.ReleaseAcquire, isOwnDevice: true, isOwnDriver: false);

    private static void Driver(StudentCode code) =>
        Explore(code, MemoryOrdering.ReleaseAcquire, isOwnDevice: false, isOwnDriver: true);

    private static void Both(StudentCode code) =>
        Explore(code, MemoryOrdering.ReleaseAcquire, isOwnDevice: true, isOwnDriver: true);

    private static void Explore(StudentCode code, MemoryOrdering ordering, bool isOwnDevice, bool isOwnDriver)
    {
        RingNames names = new RingNames { IsPacked = true, Size = (int)Slots };
        WeakRig.Explore(
            memory =>
            {
                UsedHandOver student = code.Create<UsedHandOver>();
                UsedHandOver device = isOwnDevice ? student : new Reference();
                UsedHandOver driver = isOwnDriver ? student : new Reference();
                DmaBlock ring = Ring(memory.Dma, new WeakRig.Patience(memory));
                names.Areas = new QueueAreas(ring.DeviceAddress, 0, 0);
                Fill(ring, wrap: true);
                return new Scenario()
                    .AddProcessor("driver", () =>
                    {
                        ushort id;
                        uint length;
                        while (!driver.TryTake(ring, 0, true, out id, out length))
                        {
                            memory.Pause();
                        }

                        Scenario.Require(
                            id == 1 && length == 16,
                            $"took buffer {id} with {length} bytes, but buffer 1 was used with 16: these are what the "
                                + "driver itself had written there for another buffer");
                    })
                    .AddProcessor("device", () => device.Use(ring, 0, 1, 16, true));
            },
            names,
            "the driver believed an id or a length that the device had not written yet",
            "device: len and id first, then flags with StoreRelease16. Driver: flags with LoadAcquire16 first, "
                + "then id and len",
            ordering);
    }

    /// <summary>Two descriptors that the driver has made available: IDs 0 and 1, 8 and 99 bytes.</summary>
    private static void Fill(DmaBlock ring, bool wrap)
    {
        for (uint slot = 0; slot < Slots; slot++)
        {
            ring.Store32((16 * slot) + 8, slot == 0 ? 8u : 99);
            ring.Store16((16 * slot) + 12, (ushort)slot);
            ring.Store16((16 * slot) + 14, wrap ? Available : Used);
        }
    }

    private static DmaBlock Ring(DmaTag dma, LabWatch watch) => new(dma.Allocate(16 * Slots, 16)!, watch);

    /// <summary>A ring in plain memory, as the driver has filled it.</summary>
    private static DmaBlock Ring(SimulatedDma dma, bool wrap)
    {
        CheckRecording.ViewOf(dma);
        DmaBlock ring = Ring(dma, Watch());
        CheckRecording.Current?.Show(
            0, new QueueAreas(ring.DeviceAddress, 0, 0), (int)Slots, Devices.FeatureBit.RingPacked);
        Fill(ring, wrap);
        return ring;
    }

    private static Watchdog Watch() => new(() => { }, () => 0, () => "nothing changes in the ring by itself");

    private sealed class Reference : UsedHandOver
    {
        public override void Use(DmaBlock ring, uint slot, ushort id, uint length, bool wrap)
        {
            ring.Store32((16 * slot) + 8, length);
            ring.Store16((16 * slot) + 12, id);
            ring.StoreRelease16((16 * slot) + 14, wrap ? (ushort)(Available | Used) : (ushort)0);
        }

        public override bool TryTake(DmaBlock ring, uint slot, bool wrap, out ushort id, out uint length)
        {
            ushort wanted = wrap ? (ushort)(Available | Used) : (ushort)0;
            bool isUsed = (ring.LoadAcquire16((16 * slot) + 14) & (Available | Used)) == wanted;
            id = isUsed ? ring.Load16((16 * slot) + 12) : (ushort)0;
            length = isUsed ? ring.Load32((16 * slot) + 8) : 0;
            return isUsed;
        }
    }
}
