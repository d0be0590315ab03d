using System;
using NUnit.Framework;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Simulation.Tests;

/// <summary>Each machine does the least that the rules permit: what goes wrong on it when one is broken.</summary>
[TestFixture]
internal sealed class CacheTests
{
    private const AccessSite Site = (AccessSite)7;

    public enum MachineKind
    {
        Mc68030,
        Mc68040,
        Prefetching,
    }

    [TestCase(MachineKind.Mc68030, 1)]
    [TestCase(MachineKind.Mc68040, 1)]
    [TestCase(MachineKind.Prefetching, 2)]
    public void Without_PREREAD_a_read_may_be_stale(MachineKind kind, int expected)
    {
        using Bench bench = new(kind, audits: false);
        bench.Write(0, 1);
        bench.Memory.Sync(0, 64, DmaSync.PreWrite);
        Assert.That(bench.Read(0), Is.EqualTo(1));
        bench.Device(0, 2);
        bench.Memory.Sync(0, 64, DmaSync.PostRead);
        Assert.That(bench.Read(0), Is.EqualTo(expected));
    }

    [TestCase(MachineKind.Mc68030, 2)]
    [TestCase(MachineKind.Mc68040, 2)]
    [TestCase(MachineKind.Prefetching, 0)]
    public void Without_POSTREAD_what_was_read_ahead_is_stale(MachineKind kind, int expected)
    {
        using Bench bench = new(kind, audits: false, CacheTiming.Eager);
        bench.Memory.Sync(0, 64, DmaSync.PreRead);
        bench.Device(0, 2);
        Assert.That(bench.Read(0), Is.EqualTo(expected));
    }

    [TestCase(MachineKind.Mc68030, 1)]
    [TestCase(MachineKind.Mc68040, 0)]
    [TestCase(MachineKind.Prefetching, 0)]
    public void Without_PREWRITE_the_device_may_miss_a_write(MachineKind kind, int expected)
    {
        using Bench bench = new(kind, audits: false);
        bench.Write(0, 1);
        Assert.That(bench.DeviceReads(0), Is.EqualTo(expected));
        bench.Memory.Sync(0, 16, DmaSync.PreWrite);
        Assert.That(bench.DeviceReads(0), Is.EqualTo(1));
    }

    [TestCase(MachineKind.Mc68040)]
    [TestCase(MachineKind.Prefetching)]
    public void A_line_that_is_written_back_overwrites_what_the_device_wrote_to_it(MachineKind kind)
    {
        using Bench bench = new(kind, audits: false);
        bench.Write(0, 1);
        bench.Device(4, 2);
        bench.Memory.Sync(0, 1, DmaSync.PreWrite);
        Assert.That(bench.DeviceReads(4), Is.Zero, "the whole line was written back");
    }

    [TestCase(MachineKind.Mc68030, 5)]
    [TestCase(MachineKind.Mc68040, 0)]
    [TestCase(MachineKind.Prefetching, 0)]
    public void PREREAD_alone_may_lose_what_the_processor_wrote(MachineKind kind, int expected)
    {
        using Bench bench = new(kind);
        bench.Write(0, 5);
        bench.Memory.Sync(0, 64, DmaSync.PreRead);
        bench.Memory.Sync(0, 64, DmaSync.PostRead);
        Assert.That(bench.Read(0), Is.EqualTo(expected));
        bench.ExpectNoViolation();
    }

    [Test]
    public void The_polling_loop_of_NetBSD_kern_60144_never_sees_the_device_on_a_68030_or_68040(
        [Values] MachineKind kind, [Values] bool keepsTheRule)
    {
        using Bench bench = new(kind, audits: false);
        DmaMemory memory = bench.Memory;
        memory.Sync(0, 64, DmaSync.PreRead);
        int looks = 0;
        bool isSeen = false;
        while (!isSeen && looks < 10)
        {
            memory.Sync(0, 64, DmaSync.PostRead);
            isSeen = bench.Read(0) != 0;
            if (!isSeen && keepsTheRule)
            {
                memory.Sync(0, 64, DmaSync.PreRead);
            }

            if (++looks == 3)
            {
                bench.Device(0, 1);
            }
        }

        Assert.That(isSeen, Is.EqualTo(keepsTheRule || kind == MachineKind.Prefetching));
        Assert.That(looks, Is.EqualTo(isSeen ? 4 : 10));
    }

    [Test]
    public void The_polling_loop_of_NetBSD_kern_60144_is_found_by_the_audit_on_every_machine(
        [Values] MachineKind kind)
    {
        using Bench bench = new(kind);
        bench.Memory.Sync(0, 4, DmaSync.PreRead);
        bench.Memory.Sync(0, 4, DmaSync.PostRead);
        bench.Memory.Sync(0, 4, DmaSync.PostRead, Site);
        Assert.That(bench.Dma.Violations, Is.EqualTo(new[] { "region 0, byte 0: PostRead without PreRead (site 7)" }));
    }

    [TestCase(MachineKind.Mc68030, 16u, true)]
    [TestCase(MachineKind.Mc68040, 16u, true)]
    [TestCase(MachineKind.Prefetching, 16u, false)]
    [TestCase(MachineKind.Prefetching, 64u, true)]
    [TestCase(MachineKind.Mc68030, 8u, false)]
    [TestCase(MachineKind.Mc68040, 8u, false)]
    public void Two_owners_of_a_line_corrupt_each_other(MachineKind kind, uint slotLength, bool isRight)
    {
        Assert.That(ShareOut(kind, slotLength, mustBeCoherent: false), Is.EqualTo(isRight));
    }

    [Test]
    public void Coherent_memory_lets_owners_share_a_line([Values] MachineKind kind)
    {
        Assert.That(ShareOut(kind, 8, mustBeCoherent: true), Is.True);
    }

    [Test]
    public void A_machine_without_coherent_memory_says_so()
    {
        using SimulatedDma dma = new(new SimulatedDmaOptions { Cache = new Mc68040Cache(), HasCoherentMemory = false });
        Assert.That(dma.Allocate(64, new DmaConstraints(64, mustBeCoherent: true)), Is.Null);
        Assert.That(dma.Allocate(64, 64)!.IsCoherent, Is.False);
        Assert.That(dma.HandOverGranularity, Is.EqualTo(16));
    }

    [Test]
    public void A_weakened_hand_over_does_nothing([Values] MachineKind kind)
    {
        using Bench bench = new(kind, audits: true, CacheTiming.Never, weakened: Site);
        bench.Memory.Sync(0, 4, DmaSync.PreRead, Site);
        bench.Memory.Sync(0, 4, DmaSync.PostRead);
        Assert.That(bench.Dma.Violations, Is.EqualTo(new[] { "region 0, byte 0: PostRead without PreRead" }));
    }

    [Test]
    public void What_is_written_past_the_accessors_is_handed_over_too([Values] MachineKind kind)
    {
        using Bench bench = new(kind);
        bench.Memory.Bytes(0, 64).Fill(9);
        bench.Memory.Sync(0, 64, DmaSync.PreWrite);
        Assert.That(bench.DeviceReads(60), Is.EqualTo(0x09090909));
        bench.Memory.Sync(0, 64, DmaSync.PostWrite);
        bench.Memory.Sync(0, 64, DmaSync.PreRead);
        bench.Device(0, 3);
        bench.Memory.Sync(0, 64, DmaSync.PostRead);
        Assert.That(bench.Memory.Bytes(0, 4).ToArray(), Is.EqualTo(new byte[] { 3, 0, 0, 0 }));
        bench.ExpectNoViolation();
    }

    [Test]
    public void A_mailbox_whose_owners_keep_the_rules_works_everywhere(
        [Values] MachineKind kind, [Values] CacheTiming timing, [Values(1, 2, 3)] int seed)
    {
        using Bench bench = new(kind, audits: true, timing, seed: seed);
        Random random = new(seed);
        DmaMemory memory = bench.Memory;
        for (int round = 1; round < 200; round++)
        {
            bench.Write(0, round);
            memory.Sync(0, 64, DmaSync.PreWrite);
            memory.Sync(64, 64, DmaSync.PreRead);
            for (int look = random.Next(3); look > 0; look--)
            {
                memory.Sync(64, 64, DmaSync.PostRead);
                Assert.That(bench.Read(64), Is.EqualTo(round - 1));
                memory.Sync(64, 64, DmaSync.PreRead);
            }

            bench.Device(64, bench.DeviceReads(0));
            memory.Sync(64, 64, DmaSync.PostRead);
            Assert.That(bench.Read(64), Is.EqualTo(round));
            memory.Sync(0, 64, DmaSync.PostWrite);
        }

        bench.ExpectNoViolation();
    }

    /// <summary>
    /// Slots go back and forth between two owners, some here, some there, as descriptors do.
    /// </summary>
    /// <returns>Whether every value arrived.</returns>
    private static bool ShareOut(MachineKind kind, uint slotLength, bool mustBeCoherent)
    {
        using Bench bench = new(kind, audits: true, CacheTiming.Never, mustBeCoherent: mustBeCoherent);
        DmaMemory memory = bench.Memory;
        bool isRight = true;
        memory.Sync(0, slotLength, DmaSync.PreRead);
        for (int round = 1; round < 10; round++)
        {
            // The device answers in its slot while the driver fills the next one.
            bench.Write(slotLength, round);
            isRight &= bench.Read(slotLength) == round;
            bench.Device(0, 100 + round);
            memory.Sync(slotLength, slotLength, DmaSync.PreWrite);
            isRight &= bench.DeviceReads(slotLength) == round;
            isRight &= bench.DeviceReads(0) == 100 + round;
            memory.Sync(0, slotLength, DmaSync.PostRead);
            isRight &= bench.Read(0) == 100 + round;
            memory.Sync(slotLength, slotLength, DmaSync.PostWrite);
            memory.Sync(0, slotLength, DmaSync.PreRead);
        }

        bench.ExpectNoViolation();
        return isRight;
    }

    private sealed class Bench : IDisposable
    {
        private readonly IDisposable _installed;
        private readonly GuestMemory _device;

        public Bench(
            MachineKind kind,
            bool audits = true,
            CacheTiming timing = CacheTiming.Never,
            int seed = 1,
            AccessSite weakened = AccessSite.Unnamed,
            bool mustBeCoherent = false)
        {
            Dma = new SimulatedDma(new SimulatedDmaOptions
            {
                Cache = kind switch
                {
                    MachineKind.Mc68030 => new Mc68030Cache(),
                    MachineKind.Mc68040 => new Mc68040Cache(timing, seed),
                    _ => new PrefetchingCache(timing, seed),
                },
                AuditsOwnership = audits,
                WeakenedSite = weakened,
            });
            Memory = Dma.Allocate(128, new DmaConstraints(64, mustBeCoherent: mustBeCoherent))!;
            _device = Dma.GuestMemory;
            _installed = Dma.Install();
        }

        public SimulatedDma Dma { get; }

        public DmaMemory Memory { get; }

        public int Read(uint offset) => (int)Memory.Load32(offset);

        public void Write(uint offset, int value) => Memory.Store32(offset, (uint)value);

        public int DeviceReads(uint offset)
        {
            byte[] bytes = new byte[4];
            Assert.That(_device.TryRead(Memory.DeviceAddress + offset, bytes), Is.True);
            return BitConverter.ToInt32(bytes);
        }

        public void Device(uint offset, int value) =>
            Assert.That(_device.TryWrite(Memory.DeviceAddress + offset, BitConverter.GetBytes(value)), Is.True);

        public void ExpectNoViolation()
        {
            Dma.CheckGuards();
            Assert.That(Dma.Violations, Is.Empty);
        }

        public void Dispose()
        {
            _installed.Dispose();
            Dma.Dispose();
        }
    }
}
