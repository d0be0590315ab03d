using System;
using System.Collections.Generic;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Simulation;

namespace VirtioGuest.Hal.Tests;

[TestFixture]
internal sealed unsafe class BounceTests
{
    private const uint Block = BouncePool.BlockLength;
    private const int Length = 700;
    private const int Grain = 64;

    private static readonly DmaConstraints s_low = new DmaConstraints(1, uint.MaxValue);
    private static readonly DmaMapLimits s_lowLimits = new DmaMapLimits(16, uint.MaxValue, uint.MaxValue);

    [Test]
    public void A_buffer_that_the_device_reaches_is_not_copied()
    {
        using SimulatedDma dma = new SimulatedDma();
        DmaMap map = dma.CreateMap(s_lowLimits, BouncePool.TryCreate(dma, 4, s_low));
        SimulatedBuffer buffer = dma.AllocateBuffer(Block, 0x5000_0000);
        Assert.That(map.Load(buffer.Address, Block), Is.EqualTo(DmaStatus.Ok));
        Assert.That(map.IsBounced, Is.False);
        Assert.That(map.Segments[0].DeviceAddress, Is.EqualTo(0x5000_0000));
    }

    [Test]
    public void A_buffer_above_the_limit_is_copied_through_one_segment_below_it()
    {
        using SimulatedDma dma = new SimulatedDma();
        BouncePool pool = BouncePool.TryCreate(dma, 4, s_low)!;
        DmaMap map = dma.CreateMap(s_lowLimits, pool);
        SimulatedBuffer buffer = dma.AllocateBuffer(3 * Block, 0x5_0000_0000, 0x6_0000_0000, 0x7_0000_0000);
        Assert.That(map.Load(buffer.Address + 10, (2 * Block) + 5), Is.EqualTo(DmaStatus.Ok));
        Assert.That(map.IsBounced, Is.True);
        Assert.That(map.SegmentCount, Is.EqualTo(1));
        Assert.That(map.Segments[0].Length, Is.EqualTo((2 * Block) + 5));
        Assert.That(map.Segments[0].DeviceAddress, Is.LessThan(1UL << 32));
        Assert.That(pool.FreeBlocks, Is.EqualTo(1));
        map.Unload();
        Assert.That(pool.FreeBlocks, Is.EqualTo(4));
    }

    [Test]
    public void A_buffer_that_is_not_aligned_or_too_scattered_is_copied()
    {
        using SimulatedDma dma = new SimulatedDma();
        BouncePool pool = BouncePool.TryCreate(dma, 4, s_low)!;
        SimulatedBuffer buffer = dma.AllocateBuffer(2 * Block, 0x5000_0000, 0x6000_0000);
        DmaMap aligned = dma.CreateMap(new DmaMapLimits(2, uint.MaxValue, alignment: 512), pool);
        Assert.That(aligned.Load(buffer.Address + 1, 512), Is.EqualTo(DmaStatus.Ok));
        Assert.That(aligned.IsBounced, Is.True);
        DmaMap single = dma.CreateMap(new DmaMapLimits(1, uint.MaxValue), pool);
        Assert.That(single.Load(buffer.Address, 2 * Block), Is.EqualTo(DmaStatus.Ok));
        Assert.That(single.IsBounced, Is.True);
    }

    [Test]
    public void Without_a_pool_the_reason_is_told()
    {
        using SimulatedDma dma = new SimulatedDma();
        SimulatedBuffer buffer = dma.AllocateBuffer(Block, 0x5_0000_0000);
        DmaMap low = dma.CreateMap(s_lowLimits, null);
        Assert.That(low.Load(buffer.Address, 1), Is.EqualTo(DmaStatus.Unreachable));
        DmaMap aligned = dma.CreateMap(new DmaMapLimits(1, uint.MaxValue, alignment: 2), null);
        Assert.That(aligned.Load(buffer.Address + 1, 1), Is.EqualTo(DmaStatus.Misaligned));
    }

    [Test]
    public void An_exhausted_pool_is_told_from_a_buffer_that_never_fits()
    {
        using SimulatedDma dma = new SimulatedDma();
        BouncePool pool = BouncePool.TryCreate(dma, 3, s_low)!;
        SimulatedBuffer buffer = dma.AllocateBuffer(4 * Block);
        DmaMap first = dma.CreateMap(s_lowLimits, pool);
        DmaMap second = dma.CreateMap(s_lowLimits, pool);
        Assert.That(first.Load(buffer.Address, 2 * Block), Is.EqualTo(DmaStatus.Ok));
        Assert.That(second.Load(buffer.Address, 2 * Block), Is.EqualTo(DmaStatus.NoBounceMemory));
        Assert.That(second.Load(buffer.Address, 4 * Block), Is.EqualTo(DmaStatus.TooManySegments));
        Assert.That(second.Load(buffer.Address, Block), Is.EqualTo(DmaStatus.Ok));
        second.Unload();
        first.Unload();
        Assert.That(second.Load(buffer.Address, 3 * Block), Is.EqualTo(DmaStatus.Ok));
        Assert.That(pool.Exhaustions, Is.EqualTo(2));
    }

    [Test]
    public void Blocks_that_cannot_be_given_segments_go_back()
    {
        using SimulatedDma dma = new SimulatedDma();
        BouncePool pool = BouncePool.TryCreate(dma, 3, s_low)!;
        DmaMap map = dma.CreateMap(new DmaMapLimits(1, 100, uint.MaxValue), pool);
        Assert.That(map.Load(dma.AllocateBuffer(Block).Address, 101), Is.EqualTo(DmaStatus.TooManySegments));
        Assert.That(pool.FreeBlocks, Is.EqualTo(3));
    }

    [Test]
    public void Quarantined_blocks_never_come_back_and_the_pool_s_memory_follows_them()
    {
        using SimulatedDma dma = new SimulatedDma();
        BouncePool pool = BouncePool.TryCreate(dma, 3, s_low)!;
        SimulatedBuffer buffer = dma.AllocateBuffer(2 * Block);
        DmaMap map = dma.CreateMap(s_lowLimits, pool);
        map.Load(buffer.Address, 2 * Block);
        map.Quarantine();
        Assert.That(pool.QuarantinedBlocks, Is.EqualTo(2));
        Assert.That(pool.FreeBlocks, Is.EqualTo(1));
        Assert.That(map.Load(buffer.Address, 2 * Block), Is.EqualTo(DmaStatus.TooManySegments));
        pool.Release(quarantine: false);
        Assert.That(dma.QuarantinedBytes, Is.EqualTo(3UL * Block));
        Assert.That(dma.Freed, Is.Zero);
    }

    [Test]
    public void A_pool_needs_memory_and_sensible_numbers()
    {
        using SimulatedDma dma = new SimulatedDma(new SimulatedDmaOptions { HighestAddress = 0x1FFFFF });
        Assert.That(BouncePool.TryCreate(dma, 1024, s_low), Is.Null);
        Assert.That(() => BouncePool.TryCreate(dma, 0, s_low), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => BouncePool.TryCreate(dma, 1, default), Throws.TypeOf<ArgumentOutOfRangeException>());
        BouncePool pool = BouncePool.TryCreate(dma, 2, s_low)!;
        pool.Release(quarantine: false);
        Assert.That(dma.Freed, Is.EqualTo(1));
    }

    [Test]
    public void Loads_and_hand_overs_allocate_nothing()
    {
        using SimulatedDma dma = new SimulatedDma();
        DmaMap map = dma.CreateMap(s_lowLimits, BouncePool.TryCreate(dma, 3, s_low));
        SimulatedBuffer buffer = dma.AllocateBuffer(3 * Block);
        DmaStatus status = Cycle(map, buffer);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            status = status == DmaStatus.Ok ? Cycle(map, buffer) : status;
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Assert.That(status, Is.EqualTo(DmaStatus.Ok));
    }

    [Test]
    public void What_the_device_does_not_write_keeps_its_value_and_shows_nobody_else_s()
    {
        using SimulatedDma dma = new SimulatedDma();
        BouncePool pool = BouncePool.TryCreate(dma, 1, s_low)!;
        DmaMap map = dma.CreateMap(s_lowLimits, pool);
        SimulatedBuffer secret = dma.AllocateBuffer(100);
        secret.Write(0, "0123456789"u8);
        map.Load(secret.Address, 10);
        map.Sync(0, 10, DmaSync.PreWrite);
        map.Sync(0, 10, DmaSync.PostWrite);
        map.Unload();

        SimulatedBuffer buffer = dma.AllocateBuffer(100);
        buffer.Write(0, "abcdefghij"u8);
        map.Load(buffer.Address, 10);
        map.Sync(0, 10, DmaSync.PreRead);
        dma.GuestMemory.TryWrite(map.Segments[0].DeviceAddress, "XY"u8);
        map.Sync(0, 10, DmaSync.PostRead);
        Assert.That(buffer.Read(0, 10), Is.EqualTo("XYcdefghij"u8.ToArray()));
    }

    private static IEnumerable<SimulatedDmaOptions> Machines =>
    [
        new SimulatedDmaOptions(),
        new SimulatedDmaOptions { Cache = new CoherentCache() },
        new SimulatedDmaOptions { Cache = new Mc68030Cache() },
        new SimulatedDmaOptions { Cache = new Mc68040Cache(CacheTiming.Random, 3) },
        new SimulatedDmaOptions { Cache = new PrefetchingCache(CacheTiming.Eager) },
        new SimulatedDmaOptions { Cache = new PrefetchingCache(CacheTiming.Random, 5) },
    ];

    [TestCaseSource(nameof(Machines))]
    public void Hand_overs_copy_the_synced_range_and_nothing_else(SimulatedDmaOptions options) =>
        Prop.ForAll(HandOvers.ToArbitrary(), operations => Run(options, operations))
            .Check(Properties.Many.WithMaxTest(50));

    private static Gen<HandOver[]> HandOvers =>
        (from start in Gen.Choose(0, Length / Grain)
         from grains in Gen.Choose(1, 4)
         from pre in Gen.Elements(DmaSync.PreRead, DmaSync.PreWrite, DmaSync.PreRead | DmaSync.PreWrite)
         from written in Gen.Choose(0, 4 * Grain)
         from value in Gen.Choose(0, byte.MaxValue)
         select new HandOver(
             start * Grain, Math.Min(grains * Grain, Length - (start * Grain)), pre, written, (byte)value)).ArrayOf();

    private static void Run(SimulatedDmaOptions options, HandOver[] operations)
    {
        using SimulatedDma dma = new SimulatedDma(options);
        using IDisposable installed = dma.Install();
        DmaMap map = dma.CreateMap(s_lowLimits, BouncePool.TryCreate(dma, 2, s_low));
        SimulatedBuffer buffer = dma.AllocateBuffer(2 * Length);
        byte[] model = new byte[Length];
        Expect(map.Load(buffer.Address, Length) == DmaStatus.Ok, "is not loaded");
        foreach (HandOver each in operations)
        {
            HandOverAndBack(each, dma.GuestMemory, map, buffer, model);
            Expect(buffer.Read(0, Length).AsSpan().SequenceEqual(model), $"differs after {each}");
        }

        map.Unload();
        dma.CheckGuards();
        Expect(dma.Violations.Count == 0, string.Join('\n', dma.Violations));
    }

    /// <summary>
    /// The driver fills a range, hands it over and takes it back; the device reads it, writes it, or both.
    /// </summary>
    private static void HandOverAndBack(
        HandOver each, GuestMemory device, DmaMap map, SimulatedBuffer buffer, byte[] model)
    {
        byte[] mine = new byte[each.Length];
        Array.Fill(mine, each.Value);
        buffer.Write((uint)each.Offset, mine);
        mine.CopyTo(model, each.Offset);
        ulong place = map.Segments[0].DeviceAddress + (ulong)each.Offset;
        map.Sync((uint)each.Offset, (uint)each.Length, each.Pre);
        if ((each.Pre & DmaSync.PreWrite) != 0)
        {
            byte[] seen = new byte[each.Length];
            Expect(device.TryRead(place, seen) && seen.AsSpan().SequenceEqual(mine), $"the device misses {each}");
        }

        if ((each.Pre & DmaSync.PreRead) != 0)
        {
            byte[] theirs = new byte[Math.Min(each.Written, each.Length)];
            Array.Fill(theirs, (byte)~each.Value);
            Expect(device.TryWrite(place, theirs), "the device cannot write");
            theirs.CopyTo(model, each.Offset);
        }

        // Each POST operation is the bit above its PRE operation.
        map.Sync((uint)each.Offset, (uint)each.Length, (DmaSync)((int)each.Pre << 1));
    }

    private static void Expect(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new InvalidOperationException(otherwise);
        }
    }

    private static DmaStatus Cycle(DmaMap map, SimulatedBuffer buffer)
    {
        DmaStatus status = map.Load(buffer.Address, 3 * Block);
        map.Sync(0, 3 * Block, DmaSync.PreRead | DmaSync.PreWrite);
        map.Sync(0, 3 * Block, DmaSync.PostRead | DmaSync.PostWrite);
        map.Unload();
        return status;
    }

    private sealed record HandOver(int Offset, int Length, DmaSync Pre, int Written, byte Value);
}
