using System;
using System.Buffers.Binary;
using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport;

/// <summary>
/// How a virtio device is recognised on PCI and where it says its structures are (virtio 1.4, 4.1.2 to 4.1.4).
/// </summary>
public class PciStructureTests
{
    // The model's own capabilities, in their order, and how much their base address decodes.
    private const int Common = 0;
    private const int Notify = 3;
    private const uint StructuresLength = 0x4000;

    private const int OffsetField = 8;
    private const int MultiplierField = 16;

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
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Alter = function => new ForgedFunction(function).Identify(0x1AF4, deviceId);
        Assert.That(bench.OpenTransport().DeviceType, Is.EqualTo(type));
    }

    [TestCase(0x1AF4, 0x0FFF)]
    [TestCase(0x1AF4, 0x1080)]
    [TestCase(0x8086, 0x1042)]
    public void Other_functions_are_no_virtio_devices(int vendorId, int deviceId)
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Alter = function => new ForgedFunction(function).Identify(vendorId, deviceId);
        Assert.That(bench.OpenPci(out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Is.EqualTo("is no virtio device"));
    }

    [Test]
    public void A_legacy_only_device_is_recognised_and_refused()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Alter = function => new ForgedFunction(function).Identify(0x1AF4, 0x1001).Clear();
        Assert.That(bench.OpenPci(out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Is.EqualTo("offers the legacy interface only"));
    }

    [Test]
    public void The_first_usable_structure_of_a_kind_is_taken()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        byte[] reservedBar = ForgedFunction.Structure(1, 6, 0, 0x40);
        byte[] outside = ForgedFunction.Structure(1, 0, StructuresLength - 4, 0x40);
        byte[] unaligned = ForgedFunction.Structure(1, 0, 2, 0x40);
        byte[] tooShort = ForgedFunction.Structure(1, 0, 0, 0x37);
        bench.Options = new PciFunctionOptions { VectorCount = 0 };
        bench.Alter = function => new ForgedFunction(function)
            .Insert(0, reservedBar, outside, unaligned, tooShort);
        bench.Start<VirtioBlock>("disk0");
        Assert.That(bench.Function!.BaseAddressLength(0), Is.EqualTo(StructuresLength));
    }

    [Test]
    public void A_structure_in_a_base_address_that_there_cannot_be_is_none([Values(6, 0xFF)] int bar)
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Alter = function => new ForgedFunction(function)
            .Insert(0, ForgedFunction.Structure(1, (byte)bar, 0, 0x40));
        bench.OpenTransport();
        Assert.That(PciStructure.ReadAll(bench.Found!).Select(structure => structure.Bar), Is.All.Zero);
    }

    [Test]
    public void Unexpected_lengths_and_kinds_are_tolerated()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        byte[] reservedKind = ForgedFunction.Structure(6, 0, 0, 0x40);
        byte[] truncated = { 9, 0, 3, 1 };
        byte[] vendor = { 9, 0, 8, 9, 0x34, 0x12, 0, 0 };
        byte[] longer = new byte[24];
        ForgedFunction.Structure(1, 0, 0, StructuresLength).CopyTo(longer, 0);
        longer[2] = 24;
        bench.Options = new PciFunctionOptions { VectorCount = 0 };
        bench.Alter = function => new ForgedFunction(function)
            .Remove(Common).Insert(0, reservedKind, truncated, vendor, longer);
        bench.Start<VirtioBlock>("disk0");
    }

    [Test]
    public void Shared_memory_has_a_64_bit_range()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        byte[] shared = ForgedFunction.SharedMemory(7, 2, 0x3_0000_0010, 0x4_0000_0020);
        bench.Alter = function => new ForgedFunction(function).Add(shared);
        bench.OpenTransport();

        PciStructure found = PciStructure.ReadAll(bench.Found!)[5];
        Assert.That(found.Kind, Is.EqualTo(PciStructureKind.SharedMemory));
        Assert.That(found.Bar, Is.EqualTo(2));
        Assert.That(found.Id, Is.EqualTo(7));
        Assert.That(found.Offset, Is.EqualTo(0x3_0000_0010));
        Assert.That(found.Length, Is.EqualTo(0x4_0000_0020));
    }

    [Test]
    public void Without_common_configuration_or_notification_there_is_no_transport()
    {
        using ModelBench<BlockDevice> noCommon = DiskBench.Create();
        noCommon.Alter = function => new ForgedFunction(function).Remove(Common);
        Assert.That(noCommon.OpenPci(out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Does.StartWith("has no common configuration"));

        using ModelBench<BlockDevice> noNotify = DiskBench.Create();
        noNotify.Alter = function => new ForgedFunction(function).Put(Notify, OffsetField, [0xF0, 0xFF, 0xFF, 0xFF]);
        Assert.That(noNotify.OpenPci(out failure), Is.Null);
        Assert.That(failure?.ToString(), Does.StartWith("has no notification"));
    }

    [TestCase(0u)]
    [TestCase(2u)]
    [TestCase(4u)]
    [TestCase(0x1000u)]
    public void Queues_are_notified_at_their_own_place(uint multiplier)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Options = new PciFunctionOptions { VectorCount = 8, NotifyMultiplier = multiplier };
        VirtioNet net = bench.Start<VirtioNet>("net0");
        net.TryTransmit(new byte[60]);
        net.NotifyTransmit();
        Assert.That(bench.Model.SentFrames, Has.Count.EqualTo(1));
    }

    [TestCase(0x2000u, 2)]
    [TestCase(0xFFFFFFFFu, 1)]
    [TestCase(7u, 1)]
    [TestCase(3u, 1)]
    public void A_notification_place_outside_its_structure_is_refused(uint multiplier, int offset)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Model.Queues[1].NotifyOffset = (ushort)offset;
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, multiplier);
        bench.Alter = function => new ForgedFunction(function).Put(Notify, MultiplierField, bytes);
        Assert.That(bench.FailToStart<VirtioNet>("net0"), Does.StartWith("places a queue's notifications outside"));
    }

    [Test]
    public void Any_capability_bytes_give_a_transport_or_a_reason()
    {
        Gen<byte[]> bytes = Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf(24);
        Prop.ForAll(bytes.ArrayOf(5).ToArbitrary(), capabilities =>
        {
            using ModelBench<BlockDevice> bench = DiskBench.Create();
            bench.ExpectsViolations = true;
            bench.Options = new PciFunctionOptions { VectorCount = 0 };
            foreach (byte[] capability in capabilities)
            {
                capability[0] = 9;
                capability[2] = (byte)(capability[2] % 32);
                capability[3] = (byte)(1 + (capability[3] % 5));
                capability[4] = (byte)(capability[4] % 8);
                Span<byte> offset = capability.AsSpan(8);
                uint shorter = BinaryPrimitives.ReadUInt32LittleEndian(offset) >> (capability[5] % 32);
                BinaryPrimitives.WriteUInt32LittleEndian(offset, shorter);
            }

            bench.Alter = function => new ForgedFunction(function).Clear().Add(capabilities);
            PciTransport? transport = bench.OpenPci(out Failure? failure);
            Assert.That(transport == null, Is.EqualTo(failure is not null));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }
}
