using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Labs.Grader.Rigs;
using VirtioGuest.Labs.Grader.Students;
using VirtioGuest.Simulation;

namespace VirtioGuest.Labs.Grader.Checks;

/// <summary>Lab 10: the device's side.</summary>
internal static class BackEndChecks
{
    private const ushort Size = 4;
    private const ushort Next = 1;
    private const ushort Write = 2;

    public static IReadOnlyList<LabCheck> All { get; } =
    [
        new LabCheck("fills a buffer and marks it used", 20, "virtio 1.4, 2.7.8.2 and 5.4.6.2", ServesOne),
        new LabCheck(
            "serves all that is available, around the ring and past 65535", 15, "virtio 1.4, 2.7.6 and 2.7.8", GoesOn),
        new LabCheck("fills chains, in their order", 15, "virtio 1.4, 2.7.5", ServesChains),
        new LabCheck("interrupts where the driver wants it", 10, "virtio 1.4, 2.7.7.2", Interrupts),
        new LabCheck("survives a driver that writes nonsense", 25, "virtio 1.4, 2.7.5.1 and 2.1.2", Survives),
        new LabCheck("publishes with release, and takes with acquire", 15, "virtio 1.4, 2.7.14", Ordered),
    ];

    private static void ServesOne(StudentCode code)
    {
        using Bench bench = new Bench(code);
        bench.Describe(2, bench.Buffer.DeviceAddress, 16, Write, 0);
        Expect.That(
            bench.Serve() == BackEndAnswer.Nothing, "nothing was available, and Serve said something else", "Nothing");
        bench.Offer(2);
        BackEndAnswer answer = bench.Serve();
        Expect.That(
            answer != BackEndAnswer.NeedsReset, "Serve said NeedsReset to a driver that did all right", "Interrupt");
        bench.ExpectUsed(1, 2, 16);
        Expect.That(answer == BackEndAnswer.Interrupt, $"Serve said {answer} after it used a buffer", "Interrupt");
        bench.ExpectBytes(0, 16, 1);
    }

    private static void GoesOn(StudentCode code)
    {
        using Bench bench = new Bench(code);
        for (ushort head = 0; head < Size; head++)
        {
            bench.Describe(head, bench.Buffer.DeviceAddress + (16u * head), 4, Write, 0);
        }

        for (int round = 0; round < 22_000; round++)
        {
            for (int i = 0; i < 3; i++)
            {
                bench.Offer((ushort)((round + i) % Size));
            }

            BackEndAnswer answer = bench.Serve();
            Expect.That(
                answer != BackEndAnswer.NeedsReset, $"in round {round} Serve said NeedsReset", "3 buffers are served");
            ushort index = bench.Ring.Used.Load16(2);
            Expect.That(
                index == (ushort)(3 * (round + 1)),
                $"after {3 * (round + 1)} buffers idx of the used ring is {index}",
                "3 more in each round, modulo 65536: one notification may stand for many buffers");
        }
    }

    private static void ServesChains(StudentCode code)
    {
        using Bench bench = new Bench(code);
        bench.Describe(3, bench.Buffer.DeviceAddress + 100, 10, Write | Next, 1);
        bench.Describe(1, bench.Buffer.DeviceAddress, 7, Write | Next, 0);
        bench.Describe(0, bench.Buffer.DeviceAddress + 50, 3, Write, 0);
        bench.Offer(3);
        bench.Serve();
        bench.ExpectUsed(1, 3, 20);
        bench.ExpectBytes(100, 10, 1);
        bench.ExpectBytes(0, 7, 11);
        bench.ExpectBytes(50, 3, 18);
    }

    private static void Interrupts(StudentCode code)
    {
        using Bench bench = new Bench(code);
        bench.Describe(0, bench.Buffer.DeviceAddress, 4, Write, 0);
        bench.Ring.Available.Store16(0, 1);
        bench.Offer(0);
        Expect.That(
            bench.Serve() == BackEndAnswer.Nothing,
            "the flags of the available ring say NO_INTERRUPT (1), and Serve said Interrupt",
            "Nothing: the buffer is used all the same");
        bench.ExpectUsed(1, 0, 4);
        bench.Ring.Available.Store16(0, 0);
        bench.Offer(0);
        Expect.That(
            bench.Serve() == BackEndAnswer.Interrupt, "a buffer was used, and no interrupt was sent", "Interrupt");
    }

    private static void Survives(StudentCode code)
    {
        Bad(code, "the available ring names descriptor 9 of 4", bench => bench.Offer(9));
        Bad(code, "the next field of descriptor 0 names descriptor 4 of 4", bench =>
        {
            bench.Describe(0, bench.Buffer.DeviceAddress, 4, Write | Next, 4);
            bench.Offer(0);
        });
        Bad(code, "the chain 0, 1, 0, 1... has no end", bench =>
        {
            bench.Describe(0, bench.Buffer.DeviceAddress, 4, Write | Next, 1);
            bench.Describe(1, bench.Buffer.DeviceAddress, 4, Write | Next, 0);
            bench.Offer(0);
        });
        Bad(code, "the buffer is not in the guest's memory", bench =>
        {
            bench.Describe(0, 0x1234, 4, Write, 0);
            bench.Offer(0);
        });
        Bad(code, "the buffer is for the device to read, and the device only writes", bench =>
        {
            bench.Describe(0, bench.Buffer.DeviceAddress, 4, 0, 0);
            bench.Offer(0);
        });
        Bad(code, "idx of the available ring jumped by 5 in a queue of 4", bench =>
        {
            bench.Describe(0, bench.Buffer.DeviceAddress, 4, Write, 0);
            bench.Ring.Available.Store16(2, 5);
        });
        Bad(code, "the buffer has 4294967295 bytes", bench =>
        {
            bench.Describe(0, bench.Buffer.DeviceAddress, uint.MaxValue, Write, 0);
            bench.Offer(0);
        });
    }

    private static void Bad(StudentCode code, string what, Action<Bench> break_)
    {
        using Bench bench = new Bench(code);
        break_(bench);
        BackEndAnswer answer;
        try
        {
            answer = bench.Back.Serve(bench.Random);
        }
        catch (Exception e) when (e is not NotDoneYetException)
        {
            Finding finding = StudentFailure.Of(e, "Serve");
            throw new CheckFailedException(finding with { Seen = $"{what}: {finding.Seen}", Expected = "NeedsReset" });
        }

        Expect.That(
            answer == BackEndAnswer.NeedsReset,
            $"{what}, and Serve said {answer}",
            "NeedsReset: a driver is not to be trusted, and nothing that it writes may hurt the device");
    }

    private static void Ordered(StudentCode code)
    {
        RingNames names = new RingNames { Size = Size };
        WeakRig.Explore(
            memory =>
            {
                Bench bench = new Bench(code, memory.Dma, memory.GuestMemory, new WeakRig.Patience(memory));
                names.Areas = AreasOf(bench.Ring);
                return new Scenario()
                    .AddProcessor("driver", () =>
                    {
                        bench.Describe(0, bench.Buffer.DeviceAddress, 2, Write, 0);
                        bench.Offer(0);
                        while (bench.Ring.Used.LoadAcquire16(2) == 0)
                        {
                            memory.Pause();
                        }

                        Scenario.Require(
                            bench.Ring.Used.Load32(8) == 2 && bench.Ring.Used.Load32(4) == 0,
                            "the driver saw idx of the used ring before the entry that it stands for");
                        Scenario.Require(
                            bench.Buffer.Load8(0) == 1 && bench.Buffer.Load8(1) == 2,
                            "the driver saw idx of the used ring before the bytes of the buffer");
                    })
                    .AddProcessor("device", () =>
                    {
                        while (true)
                        {
                            Scenario.Require(
                                bench.Back.Serve(bench.Random) != BackEndAnswer.NeedsReset,
                                "the device read idx first and then an old descriptor or ring entry, and gave up");
                            memory.Pause();
                        }
                    }, isBackground: true);
            },
            names,
            "one side saw an index before what it stands for",
            "idx of the available ring is loaded with acquire before its entry; idx of the used ring is stored with "
                + "release after its entry and the buffer");
    }

    private static QueueAreas AreasOf(SplitRing ring) => new(
        ring.Descriptors.DeviceAddress, ring.Available.DeviceAddress, ring.Used.DeviceAddress);

    /// <summary>A driver of a few lines, which can also do wrong, and the student's device.</summary>
    private sealed class Bench : IDisposable
    {
        private readonly SimulatedDma? _dma;
        private readonly Offers? _offers;
        private ushort _index;
        private byte _random;

        public Bench(StudentCode code)
            : this(code, new SimulatedDma(), new Offers())
        {
        }

        public Bench(StudentCode code, Hal.DmaTag dma, GuestMemory memory, LabWatch watch)
        {
            Ring = new SplitRing(
                Size,
                new DmaBlock(dma.Allocate(16u * Size, 16)!, watch),
                new DmaBlock(dma.Allocate(6 + (2u * Size), 16)!, watch),
                new DmaBlock(dma.Allocate(6 + (8u * Size), 16)!, watch));
            Buffer = new DmaBlock(dma.Allocate(256, 16)!, watch);
            CheckRecording.Current?.Show(0, AreasOf(Ring), Size, 0);
            Back = code.Create<EntropyBackEnd>();
            RingRig.Do("Attach", () =>
            {
                Back.Attach(Ring, new Reached(memory));
                return true;
            });
        }

        private Bench(StudentCode code, SimulatedDma dma, Offers offers)
            : this(code, dma, CheckRecording.ViewOf(dma), offers.Watch())
        {
            _dma = dma;
            _offers = offers;
        }

        public SplitRing Ring { get; }

        public DmaBlock Buffer { get; }

        public EntropyBackEnd Back { get; }

        public Action<byte[]> Random => bytes =>
        {
            for (int i = 0; i < bytes.Length; i++)
            {
                bytes[i] = ++_random;
            }
        };

        public void Describe(ushort slot, ulong address, uint length, ushort flags, ushort next)
        {
            Ring.Descriptors.Store64(16u * slot, address);
            Ring.Descriptors.Store32((16u * slot) + 8, length);
            Ring.Descriptors.Store16((16u * slot) + 12, flags);
            Ring.Descriptors.Store16((16u * slot) + 14, next);
        }

        public void Offer(ushort head)
        {
            if (_offers is not null)
            {
                _offers.Count++;
            }

            Ring.Available.Store16(4 + (2u * (uint)(_index % Size)), head);
            Ring.Available.StoreRelease16(2, ++_index);
        }

        public BackEndAnswer Serve() => RingRig.Do(
            "Serve", () => CheckRecording.AsDevice(() => Back.Serve(Random)));

        public void ExpectUsed(ushort index, uint id, uint length)
        {
            Expect.That(
                Ring.Used.Load16(2) == index,
                $"idx of the used ring is {Ring.Used.Load16(2)} after {index} buffers",
                "one more for each buffer");
            uint entry = 4 + (8u * (uint)((index - 1) % Size));
            Expect.That(
                Ring.Used.Load32(entry) == id && Ring.Used.Load32(entry + 4) == length,
                $"the entry of the used ring has id {Ring.Used.Load32(entry)} and len {Ring.Used.Load32(entry + 4)}",
                $"id {id}, the head of the chain, and len {length}, all bytes that were written");
        }

        public void ExpectBytes(uint offset, uint length, byte first)
        {
            byte[] bytes = Buffer.Read(offset, length);
            Expect.That(
                bytes.SequenceEqual(Enumerable.Range(first, (int)length).Select(each => (byte)each)),
                $"{length} bytes at offset {offset} of the buffer are not the random ones, in the order of the chain",
                "the first random byte goes into the first descriptor of the chain, and so on");
        }

        public void Dispose() => _dma?.Dispose();

        /// <summary>How many buffers were offered: with each, a driver's steps are counted anew.</summary>
        private sealed class Offers
        {
            public long Count { get; set; }

            public Watchdog Watch() => new(
                () => { },
                () => Count,
                () => "the driver writes nothing more. Does a chain come back to itself?");
        }

        private sealed class Reached(GuestMemory memory) : DriverMemory
        {
            public override bool TryWrite(ulong address, ReadOnlySpan<byte> bytes) => memory.TryWrite(address, bytes);
        }
    }
}
