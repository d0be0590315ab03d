using System.Collections.Generic;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>What one virtio capability of a PCI function says (virtio 1.4, 4.1.4).</summary>
/// <remarks>
/// It is what the device claims, checked for form only: whether the range lies within its base address register shows
/// when it is mapped.
/// </remarks>
public sealed class PciStructure
{
    private const uint KindOffset = 3;
    private const uint BarOffset = 4;
    private const uint IdOffset = 5;
    private const uint OffsetOffset = 8;
    private const uint LengthOffset = 12;
    private const uint ExtraOffset = 16;
    private const uint CapabilityLength = 16;
    private const uint NotificationLength = 20;
    private const uint WideLength = 24;
    private const uint VendorLength = 6;
    private const byte LastBar = 5;

    private PciStructure(PciStructureKind kind, Capability capability)
    {
        Kind = kind;
        Capability = capability;
    }

    /// <summary>What is located.</summary>
    public PciStructureKind Kind { get; }

    /// <summary>The number of the base address register, 0 to 5.</summary>
    public byte Bar { get; private set; }

    /// <summary>Which of several of one kind; means something for shared memory only.</summary>
    public byte Id { get; private set; }

    /// <summary>The first byte, counted from the base address.</summary>
    public ulong Offset { get; private set; }

    /// <summary>How many bytes.</summary>
    public ulong Length { get; private set; }

    /// <summary>
    /// Of a notification structure: how many bytes lie between the places of queues whose <c>queue_notify_off</c>
    /// differ by one.
    /// </summary>
    public uint NotifyOffsetMultiplier { get; private set; }

    /// <summary>The capability that says so.</summary>
    internal Capability Capability { get; }

    /// <summary>Reads all virtio capabilities of a function, in its order of preference.</summary>
    /// <remarks>
    /// A capability of a reserved kind, with a reserved base address register, or too short for its kind is passed
    /// over; a longer one is welcome (virtio 1.4, 4.1.4.1).
    /// </remarks>
    public static PciStructure[] ReadAll(PciFunction function)
    {
        List<PciStructure> found = new List<PciStructure>();
        foreach (Capability capability in function.Capabilities)
        {
            PciStructure? structure = capability.Id == CapabilityId.VendorSpecific ? TryRead(capability) : null;
            if (structure != null)
            {
                found.Add(structure);
            }
        }

        return found.ToArray();
    }

    private static PciStructure? TryRead(Capability capability)
    {
        if (capability.Length <= KindOffset)
        {
            return null;
        }

        PciStructureKind kind = (PciStructureKind)capability.Read8(KindOffset);
        uint needed = LengthOf(kind);
        if (needed == 0 || capability.Length < needed)
        {
            return null;
        }

        PciStructure structure = new PciStructure(kind, capability);
        if (kind == PciStructureKind.VendorData)
        {
            return structure;
        }

        structure.Bar = capability.Read8(BarOffset);
        structure.Id = capability.Read8(IdOffset);
        structure.Offset = capability.Read32(OffsetOffset);
        structure.Length = capability.Read32(LengthOffset);
        if (kind == PciStructureKind.Notification)
        {
            structure.NotifyOffsetMultiplier = capability.Read32(ExtraOffset);
        }
        else if (kind == PciStructureKind.SharedMemory)
        {
            structure.Offset |= (ulong)capability.Read32(ExtraOffset) << 32;
            structure.Length |= (ulong)capability.Read32(ExtraOffset + 4) << 32;
        }

        // Where the window of configuration space points is the driver's to choose, so it may say anything.
        return structure.Bar <= LastBar || kind == PciStructureKind.ConfigurationAccess ? structure : null;
    }

    /// <summary>How long a capability of a kind is at least; 0 for a reserved kind.</summary>
    private static uint LengthOf(PciStructureKind kind)
    {
        switch (kind)
        {
            case PciStructureKind.CommonConfiguration:
            case PciStructureKind.IsrStatus:
            case PciStructureKind.DeviceConfiguration:
                return CapabilityLength;
            case PciStructureKind.Notification:
            case PciStructureKind.ConfigurationAccess:
                return NotificationLength;
            case PciStructureKind.SharedMemory:
                return WideLength;
            case PciStructureKind.VendorData:
                return VendorLength;
            default:
                return 0;
        }
    }
}
