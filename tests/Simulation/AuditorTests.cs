using System;
using NUnit.Framework;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Simulation.Tests;

/// <summary>The audit finds each way of breaking the rules of hand-overs, also where nothing comes of it.</summary>
[TestFixture]
internal sealed unsafe class AuditorTests
{
    private SimulatedDma _dma = null!;
    private DmaMemory _memory = null!;
    private IDisposable _installed = null!;

    [SetUp]
    public void SetUp()
    {
        _dma = new SimulatedDma(new SimulatedDmaOptions { Cache = new CoherentCache() });
        _memory = _dma.Allocate(64, 64)!;
        _installed = _dma.Install();
    }

    [TearDown]
    public void TearDown()
    {
        _installed.Dispose();
        _dma.Dispose();
    }

    [Test]
    public void Whole_hand_overs_are_no_violation()
    {
        _memory.Store32(0, 1);
        _memory.Sync(0, 8, DmaSync.PreRead | DmaSync.PreWrite);
        Assert.That(DeviceWrites(4, 4), Is.True);
        _memory.Sync(0, 8, DmaSync.PostRead | DmaSync.PostWrite);
        Assert.That(_memory.Load32(4), Is.EqualTo(0x01010101));
        _memory.Sync(0, 4, DmaSync.PreWrite);
        _memory.Sync(4, 4, DmaSync.PreRead);
        _memory.Sync(0, 4, DmaSync.PostWrite);
        _memory.Sync(4, 4, DmaSync.PostRead);
        _memory.Free();
        Expect();
    }

    [TestCase(DmaSync.PreRead)]
    [TestCase(DmaSync.PreWrite)]
    public void The_processor_keeps_off_what_it_has_handed_over(DmaSync operation)
    {
        _memory.Sync(8, 4, operation);
        _memory.Load32(4);
        _memory.Store32(12, 1);
        Expect();
        _memory.Load16(10);
        _memory.Store64(8, 0);
        Expect(
            "region 0, byte 10: the processor reads while it is the device's",
            "region 0, byte 8: the processor writes while it is the device's");
    }

    [Test]
    public void A_write_past_the_accessors_is_found_at_the_next_hand_over()
    {
        _memory.Sync(0, 8, DmaSync.PreRead);
        _memory.Bytes(3, 1)[0] = 1;
        _memory.Sync(0, 8, DmaSync.PostRead);
        Expect("region 0, byte 3: the processor wrote while it is the device's");
    }

    [Test]
    public void A_device_writes_only_what_was_handed_over_for_it()
    {
        _memory.Sync(0, 4, DmaSync.PreRead);
        _memory.Sync(4, 4, DmaSync.PreWrite);
        DeviceWrites(0, 4);
        Expect();
        DeviceWrites(4, 4);
        DeviceWrites(8, 1);
        Expect(
            "region 0, byte 4: a device writes what had no PREREAD",
            "region 0, byte 8: a device writes what had no PREREAD");
    }

    [TestCase(DmaSync.PreRead, DmaSync.PreRead, "byte 2: PreRead twice")]
    [TestCase(DmaSync.PreWrite, DmaSync.PreWrite, "byte 2: PreWrite twice")]
    [TestCase(DmaSync.PreRead, DmaSync.PostWrite, "byte 2: PostWrite without PreWrite")]
    [TestCase(DmaSync.PreWrite, DmaSync.PostRead, "byte 2: PostRead without PreRead")]
    [TestCase(DmaSync.PreRead | DmaSync.PreWrite, DmaSync.PreWrite, "byte 2: PreWrite twice")]
    public void Hand_overs_come_in_pairs(DmaSync first, DmaSync second, string expected)
    {
        _memory.Sync(0, 4, first);
        _memory.Sync(2, 2, second);
        Expect("region 0, " + expected);
    }

    [Test]
    public void A_hand_over_is_paired_to_the_byte()
    {
        _memory.Sync(0, 4, DmaSync.PreRead);
        _memory.Sync(0, 6, DmaSync.PostRead);
        Expect("region 0, byte 4: PostRead without PreRead");
    }

    [Test]
    public void A_call_that_does_both_takes_over_before_it_hands_back()
    {
        _memory.Sync(0, 4, DmaSync.PreRead);
        _memory.Sync(0, 4, DmaSync.PostRead | DmaSync.PreRead);
        Expect();
        _memory.Sync(0, 4, DmaSync.PreRead);
        Expect("region 0, byte 0: PreRead twice");
    }

    [Test]
    public void Memory_is_not_freed_while_it_is_handed_over_and_not_used_after()
    {
        _memory.Sync(60, 4, DmaSync.PreRead);
        _memory.Free();
        Expect("region 0, byte 60: memory was freed while it is the device's");
        _memory.Load8(0);
        Assert.That(_dma.GuestMemory.TryRead(_memory.DeviceAddress, new byte[1]), Is.False);
        Assert.That(() => _memory.Free(), Throws.InvalidOperationException);
        Expect(
            "region 0, byte 60: memory was freed while it is the device's",
            "region 0, byte 0: the processor reads freed memory",
            "region 0, byte 0: a device uses freed memory");
    }

    [Test]
    public void Quarantine_is_for_memory_that_is_handed_over_and_is_counted()
    {
        _memory.Sync(0, 4, DmaSync.PreRead);
        _memory.Quarantine();
        Expect();
        Assert.That(_dma.Quarantined, Is.EqualTo(1));
        Assert.That(_dma.QuarantinedBytes, Is.EqualTo(64));
        Assert.That(_dma.GuestMemory.TryRead(_memory.DeviceAddress, new byte[1]), Is.True, "it stays memory");
    }

    [Test]
    public void A_buffer_is_not_unloaded_while_it_is_handed_over()
    {
        SimulatedBuffer buffer = _dma.AllocateBuffer(100);
        DmaMap map = _dma.CreateMap(1, 100);
        map.Load(buffer.Address, 100);
        map.Sync(10, 10, DmaSync.PreRead);
        map.Unload();
        Expect("region 1, byte 10: a buffer was unloaded while it is the device's");
    }

    [Test]
    public void Accesses_next_to_memory_do_nothing_and_are_found()
    {
        SharedMemory.Store8(_memory.Address, 64, 1);
        Assert.That(SharedMemory.Load8(_memory.Address - 1, 0), Is.Zero);
        SharedMemory.Store32(_memory.Address, 62, 1);
        Expect(
            "region 0, byte 0: the processor writes outside of the memory",
            "region 0, byte 0: the processor reads outside of the memory",
            "region 0, byte 62: the processor writes outside of the memory");
        _dma.CheckGuards();
        Assert.That(_dma.Violations, Has.Count.EqualTo(3));
    }

    [Test]
    public void A_guard_page_that_was_overwritten_past_the_accessors_is_found()
    {
        _memory.Address[64] = 1;
        _dma.CheckGuards();
        Expect("region 0, byte 0: a guard page was overwritten");
    }

    [Test]
    public void A_device_finds_nothing_outside_of_memory()
    {
        Assert.That(_dma.GuestMemory.TryRead(_memory.DeviceAddress + 60, new byte[5]), Is.False);
        Assert.That(_dma.GuestMemory.TryRead(_memory.DeviceAddress - 1, new byte[1]), Is.False);
        Assert.That(_dma.GuestMemory.TryRead(ulong.MaxValue, new byte[2]), Is.False);
        Expect();
    }

    private bool DeviceWrites(uint offset, int length)
    {
        byte[] bytes = new byte[length];
        Array.Fill(bytes, (byte)1);
        return _dma.GuestMemory.TryWrite(_memory.DeviceAddress + offset, bytes);
    }

    private void Expect(params string[] violations) => Assert.That(_dma.Violations, Is.EqualTo(violations));
}
