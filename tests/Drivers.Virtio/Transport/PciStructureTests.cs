using System;
using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport;

/// <summary>
/// How a virtio device is recognised on PCI and where it says its structures are (virtio 1.4, 4.1.2 to 4.1.4).
/// </summary>
public class PciStructureTests
{
    [TestCase(0x1041, 1)]
    [TestCase(0x1042, 2)]
    [TestCase(0x107F, 63)]
    [TestCase(0x1000, 1)]
    [TestCase(0x1001, 2)]
    [TestCase(0x1005, 4)]
    [TestCase(0x1009, 9)]
    [TestCase(0x1030, 0)]
    public void Device_ids_name_the_type(int deviceId, int type)
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        bench.Function.DeviceId = (ushort)deviceId;
        Assert.That(bench.OpenTransport().DeviceType, Is.EqualTo(type));
    }

    [TestCase(0x1AF4, 0x0FFF)]
    [TestCase(0x1AF4, 0x1080)]
    [TestCase(0x8086, 0x1042)]
    public void Other_functions_are_no_virtio_devices(int vendorId, int deviceId)
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        bench.Function.VendorId = (ushort)vendorId;
        bench.Function.DeviceId = (ushort)deviceId;
        Assert.That(bench.OpenTransport(out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Is.EqualTo("is no virtio device"));
    }

    [Test]
    public void A_legacy_only_device_is_recognised_and_refused()
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        bench.Function.DeviceId = 0x1001;
        bench.Function.Capabilities.Clear();
        Assert.That(bench.OpenTransport(out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Is.EqualTo("offers the legacy interface only"));
    }

    [Test]
    public void The_first_usable_structure_of_a_kind_is_taken()
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        byte[] reservedBar = SimulatedFunction.Structure(1, 6, 0, 0x40);
        byte[] outside = SimulatedFunction.Structure(1, 0, SimulatedFunction.StructuresLength - 4, 0x40);
        byte[] unaligned = SimulatedFunction.Structure(1, 0, 2, 0x40);
        byte[] tooShort = SimulatedFunction.Structure(1, 0, 0, 0x37);
        bench.Function.Capabilities.RemoveAt(4);
        bench.Function.Capabilities.InsertRange(0, new[] { reservedBar, outside, unaligned, tooShort });
        bench.Function.VectorCount = 0;
        bench.StartBlock();
    }

    [Test]
    public void Unexpected_lengths_and_kinds_are_tolerated()
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        byte[] reservedKind = SimulatedFunction.Structure(6, 0, 0, 0x40);
        byte[] truncated = { 9, 0, 3, 1 };
        byte[] vendor = { 9, 0, 8, 9, 0x34, 0x12, 0, 0 };
        byte[] longer = new byte[24];
        SimulatedFunction.Structure(1, 0, 0, 0x4000).CopyTo(longer, 0);
        longer[2] = 24;
        bench.Function.Capabilities.RemoveAt(4);
        bench.Function.Capabilities[0] = longer;
        bench.Function.Capabilities.InsertRange(0, new[] { reservedKind, truncated, vendor });
        bench.Function.VectorCount = 0;
        bench.StartBlock();
    }

    [Test]
    public void Shared_memory_has_a_64_bit_range()
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        byte[] shared = new byte[24];
        SimulatedFunction.Structure(8, 2, 0x10, 0x20).CopyTo(shared, 0);
        shared[2] = 24;
        shared[5] = 7;
        shared[16] = 3;
        shared[20] = 4;
        bench.Function.Capabilities[4] = shared;
        bench.OpenTransport();

        PciStructure found = PciStructure.ReadAll(bench.Found!)[4];
        Assert.That(found.Kind, Is.EqualTo(PciStructureKind.SharedMemory));
        Assert.That(found.Bar, Is.EqualTo(2));
        Assert.That(found.Id, Is.EqualTo(7));
        Assert.That(found.Offset, Is.EqualTo(0x3_0000_0010));
        Assert.That(found.Length, Is.EqualTo(0x4_0000_0020));
    }

    [Test]
    public void Without_common_configuration_or_notification_there_is_no_transport()
    {
        using DeviceBench<SimulatedDisk> noCommon = Bench.Disk();
        noCommon.Function.Capabilities.RemoveAt(0);
        Assert.That(noCommon.OpenTransport(out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Does.StartWith("has no common configuration"));

        using DeviceBench<SimulatedDisk> noNotify = Bench.Disk();
        noNotify.Function.Capabilities[3] = SimulatedFunction.Structure(2, 0, 0xFFFFFFF0, 0x40, 4);
        Assert.That(noNotify.OpenTransport(out failure), Is.Null);
        Assert.That(failure?.ToString(), Does.StartWith("has no notification"));
    }

    [TestCase(0u)]
    [TestCase(2u)]
    [TestCase(4u)]
    [TestCase(0x1000u)]
    public void Queues_are_notified_at_their_own_place(uint multiplier)
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.Function.SetNotifyMultiplier(multiplier);
        VirtioNet net = bench.StartNet();
        net.TryTransmit(new byte[60]);
        net.NotifyTransmit();
        Assert.That(bench.Device.Sent, Has.Count.EqualTo(1));
    }

    [TestCase(0x2000u, 2)]
    [TestCase(0xFFFFFFFFu, 1)]
    [TestCase(0x3FFFu, 1)]
    [TestCase(3u, 1)]
    public void A_notification_place_outside_its_structure_is_refused(uint multiplier, int offset)
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.Function.SetNotifyMultiplier(multiplier);
        bench.Device.NotifyOffsets = new ushort[] { 0, (ushort)offset, 0, 0 };
        Assert.That(bench.FailToStart(bench.NewNet()), Does.StartWith("places a queue's notifications outside"));
    }

    [Test]
    public void Any_capability_bytes_give_a_transport_or_a_reason()
    {
        Gen<byte[]> bytes = Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf(24);
        Prop.ForAll(bytes.ArrayOf(5).ToArbitrary(), capabilities =>
        {
            using DeviceBench<SimulatedDisk> bench = Bench.Disk();
            bench.ExpectsViolations = true;
            bench.Function.VectorCount = 0;
            bench.Function.Capabilities.Clear();
            foreach (byte[] capability in capabilities)
            {
                capability[0] = 9;
                capability[2] = (byte)(capability[2] % 32);
                capability[3] = (byte)(1 + (capability[3] % 5));
                capability[4] = (byte)(capability[4] % 8);
                Span<byte> offset = capability.AsSpan(8);
                uint shorter = BinaryPrimitives.ReadUInt32LittleEndian(offset) >> (capability[5] % 32);
                BinaryPrimitives.WriteUInt32LittleEndian(offset, shorter);
                bench.Function.Capabilities.Add(capability);
            }

            PciTransport? transport = bench.OpenTransport(out Failure? failure);
            Assert.That(transport == null, Is.EqualTo(failure is not null));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }
}
