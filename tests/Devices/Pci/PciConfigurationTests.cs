using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Pci;

/// <summary>Configuration space, ranges and capabilities, by offsets from PCI 3.0, 6 and virtio 1.4, 4.1.4.</summary>
internal sealed class PciConfigurationTests
{
    [Test]
    public void The_header_is_that_of_a_virtio_device_that_is_not_transitional()
    {
        using PciBench bench = new();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(bench.Get16(0x00), Is.EqualTo(0x1AF4));
            Assert.That(bench.Get16(0x02), Is.EqualTo(0x1040 + 42));
            Assert.That(bench.Get8(0x08), Is.GreaterThanOrEqualTo(1), "revision");
            Assert.That(bench.Get16(0x2E), Is.GreaterThanOrEqualTo(0x40), "subsystem");
            Assert.That(bench.Get16(0x06) & 0x10, Is.EqualTo(0x10), "capabilities list");
            Assert.That(bench.Get8(0x3D), Is.EqualTo(1), "pin");
            Assert.That(bench.Bus.Read32(new(0, 0, 4, 0), 0), Is.EqualTo(uint.MaxValue), "nobody there");
            Assert.That(bench.Bus.Read32(new(0, 0, 3, 1), 0), Is.EqualTo(uint.MaxValue), "no other function");
        }
    }

    [Test]
    public void Read_only_registers_stay_as_they_are()
    {
        using PciBench bench = new();
        bench.Put32(0x00, 0);
        bench.Put16(0x04, 0xFFFF);
        bench.Put8(0x34, 0);

        Assert.That(bench.Get32(0x00), Is.EqualTo(0x106A1AF4));
        Assert.That(bench.Get16(0x04), Is.EqualTo(0x0406), "memory, bus master, interrupt disable");
        Assert.That(bench.Get8(0x34), Is.EqualTo(0x40));
    }

    [Test]
    public void Ranges_size_as_powers_of_two_and_decode_where_they_are_put()
    {
        using PciBench bench = new();
        bench.Put32(0x10, 0xFFFFFFFF);
        Assert.That(bench.Get32(0x10), Is.EqualTo(0xFFFFC000), "16 KiB, 32-bit, not prefetchable");
        bench.Put32(0x18, 0xFFFFFFFF);
        Assert.That(bench.Get32(0x18), Is.EqualTo(0xFFFFF000));
        bench.Put32(0x14, 0xFFFFFFFF);
        Assert.That(bench.Get32(0x14), Is.Zero, "not there");

        bench.Put32(0x10, 0x8000_0000);
        Assert.That(bench.Registers.Read16(0x12), Is.EqualTo(0xFFFF), "nobody decodes the old place");
        Assert.That(bench.Bus.MapMmio(0x8000_0000, 0x40).Read16(0x12), Is.EqualTo(2));
        bench.Put16(0x04, 4);
        Assert.That(bench.Bus.MapMmio(0x8000_0000, 0x40).Read16(0x12), Is.EqualTo(0xFFFF), "decoding is off");
    }

    [Test]
    public void The_structures_can_be_behind_a_64_bit_range()
    {
        using PciBench bench = new(new PciFunctionOptions { HasWideBaseAddress = true });
        bench.Put32(0x10, 0xFFFFFFFF);
        bench.Put32(0x14, 0xFFFFFFFF);
        Assert.That((bench.Get32(0x10), bench.Get32(0x14)), Is.EqualTo((0xFFFFC004u, 0xFFFFFFFFu)));

        bench.Put32(0x10, 0x4000_0000);
        bench.Put32(0x14, 0x77);
        Assert.That(bench.Bus.MapMmio(0x77_4000_0000, 0x40).Read16(0x12), Is.EqualTo(2));
    }

    [TestCase(1, 16, 0x0000u, 0x40u)]
    [TestCase(3, 16, 0x1000u, 1u)]
    [TestCase(4, 16, 0x2000u, 24u)]
    [TestCase(2, 20, 0x3000u, 8u)]
    [TestCase(5, 20, 0u, 0u)]
    public void Each_structure_has_a_capability(byte kind, int size, uint offset, uint length)
    {
        using PciBench bench = new();
        uint at = bench.FindCapability(9, kind);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(at, Is.GreaterThanOrEqualTo(0x40).And.LessThan(0x100));
            Assert.That(at % 4, Is.Zero);
            Assert.That(bench.Get8(at + 2), Is.EqualTo(size));
            Assert.That(bench.Get8(at + 4), Is.Zero, "bar");
            Assert.That(bench.Get32(at + 8), Is.EqualTo(offset));
            Assert.That(bench.Get32(at + 12), Is.EqualTo(length));
        }
    }

    [TestCase(0u, 4u)]
    [TestCase(4u, 8u)]
    [TestCase(0x1000u, 0x1004u)]
    public void The_notification_structure_reaches_over_the_last_queue(uint multiplier, uint length)
    {
        using PciBench bench = new(new PciFunctionOptions { NotifyMultiplier = multiplier });
        uint at = bench.FindCapability(9, 2);

        Assert.That(bench.Get32(at + 16), Is.EqualTo(multiplier));
        Assert.That(bench.Get32(at + 12), Is.EqualTo(length));
        Assert.That(bench.Function.BaseAddressLength(0), Is.GreaterThanOrEqualTo(0x3000 + length));
    }

    [Test]
    public void Shared_memory_regions_have_64_bit_capabilities_and_their_own_range()
    {
        using PciBench bench = new(null, device =>
        {
            device.SharedMemory.Add(new SharedMemoryRegion(5, 0x1001));
            device.SharedMemory.Add(new SharedMemoryRegion(9, 0x800));
        });
        List<uint> found = [];
        for (uint at = bench.Get8(0x34); at != 0; at = bench.Get8(at + 1))
        {
            if (bench.Get8(at) == 9 && bench.Get8(at + 3) == 8)
            {
                found.Add(at);
            }
        }

        Assert.That(found, Has.Count.EqualTo(2));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(bench.Get8(found[0] + 2), Is.EqualTo(24));
            Assert.That((bench.Get8(found[0] + 4), bench.Get8(found[0] + 5)), Is.EqualTo(((byte)4, (byte)5)));
            Assert.That((bench.Get32(found[0] + 8), bench.Get32(found[0] + 12)), Is.EqualTo((0u, 0x1001u)));
            Assert.That((bench.Get32(found[1] + 8), bench.Get32(found[1] + 12)), Is.EqualTo((0x2000u, 0x800u)));
            Assert.That((bench.Get32(found[1] + 16), bench.Get32(found[1] + 20)), Is.EqualTo((0u, 0u)));
            Assert.That(bench.Function.BaseAddressLength(4), Is.EqualTo(0x4000));
        }

        bench.Bus.MapMmio(PciBench.Shared + 0x2000, 0x1000).Write16(0x10, 0xBEEF);
        Assert.That(bench.Device.SharedMemory[1].Bytes[0x10..0x12].ToArray(), Is.EqualTo(new byte[] { 0xEF, 0xBE }));
        Assert.That(bench.Bus.MapMmio(PciBench.Shared + 0x2000, 0x1000).Read32(0x900), Is.Zero, "past the region");
    }

    [Test]
    public void The_window_in_configuration_space_reads_and_writes_registers()
    {
        using PciBench bench = new();
        uint at = bench.FindCapability(9, 5);
        bench.Put8(at + 4, 0);
        bench.Put32(at + 8, 0x14);
        bench.Put32(at + 12, 1);
        bench.Put8(at + 16, 3);
        Assert.That(bench.Registers.Read8(0x14), Is.EqualTo(3));
        Assert.That(bench.Get8(at + 16), Is.EqualTo(3));

        bench.Put32(at + 8, 0x12);
        bench.Put32(at + 12, 2);
        Assert.That(bench.Get16(at + 16), Is.EqualTo(2), "num_queues");
        Assert.That(bench.Device.Findings, Is.Empty);
    }

    [TestCase(0, 0x14u, 3u)]
    [TestCase(0, 0x15u, 2u)]
    [TestCase(0, 0x10000u, 4u)]
    [TestCase(6, 0u, 4u)]
    [TestCase(255, 0u, 4u)]
    public void The_window_opens_nothing_that_is_not_an_access(int bar, uint offset, uint length)
    {
        using PciBench bench = new();
        uint at = bench.FindCapability(9, 5);
        bench.Put8(at + 4, bar);
        bench.Put32(at + 8, offset);
        bench.Put32(at + 12, length);
        bench.Put32(at + 16, 0x01010101);

        Assert.That(bench.Get32(at + 16), Is.EqualTo(0x01010101), "just a register");
        Assert.That(bench.Device.Status, Is.Zero);
    }
}
