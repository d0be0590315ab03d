using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.DeviceConformance;

/// <summary>The registers of a PCI function, read and written as a test likes (virtio 1.4, 4.1.4).</summary>
internal sealed class PciRegisters
{
    public const uint FeatureSelect = 0x00;
    public const uint DeviceFeature = 0x04;
    public const uint ConfigurationVector = 0x10;
    public const uint QueueCount = 0x12;
    public const uint QueueSelect = 0x16;
    public const uint QueueSize = 0x18;
    public const uint QueueVector = 0x1A;
    public const uint QueueEnable = 0x1C;
    public const uint QueueNotifyOffset = 0x1E;

    /// <summary>What a vector reads as where there is none.</summary>
    public const ushort NoVector = 0xFFFF;

    private const uint CommonLength = 0x38;

    private PciRegisters(PciFunction function, PciStructure[] structures, MmioRegion common, MmioRegion? isr)
    {
        Function = function;
        Structures = structures;
        Common = common;
        Isr = isr;
    }

    /// <summary>The function.</summary>
    public PciFunction Function { get; }

    /// <summary>Its virtio capabilities, in order.</summary>
    public PciStructure[] Structures { get; }

    /// <summary>The common configuration structure.</summary>
    public MmioRegion Common { get; }

    /// <summary>The ISR status; null where it cannot be mapped.</summary>
    public MmioRegion? Isr { get; }

    /// <summary>
    /// Finds the registers of a function; null where they are not to be reached through its base addresses.
    /// </summary>
    public static PciRegisters? TryMap(Machine machine, PciFunction function)
    {
        PciStructure[] structures = PciStructure.ReadAll(function);
        MmioRegion? common = Map(machine, function, structures, PciStructureKind.CommonConfiguration, CommonLength);
        return common is null
            ? null
            : new PciRegisters(
                function, structures, common, Map(machine, function, structures, PciStructureKind.IsrStatus, 1));
    }

    /// <summary>Reads a field of a queue, which is selected before.</summary>
    public ushort ReadQueue(int queue, uint field)
    {
        Common.Write16(QueueSelect, (ushort)queue);
        return Common.Read16(field);
    }

    /// <summary>Writes a field of a queue, which is selected before.</summary>
    public void WriteQueue(int queue, uint field, ushort value)
    {
        Common.Write16(QueueSelect, (ushort)queue);
        Common.Write16(field, value);
    }

    private static MmioRegion? Map(
        Machine machine, PciFunction function, PciStructure[] structures, PciStructureKind kind, uint length)
    {
        foreach (PciStructure structure in structures)
        {
            MmioRegion? region = structure.Kind == kind
                ? function.Map(machine, structure.Bar, structure.Offset, length)
                : null;
            if (region is not null)
            {
                return region;
            }
        }

        return null;
    }
}
