using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Pci;

/// <summary>The common configuration and notifications, by offsets from virtio 1.4, 4.1.4.3 and 4.1.5.2.</summary>
internal sealed class PciRegisterTests
{
    [Test]
    public void A_correct_driver_does_its_work_and_leaves_no_finding([Values] bool isPacked)
    {
        using PciBench bench = new();
        HandRing ring = bench.Start(isPacked ? FeatureBit.RingPacked : 0);
        bench.UseOne(ring);

        Assert.That(ring.TakeUsed(), Is.Not.Null);
        Assert.That(bench.Device.Findings, Is.Empty);
    }

    [Test]
    public void Fields_read_back_what_was_written_in_halves()
    {
        using PciBench bench = new();
        bench.Registers.Write16(0x16, 1);
        bench.Registers.Write32(0x2C, 0x11);
        bench.Registers.Write32(0x28, 0x22223330);
        bench.Registers.Write32(0x30, 0x44445554);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(bench.Device.Queues[1].Areas.Driver, Is.EqualTo(0x11_2222_3330));
            Assert.That(bench.Registers.Read32(0x28), Is.EqualTo(0x22223330));
            Assert.That(bench.Registers.Read32(0x2C), Is.EqualTo(0x11));
            Assert.That(bench.Registers.Read32(0x30), Is.EqualTo(0x44445554));
            Assert.That(bench.Registers.Read32(0x20), Is.Zero);
            Assert.That(bench.Registers.Read16(0x16), Is.EqualTo(1));
            Assert.That(bench.Registers.Read16(0x1E), Is.EqualTo(1), "queue_notify_off");
        }
    }

    [Test]
    public void An_absent_queue_has_size_0()
    {
        using PciBench bench = new();
        bench.Registers.Write16(0x16, 9);

        Assert.That(bench.Registers.Read16(0x18), Is.Zero);
        Assert.That(bench.Registers.Read16(0x1A), Is.EqualTo(0xFFFF));
        Assert.That(bench.Device.Findings, Is.Empty);
    }

    [TestCase(0x14u, 2)]
    [TestCase(0x12u, 4)]
    [TestCase(0x00u, 1)]
    [TestCase(0x22u, 2)]
    [TestCase(0x3Cu, 2)]
    [TestCase(0x38u, 2)]
    [TestCase(0x3Au, 2)]
    [TestCase(0x40u, 4)]
    [TestCase(0x3000u, 2)]
    public void A_read_that_is_no_field_is_found(uint offset, int width)
    {
        using PciBench bench = new();
        Assert.That(bench.Function.ReadBar(0, offset, width), Is.Zero);

        Assert.That(bench.Device.Findings.Select(finding => finding.Rule),
            Is.EqualTo(new[] { DriverRule.RegisterAccess }));
    }

    [TestCase(0x04u, 4)]
    [TestCase(0x12u, 2)]
    [TestCase(0x15u, 1)]
    [TestCase(0x1Eu, 2)]
    [TestCase(0x38u, 2)]
    [TestCase(0x18u, 4)]
    [TestCase(0x1000u, 1)]
    public void A_write_that_is_no_field_is_found(uint offset, int width)
    {
        using PciBench bench = new();
        bench.Function.WriteBar(0, offset, width, 1);

        Assert.That(bench.Device.Findings.Select(finding => finding.Rule),
            Is.EqualTo(new[] { DriverRule.RegisterAccess }));
    }

    [Test]
    public void A_queue_is_not_disabled_by_writing_0()
    {
        using PciBench bench = new();
        bench.Start(0);
        bench.Registers.Write16(0x1C, 0);

        Assert.That(bench.Registers.Read16(0x1C), Is.EqualTo(1));
        Assert.That(bench.Device.Findings.Single().Rule, Is.EqualTo(DriverRule.QueueEnabled));
    }

    [Test]
    public void A_queue_reset_ends_with_0_in_reset_and_enable()
    {
        using PciBench bench = new();
        bench.Device.QueueResetDelay = 1;
        bench.Start(FeatureBit.RingReset, 0);
        bench.Registers.Write16(0x3A, 1);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(bench.Registers.Read16(0x3A), Is.EqualTo(1));
            Assert.That(bench.Registers.Read16(0x3A), Is.Zero);
            Assert.That(bench.Registers.Read16(0x1C), Is.Zero);
            Assert.That(bench.Registers.Read16(0x18), Is.EqualTo(256));
            Assert.That(bench.Registers.Read16(0x1A), Is.EqualTo(0xFFFF));
            Assert.That(bench.Device.Findings, Is.Empty);
        }
    }

    [TestCase(2u, 0x10u)]
    [TestCase(4u, 0x20u)]
    [TestCase(0x1000u, 0x8000u)]
    public void A_notification_goes_to_its_queue_s_own_place(uint multiplier, uint place)
    {
        using PciBench bench = new(
            new PciFunctionOptions { NotifyMultiplier = multiplier }, device => device.Queues[0].NotifyOffset = 8);
        HandRing ring = bench.Start(0);
        ring.Add(new Piece(GuestRam.Base + 0x100000, 4, true));
        bench.Function.WriteBar(0, 0x3000, 2, 0);
        Assert.That(bench.Device.Step(), Is.False);
        Assert.That(bench.Device.Findings.Single().Rule, Is.EqualTo(DriverRule.NotificationForm));

        bench.Function.WriteBar(0, 0x3000 + place, 2, 0);
        Assert.That(bench.Device.Step(), Is.True);
        Assert.That(bench.Device.Queues[0].NotificationsReceived, Is.EqualTo(1));
    }

    [Test]
    public void With_multiplier_0_the_value_alone_names_the_queue()
    {
        using PciBench bench = new(new PciFunctionOptions { NotifyMultiplier = 0 });
        bench.UseOne(bench.Start(0));

        Assert.That(bench.Device.Queues[0].NotificationsReceived, Is.EqualTo(1));
        Assert.That(bench.Device.Findings, Is.Empty);
    }

    [TestCase(4, 0u)]
    [TestCase(1, 0u)]
    [TestCase(2, 1u)]
    public void A_notification_of_another_width_or_value_is_found(int width, uint value)
    {
        using PciBench bench = new();
        bench.Start(0);
        bench.Function.WriteBar(0, 0x3000, width, value);

        Assert.That(bench.Device.Findings.Single().Rule, Is.EqualTo(DriverRule.NotificationForm));
    }

    [Test]
    public void With_NOTIF_CONFIG_DATA_the_device_s_own_value_names_the_queue()
    {
        ulong features = FeatureBit.NotificationConfigurationData;
        using PciBench bench = new(null, device =>
        {
            device.OfferedFeatures |= features;
            device.Queues[0].NotificationConfigurationData = 0xABCD;
        });
        bench.Start(features);
        Assert.That(bench.Registers.Read16(0x38), Is.EqualTo(0xABCD));
        bench.Registers.Write16(0x3000, 0);
        Assert.That(bench.Device.Findings.Single().Rule, Is.EqualTo(DriverRule.NotificationForm));

        bench.Registers.Write16(0x3000, 0xABCD);
        Assert.That(bench.Device.Queues[0].NotificationsReceived, Is.EqualTo(1));
    }

    [Test]
    public void With_both_kinds_of_data_a_notification_has_32_bits()
    {
        ulong features = FeatureBit.NotificationConfigurationData | FeatureBit.NotificationData
            | FeatureBit.RingPacked;
        using PciBench bench = new(null, device =>
        {
            device.OfferedFeatures |= features;
            device.Queues[0].NotificationConfigurationData = 0x1234;
        });
        HandRing ring = bench.Start(features);
        ring.Add(new Piece(GuestRam.Base + 0x100000, 4, true));
        bench.Registers.Write32(0x3000, 0x8001_1234);
        bench.Device.Run();

        ModelQueue queue = bench.Device.Queues[0];
        Assert.That(queue.LastNotification!.Value.Position, Is.EqualTo(queue.Ring!.NextAvailable));
        Assert.That(bench.Device.Findings, Is.Empty);
    }

    [Test]
    public void A_device_that_is_no_bus_master_does_not_touch_memory()
    {
        using PciBench bench = new();
        HandRing ring = bench.Start(0);
        bench.Put16(0x04, 2);
        bench.UseOne(ring);
        Assert.That(ring.TakeUsed(), Is.Null);

        bench.Put16(0x04, 6);
        bench.Device.Run();
        Assert.That(ring.TakeUsed(), Is.Not.Null);
    }
}
