using System.Numerics;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.DeviceConformance;

/// <summary>What a device on PCI shows in its registers (virtio 1.4, 4.1).</summary>
internal static class PciTests
{
    private const ushort VirtioVendor = 0x1AF4;
    private const ushort FirstModern = 0x1040;
    private const ushort FirstTransitional = 0x1000;
    private const ushort LastTransitional = 0x103F;
    private const uint NotifyWidth = 2;

    public static DeviceTest[] All =>
    [
        new("pci.identity", "The function's IDs are those of a virtio device", "4.1.2.1", Identity),
        new("pci.capabilities", "Each structure lies within its base address and is aligned", "4.1.4", Capabilities),
        new("pci.notify", "Each queue's notification address lies within the structure", "4.1.4.4.1", Notify),
        new("pci.queue-count", "The device has the queues that it counts", "4.1.4.3.1", Queues),
        new("pci.no-queue", "A queue that does not exist has the size 0", "4.1.4.3.1", NoQueue),
        new("pci.disabled", "After a reset no queue is enabled and each has its largest size", "4.1.4.3.1", Disabled),
        new("pci.power-of-two", "Without packed rings sizes are powers of two", "4.1.4.3.1", PowersOfTwo),
        new("pci.no-vector", "No vector is shown after a reset, or for one that cannot be", "4.1.5.1.2.1", NoVector),
        new("pci.isr", "Reading the ISR status clears it", "4.1.4.5.1", IsrIsCleared),
        new("pci.more-features", "Feature words that do not exist read as 0", "4.1.4.3.1", MoreFeatures),
    ];

    private static PciRegisters Registers(DeviceBench bench)
    {
        PciRegisters? registers = bench.Registers;
        if (registers is null)
        {
            DeviceBench.Skip("is not on PCI, or its registers have no address");
        }

        return registers;
    }

    private static void Identity(DeviceBench bench)
    {
        PciRegisters registers = Registers(bench);
        ushort vendor = registers.Function.VendorId;
        ushort device = registers.Function.DeviceId;
        DeviceBench.Require(vendor == VirtioVendor, "has the vendor ID " + GeneralTests.Hex(vendor));
        bool isTransitional = device is >= FirstTransitional and <= LastTransitional;
        DeviceBench.Require(
            isTransitional || device == FirstModern + bench.Transport.DeviceType,
            "has the device ID " + GeneralTests.Hex(device));
        DeviceBench.Require(
            isTransitional || registers.Function.RevisionId >= 1,
            "has the revision ID " + DecimalText.Of(registers.Function.RevisionId) + ", and is no transitional device");
    }

    private static void Capabilities(DeviceBench bench)
    {
        PciRegisters registers = Registers(bench);
        foreach (PciStructureKind kind in (PciStructureKind[])[
            PciStructureKind.CommonConfiguration, PciStructureKind.Notification, PciStructureKind.IsrStatus])
        {
            DeviceBench.Require(
                System.Array.Exists(registers.Structures, structure => structure.Kind == kind),
                "has no capability of kind " + DecimalText.Of((uint)kind));
        }

        foreach (PciStructure structure in registers.Structures)
        {
            string name = "places structure " + DecimalText.Of((uint)structure.Kind) + " at "
                + GeneralTests.Hex(structure.Offset);
            uint alignment = structure.Kind switch
            {
                PciStructureKind.CommonConfiguration => 4,
                PciStructureKind.Notification => NotifyWidth,
                _ => 1,
            };
            DeviceBench.Require(structure.Offset % alignment == 0, name + ", which is not aligned");
            if (structure.Kind is PciStructureKind.CommonConfiguration or PciStructureKind.Notification
                or PciStructureKind.IsrStatus)
            {
                DeviceBench.Require(
                    registers.Function.Map(
                        bench.Transport.Machine, structure.Bar, structure.Offset, structure.Length) is not null,
                    name + ", outside of its base address");
            }

            uint multiplier = structure.NotifyOffsetMultiplier;
            DeviceBench.Require(
                structure.Kind != PciStructureKind.Notification || multiplier == 0
                    || (BitOperations.IsPow2(multiplier) && multiplier >= NotifyWidth),
                "has a notify_off_multiplier of " + DecimalText.Of(multiplier));
        }
    }

    private static void Notify(DeviceBench bench)
    {
        PciRegisters registers = Registers(bench);
        PciStructure notification = System.Array.Find(
            registers.Structures, structure => structure.Kind == PciStructureKind.Notification)!;
        for (int queue = 0; queue < registers.Common.Read16(PciRegisters.QueueCount); queue++)
        {
            if (registers.ReadQueue(queue, PciRegisters.QueueSize) == 0)
            {
                continue;
            }

            ulong offset = (ulong)registers.ReadQueue(queue, PciRegisters.QueueNotifyOffset)
                * notification.NotifyOffsetMultiplier;
            DeviceBench.Require(
                offset + NotifyWidth <= notification.Length,
                "notifies queue " + DecimalText.Of((uint)queue) + " at " + GeneralTests.Hex(offset) + " of "
                    + GeneralTests.Hex(notification.Length));
        }
    }

    private static void Queues(DeviceBench bench)
    {
        PciRegisters registers = Registers(bench);
        int needed = bench.Transport.DeviceType == DeviceTypes.Network ? 2 : 1;
        int count = registers.Common.Read16(PciRegisters.QueueCount);
        DeviceBench.Require(count >= needed, "counts " + DecimalText.Of((uint)count) + " queues");
        for (int queue = 0; queue < needed; queue++)
        {
            DeviceBench.Require(
                registers.ReadQueue(queue, PciRegisters.QueueSize) != 0,
                "has no queue " + DecimalText.Of((uint)queue));
        }
    }

    private static void NoQueue(DeviceBench bench)
    {
        PciRegisters registers = Registers(bench);
        int count = registers.Common.Read16(PciRegisters.QueueCount);
        foreach (int queue in (int[])[count, ushort.MaxValue])
        {
            ushort size = registers.ReadQueue(queue, PciRegisters.QueueSize);
            DeviceBench.Require(
                size == 0,
                "has " + DecimalText.Of(size) + " descriptors in queue " + DecimalText.Of((uint)queue) + " of "
                    + DecimalText.Of((uint)count));
        }
    }

    private static void Disabled(DeviceBench bench)
    {
        PciRegisters registers = Registers(bench);
        DeviceKind kind = GeneralTests.KindOf(bench);
        ushort largest = registers.ReadQueue(kind.OrdinaryQueue, PciRegisters.QueueSize);
        TestRing ring = bench.Start(kind, maximumSize: 4);
        DeviceBench.Require(
            registers.ReadQueue(ring.Index, PciRegisters.QueueEnable) == 1, "does not show that a queue is enabled");
        bench.Reset();
        DeviceBench.Require(
            registers.ReadQueue(ring.Index, PciRegisters.QueueEnable) == 0, "has a queue enabled after a reset");
        ushort size = registers.ReadQueue(ring.Index, PciRegisters.QueueSize);
        DeviceBench.Require(
            size == largest,
            "has a queue of " + DecimalText.Of(size) + " after a reset, and of " + DecimalText.Of(largest) + " before");
    }

    private static void PowersOfTwo(DeviceBench bench)
    {
        PciRegisters registers = Registers(bench);
        if (bench.Offers(Drivers.Virtio.Rings.Features.RingPacked))
        {
            DeviceBench.Skip("offers packed rings, which may have any size");
        }

        for (int queue = 0; queue < registers.Common.Read16(PciRegisters.QueueCount); queue++)
        {
            ushort size = registers.ReadQueue(queue, PciRegisters.QueueSize);
            DeviceBench.Require(
                size == 0 || BitOperations.IsPow2(size),
                "has " + DecimalText.Of(size) + " descriptors in queue " + DecimalText.Of((uint)queue));
        }
    }

    private static void NoVector(DeviceBench bench)
    {
        PciRegisters registers = Registers(bench);
        ushort vector = registers.Common.Read16(PciRegisters.ConfigurationVector);
        DeviceBench.Require(
            vector == PciRegisters.NoVector, "has vector " + GeneralTests.Hex(vector) + " after a reset");
        const ushort Impossible = 0x7FE;
        registers.Common.Write16(PciRegisters.ConfigurationVector, Impossible);
        vector = registers.Common.Read16(PciRegisters.ConfigurationVector);
        DeviceBench.Require(
            vector == PciRegisters.NoVector,
            "shows vector " + GeneralTests.Hex(vector) + " after " + GeneralTests.Hex(Impossible) + " was written");
        registers.WriteQueue(0, PciRegisters.QueueVector, Impossible);
        vector = registers.ReadQueue(0, PciRegisters.QueueVector);
        DeviceBench.Require(
            vector == PciRegisters.NoVector,
            "shows vector " + GeneralTests.Hex(vector) + " for a queue after " + GeneralTests.Hex(Impossible)
                + " was written");
    }

    private static void IsrIsCleared(DeviceBench bench)
    {
        PciRegisters registers = Registers(bench);
        if (registers.Isr is null)
        {
            DeviceBench.Skip("has an ISR status that cannot be mapped");
        }

        DeviceKind kind = GeneralTests.KindOf(bench);
        kind.Exercise(bench, bench.Start(kind), 5);
        bench.Idle();
        registers.Isr.Read8(0);
        byte second = registers.Isr.Read8(0);
        DeviceBench.Require(second == 0, "has the ISR status " + DecimalText.Of(second) + " right after it was read");
    }

    private static void MoreFeatures(DeviceBench bench)
    {
        PciRegisters registers = Registers(bench);
        foreach (uint word in (uint[])[4, 100, uint.MaxValue])
        {
            registers.Common.Write32(PciRegisters.FeatureSelect, word);
            uint features = registers.Common.Read32(PciRegisters.DeviceFeature);
            DeviceBench.Require(
                features == 0, "offers " + GeneralTests.Hex(features) + " in feature word " + DecimalText.Of(word));
        }
    }
}
