using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Mmio;

/// <summary>The register block of virtio-mmio, by offsets from the text of virtio 1.4, 4.2.2.</summary>
internal sealed class MmioDeviceTests
{
    private const ulong Buffer = GuestRam.Base + 0x100000;

    private MmioBench<EchoDevice> _bench = null!;

    private DriverRule[] Rules => [.. _bench.Device.Findings.Select(finding => finding.Rule)];

    [SetUp]
    public void Prepare() => _bench = new MmioBench<EchoDevice>(ram =>
    {
        EchoDevice device = new(ram.Regions);
        device.SharedMemory.Add(new SharedMemoryRegion(1, 0x1800));
        device.SharedMemory.Add(new SharedMemoryRegion(7, 0x10));
        return device;
    });

    [TearDown]
    public void Free() => _bench.Dispose();

    [Test]
    public void The_identity_is_virtio_version_2()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(_bench.Registers.Read32(0x000), Is.EqualTo(0x74726976));
            Assert.That(_bench.Registers.Read32(0x004), Is.EqualTo(2));
            Assert.That(_bench.Registers.Read32(0x008), Is.EqualTo(42));
            Assert.That(_bench.Registers.Read32(0x00C), Is.EqualTo(0x1AF4));
            Assert.That(_bench.Registers.Length, Is.EqualTo(0x118));
            Assert.That(Rules, Is.Empty);
        }
    }

    [Test]
    public void Features_come_in_words()
    {
        Assert.That(_bench.ReadFeatures(), Is.EqualTo(_bench.Device.OfferedFeatures));
        _bench.Registers.Write32(0x14, 2);
        Assert.That(_bench.Registers.Read32(0x10), Is.Zero);
    }

    [Test]
    public void Features_that_were_not_selected_are_not_told()
    {
        Assert.That(_bench.Registers.Read32(0x10), Is.Zero);
        Assert.That(Rules, Is.EqualTo(new[] { DriverRule.RegisterAccess }));
    }

    [Test]
    public void An_undefined_event_that_is_acknowledged_is_found()
    {
        _bench.Registers.Write32(0x64, 3);
        Assert.That(Rules, Is.Empty);
        _bench.Registers.Write32(0x64, 4);
        Assert.That(Rules, Is.EqualTo(new[] { DriverRule.RegisterAccess }));
    }

    [Test]
    public void An_absent_queue_has_size_0_and_is_not_to_be_written()
    {
        _bench.Registers.Write32(0x30, 2);
        Assert.That(_bench.Registers.Read32(0x34), Is.Zero);
        Assert.That(_bench.Registers.Read32(0x44), Is.Zero);
        Assert.That(Rules, Is.Empty);

        _bench.Registers.Write32(0x38, 8);
        Assert.That(Rules, Is.EqualTo(new[] { DriverRule.QueueAbsent }));
    }

    [Test]
    public void Both_interrupt_bits_stay_until_each_is_acknowledged()
    {
        HandRing ring = _bench.Start(0)[0];
        ring.Add(new Piece(Buffer, 4, true));
        _bench.Notify(0);
        _bench.Device.Run();
        _bench.Device.Change(0, 1);

        Assert.That(_bench.Registers.Read32(0x60), Is.EqualTo(3));
        Assert.That(_bench.Registers.Read32(0x60), Is.EqualTo(3), "reading changes nothing");
        _bench.Registers.Write32(0x64, 1);
        Assert.That(_bench.Registers.Read32(0x60), Is.EqualTo(2));
        Assert.That(_bench.Output.IsLineAsserted, Is.True);
        _bench.Registers.Write32(0x64, 2);

        Assert.That(_bench.Output.LineChanges, Is.EqualTo(new[] { true, false }));
    }

    [Test]
    public void A_queue_can_be_stopped_through_QueueReady()
    {
        HandRing ring = _bench.Start(0)[0];
        _bench.Registers.Write32(0x30, 0);
        _bench.Registers.Write32(0x44, 0);
        ring.Add(new Piece(Buffer, 4, true));
        _bench.Notify(0);
        _bench.Device.Run();

        Assert.That(_bench.Registers.Read32(0x44), Is.Zero);
        Assert.That(ring.TakeUsed(), Is.Null);
    }

    [TestCase(1u, 0x1800UL, 0xD000_0000UL)]
    [TestCase(7u, 0x10UL, 0xD000_2000UL)]
    [TestCase(2u, ulong.MaxValue, ulong.MaxValue)]
    public void Shared_memory_is_told_by_its_number(uint id, ulong length, ulong address)
    {
        _bench.Registers.Write32(0xAC, id);

        Assert.That(_bench.Registers.Read32(0xB0) | ((ulong)_bench.Registers.Read32(0xB4) << 32), Is.EqualTo(length));
        Assert.That(_bench.Registers.Read32(0xB8) | ((ulong)_bench.Registers.Read32(0xBC) << 32), Is.EqualTo(address));
    }

    [TestCase(0x014u)]
    [TestCase(0x030u)]
    [TestCase(0x050u)]
    [TestCase(0x064u)]
    [TestCase(0x080u)]
    [TestCase(0x0ACu)]
    [TestCase(0x0C0u)]
    [TestCase(0x0F8u)]
    public void Reading_what_is_not_for_reading_is_found(uint offset)
    {
        Assert.That(_bench.Registers.Read32(offset), Is.Zero);
        Assert.That(Rules, Is.EqualTo(new[] { DriverRule.RegisterAccess }));
    }

    [TestCase(0x000u)]
    [TestCase(0x010u)]
    [TestCase(0x034u)]
    [TestCase(0x060u)]
    [TestCase(0x0B0u)]
    [TestCase(0x0FCu)]
    public void Writing_what_is_not_for_writing_is_found(uint offset)
    {
        _bench.Registers.Write32(offset, 1);

        Assert.That(Rules, Is.EqualTo(new[] { DriverRule.RegisterAccess }));
    }

    [Test]
    public void Registers_have_32_bits()
    {
        _ = _bench.Registers.Read8(0x70);
        _bench.Registers.Write16(0x30, 1);

        Assert.That(Rules, Is.EqualTo(new[] { DriverRule.RegisterAccess, DriverRule.RegisterAccess }));
        Assert.That(() => _bench.Registers.Read32(0x71), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void A_notification_of_no_queue_is_found()
    {
        _bench.Start(0);
        _bench.Notify(2);
        _bench.Notify(0x10000);

        Assert.That(Rules, Is.EqualTo(new[] { DriverRule.NotificationForm, DriverRule.NotificationForm }));
    }
}
