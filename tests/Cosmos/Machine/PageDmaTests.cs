using System;
using NUnit.Framework;
using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Tests.Machine;

/// <summary>DMA memory in whole pages, at the addresses that the processor uses.</summary>
public sealed unsafe class PageDmaTests
{
    private ModelPlatform _platform = null!;
    private DmaTag _dma = null!;

    [SetUp]
    public void Start()
    {
        _platform = new ModelPlatform();
        _dma = new CosmosMachine(_platform).Dma;
    }

    [TearDown]
    public void End() => _platform.Dispose();

    [TestCase(1u, 1u)]
    [TestCase(4096u, 64u)]
    [TestCase(4097u, 4096u)]
    [TestCase(100u, 8192u)]
    [TestCase(70_000u, 65536u)]
    public void Memory_is_zeroed_aligned_and_coherent(uint length, uint alignment)
    {
        DmaMemory memory = _dma.Allocate(length, alignment)!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(memory.DeviceAddress, Is.EqualTo((ulong)memory.Address));
            Assert.That(memory.DeviceAddress % alignment, Is.Zero);
            Assert.That(memory.Length, Is.EqualTo(length));
            Assert.That(memory.IsCoherent, Is.True);
            Assert.That(memory.Bytes(0, length).ToArray(), Is.All.Zero);
            Assert.That(_platform.Pages.IsReachable(
                memory.DeviceAddress, length, Devices.Memory.GuestAccess.ReadWrite), Is.True);
        }

        memory.Free();
        Assert.That(_platform.Pages.InUse, Is.Zero);
    }

    [Test]
    public void Memory_crosses_no_boundary()
    {
        for (int i = 0; i < 20; i++)
        {
            DmaMemory memory = _dma.Allocate(6000, new DmaConstraints(16, boundary: 8192))!;

            Assert.That(memory.DeviceAddress / 8192, Is.EqualTo((memory.DeviceAddress + 5999) / 8192));
        }
    }

    [Test]
    public void Quarantined_memory_is_never_freed()
    {
        _dma.Allocate(10, 1)!.Quarantine();

        Assert.That(_platform.Pages.InUse, Is.EqualTo(1));
    }

    [TestCase(0u, 1u, 0u)]
    [TestCase(8193u, 1u, 8192u)]
    public void Impossible_memory_is_not_allocated(uint length, uint alignment, uint boundary) =>
        Assert.That(_dma.Allocate(length, new DmaConstraints(alignment, boundary: boundary)), Is.Null);

    [Test]
    public void Memory_out_of_the_devices_reach_is_freed()
    {
        Assert.That(_dma.Allocate(4096, new DmaConstraints(1, highestAddress: 0xFFFF)), Is.Null);
        Assert.That(_platform.Pages.InUse, Is.Zero);
    }

    [Test]
    public void There_is_no_memory_when_the_pages_are_used_up()
    {
        _platform.Pages.Left = 2;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_dma.Allocate(3 * 4096, 1), Is.Null);
            Assert.That(_dma.Allocate(2 * 4096, 8192), Is.Null);
            Assert.That(_dma.Allocate(2 * 4096, 4096), Is.Not.Null);
        }
    }

    [Test]
    public void The_largest_lengths_and_alignments_do_not_wrap()
    {
        _platform.Pages.Left = 1 << 20;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_dma.Allocate(uint.MaxValue, 1u << 31), Is.Null);
            Assert.That(_dma.Allocate(1, 1u << 31), Is.Null.Or.Not.Null);
        }
    }

    [Test]
    public void A_buffer_is_one_segment_at_its_own_address_as_long_as_the_device_takes_it()
    {
        byte* buffer = stackalloc byte[1000];
        DmaMap map = _dma.CreateMap(3, 400);

        Assert.That(map.Load(buffer, 1000), Is.EqualTo(DmaStatus.Ok));
        ulong start = (ulong)buffer;
        Assert.That(Array.ConvertAll(map.Segments.ToArray(), each => (each.DeviceAddress, each.Length)),
            Is.EqualTo(new[] { (start, 400u), (start + 400, 400u), (start + 800, 200u) }));
        map.Unload();
        Assert.That(map.Load(buffer, 1001), Is.EqualTo(DmaStatus.Ok));
        map.Unload();
        Assert.That(map.Load(buffer, 1201), Is.EqualTo(DmaStatus.TooManySegments));
    }
}
