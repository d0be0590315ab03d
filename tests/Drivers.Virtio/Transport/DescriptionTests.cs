using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Hostile;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Tests.Hostile;
using VirtioGuest.Drivers.Virtio.Tests.Minimal;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport;

/// <summary>What people are told of a device and of what was chosen, and why.</summary>
public class DescriptionTests
{
    private const uint Features = 0x04;
    private const uint MmioFeatures = 0x10;

    [Test]
    public void Every_feature_has_a_fate()
    {
        using ModelBench<NetDevice> bench = NetBench.Create(mtu: 67);
        const ulong Checksum = 1 << 0;
        bench.Model.OfferedFeatures |= NetFeature.Mtu | NetFeature.Mac;
        bench.Model.FalseFeatures = Checksum;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        FeatureReport report = net.Describe().FeatureReport;
        Assert.That(report.NamesOf(FeatureFate.Accepted), Is.EqualTo(new[] { "MAC", "VERSION_1", "RING_PACKED" }));
        Assert.That(report.NamesOf(FeatureFate.NotImplemented), Is.EqualTo(new[] { "CSUM" }));
        Assert.That(report.NamesOf(FeatureFate.BadConfiguration), Is.EqualTo(new[] { "MTU" }));
        Assert.That(report.NamesOf(FeatureFate.NotOffered), Does.Contain("STATUS").And.Contain("EVENT_IDX"));
        Assert.That(report.NamesOf(FeatureFate.NotConfirmed), Is.Empty);
    }

    [Test]
    public void A_feature_that_was_not_confirmed_is_told_as_that()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.RefusesFeatures = true;
        VirtioBlock block = bench.Create<VirtioBlock>("disk0");
        Assert.That(block.TryStart(out _), Is.False);
        Assert.That(
            block.Describe().FeatureReport.NamesOf(FeatureFate.NotConfirmed),
            Is.EqualTo(new[] { "VERSION_1", "RING_PACKED" }));
    }

    [Test]
    public void A_feature_that_the_transport_does_not_carry_is_told_as_that()
    {
        using LiarBench bench = new LiarBench(isMmio: true);
        bench.Lie(Features, MmioFeatures, LieKind.WrongBits, 0x80);
        FeatureReport report = bench.StartBlock().Describe().FeatureReport;
        Assert.That(report.NamesOf(FeatureFate.NotOnTransport), Is.EqualTo(new[] { "NOTIF_CONFIG_DATA" }));
        Assert.That(report.NamesOf(FeatureFate.NotImplemented), Is.EqualTo(new[] { "SCSI" }));
    }

    [Test]
    public void A_place_for_notifications_is_told_once_there_is_one()
    {
        using LiarBench bench = new LiarBench(isMmio: false);
        VirtioBlock block = bench.NewBlock();
        Assert.That(block.Transport.DescribeNotification(0), Is.Empty);
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(
            block.Transport.DescribeNotification(0), Does.EndWith("3000 (4 bytes per queue)").And.StartWith("0x"));
        Assert.That(block.Transport.DescribeNotification(PciTransport.MaximumQueues), Is.Empty);
        Assert.That(block.Transport.Interface, Is.EqualTo("modern device"));
        Assert.That(block.Transport.InterruptReason, Is.EqualTo("the function has no MSI-X"));
        using LiarBench mmio = new LiarBench(isMmio: true);
        Assert.That(mmio.NewBlock().Transport.InterruptReason, Is.EqualTo("not connected"));
        using MinimalBench minimal = new MinimalBench();
        Assert.That(
            minimal.StartDisk().Transport.DescribeNotification(0),
            Does.EndWith("3c (one place for all queues)").IgnoreCase);
    }

    [Test]
    public void A_place_that_is_reached_through_the_window_is_told_within_its_base_address()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.IsPlaced = false;
        bench.Options = new PciFunctionOptions { VectorCount = 0 };
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        VirtioTransport transport = block.Transport;
        Assert.That(transport.DescribeNotification(0), Does.StartWith("base address 0 + 0x").And.Contain("3000"));
        Assert.That(transport.ReadConfiguration32(0x5C), Is.Zero, "the last field");
        Assert.That(() => transport.ReadConfiguration32(0x60), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => transport.ReadConfiguration32(0x5E), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => transport.ReadConfiguration32(0x62), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => transport.ReadConfiguration16(0x01), Throws.InstanceOf<ArgumentOutOfRangeException>());
        block.Stop();
    }

    [Test]
    public void A_device_without_a_configuration_structure_has_no_configuration_and_reads_as_zero()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        const int DeviceStructure = 2;
        bench.Alter = function => new ForgedFunction(function).Remove(DeviceStructure);
        VirtioTransport transport = bench.OpenTransport();
        Assert.That(transport.ConfigurationLength, Is.Zero);
        Assert.That(transport.ReadConfiguration8(0), Is.Zero);
        Assert.That(transport.ReadConfiguration16(0), Is.Zero);
        Assert.That(transport.ReadConfiguration64(0), Is.Zero);
    }

    [Test]
    public void A_transitional_device_is_told_as_one()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Alter = function => new ForgedFunction(function).Identify(0x1AF4, 0x1001);
        Assert.That(bench.OpenTransport().Interface, Is.EqualTo("transitional device"));
    }

    [TestCase(0x1000, 1)]
    [TestCase(0x1001, 2)]
    [TestCase(0x1002, 5)]
    [TestCase(0x1003, 3)]
    [TestCase(0x1004, 8)]
    [TestCase(0x1005, 4)]
    [TestCase(0x1009, 9)]
    [TestCase(0x1006, 0)]
    [TestCase(0x103F, 0)]
    [TestCase(0x1041, 1)]
    [TestCase(0x107F, 63)]
    public void A_device_ID_is_a_type(int id, int type)
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Alter = altered => new ForgedFunction(altered).Identify(0x1AF4, id);
        PciFunction function = bench.Discover();
        Assert.That(PciIdentity.TryIdentify(function, out ushort found), Is.True);
        Assert.That(found, Is.EqualTo(type));
        Assert.That(PciIdentity.IsTransitional(function), Is.EqualTo(id < 0x1040));
    }

    [TestCase(0x1AF4, 0x0FFF)]
    [TestCase(0x1AF4, 0x1080)]
    [TestCase(0x8086, 0x1041)]
    public void Another_function_is_no_device(int vendor, int id)
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Alter = function => new ForgedFunction(function).Identify(vendor, id);
        Assert.That(PciIdentity.TryIdentify(bench.Discover(), out _), Is.False);
    }

    [Test]
    public void Every_type_has_a_name()
    {
        string[] names = Enumerable.Range(0, 64).Select(type => DeviceTypes.NameOf((ushort)type)).ToArray();
        Assert.That(names[1], Is.EqualTo("virtio-net"));
        Assert.That(names[0], Is.EqualTo("virtio device type 0"));
        Assert.That(names[13], Is.EqualTo(names[5]), "both are balloons");
        Assert.That(names.Distinct().Count(), Is.EqualTo(63));
    }
}
