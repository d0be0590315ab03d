using System.Collections.Generic;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Transport.Pci;

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

/// <summary>What a virtio capability of a PCI function locates (virtio 1.4, 4.1.4).</summary>
public enum PciStructureKind
{
    /// <summary>The common configuration.</summary>
    CommonConfiguration = 1,

    /// <summary>Where queues are notified.</summary>
    Notification = 2,

    /// <summary>The ISR status byte.</summary>
    IsrStatus = 3,

    /// <summary>The device-specific configuration.</summary>
    DeviceConfiguration = 4,

    /// <summary>A window in configuration space onto the other structures.</summary>
    ConfigurationAccess = 5,

    /// <summary>A shared memory region.</summary>
    SharedMemory = 8,

    /// <summary>The vendor's own data.</summary>
    VendorData = 9,
}

/// <summary>
/// Makes the structures of a function accessible: through their base addresses, or where those cannot be mapped through
/// the window in configuration space (virtio 1.4, 4.1.4.9).
/// </summary>
internal sealed class PciStructureMap
{
    private readonly Machine _machine;
    private readonly PciFunction _function;
    private readonly PciStructure[] _structures;
    private readonly Capability? _window;

    /// <summary>Covers what a function's capabilities tell of.</summary>
    internal PciStructureMap(Machine machine, PciFunction function)
    {
        _machine = machine;
        _function = function;
        _structures = PciStructure.ReadAll(function);
        foreach (PciStructure structure in _structures)
        {
            if (structure.Kind == PciStructureKind.ConfigurationAccess)
            {
                _window ??= structure.Capability;
            }
        }
    }

    /// <summary>Whether there is no virtio capability at all.</summary>
    internal bool IsEmpty => _structures.Length == 0;

    /// <summary>Whether anything is reached through the window.</summary>
    internal bool UsesWindow { get; private set; }

    /// <summary>Maps the first structure of a kind that can be, preferring base addresses to the window.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="alignment">What its offset must be a multiple of, a power of two.</param>
    /// <param name="minimumLength">How many bytes it must have.</param>
    /// <param name="maximumLength">How many are mapped at most; what devices append for later drivers is left.</param>
    internal MmioRegion? MapFirst(
        PciStructureKind kind, uint alignment, uint minimumLength, uint maximumLength)
    {
        for (int pass = 0; pass < 2; pass++)
        {
            foreach (PciStructure structure in _structures)
            {
                if (structure.Kind == kind && structure.Length >= minimumLength
                    && (structure.Offset & (alignment - 1)) == 0)
                {
                    ulong length = structure.Length < maximumLength ? structure.Length : maximumLength;
                    MmioRegion? region = Map(structure, 0, (uint)length, pass != 0);
                    if (region != null)
                    {
                        return region;
                    }
                }
            }
        }

        return null;
    }

    /// <summary>
    /// The first notification structure that can be reached at all. Only the places that queues turn out to have are
    /// mapped, and checked then.
    /// </summary>
    internal PciStructure? FindNotification(uint minimumLength)
    {
        for (int pass = 0; pass < 2; pass++)
        {
            foreach (PciStructure structure in _structures)
            {
                if (structure.Kind == PciStructureKind.Notification && structure.Length >= minimumLength
                    && CanReach(structure, pass != 0))
                {
                    return structure;
                }
            }
        }

        return null;
    }

    /// <summary>Maps a part of a structure.</summary>
    /// <param name="structure">The structure.</param>
    /// <param name="offset">The first byte within it; the part is known to lie in the structure.</param>
    /// <param name="length">How many bytes.</param>
    /// <returns>Null where the part is outside the base address, or cannot be reached.</returns>
    internal MmioRegion? Map(PciStructure structure, ulong offset, uint length) =>
        Map(structure, offset, length, false) ?? Map(structure, offset, length, true);

    /// <summary>The first shared memory region of an ID whose range lies within an assigned base address.</summary>
    internal bool TryFindSharedMemory(byte id, out SharedMemoryRegion region)
    {
        foreach (PciStructure structure in _structures)
        {
            BaseAddressRegister? register = _function.BaseAddress(structure.Bar);
            if (structure.Kind == PciStructureKind.SharedMemory && structure.Id == id && structure.Length != 0
                && register != null && register.IsAssigned && !register.IsIo
                && IsInside(register, structure.Offset, structure.Length))
            {
                region = new SharedMemoryRegion(id, register.Address + structure.Offset, structure.Length);
                return true;
            }
        }

        region = default;
        return false;
    }

    private static bool IsInside(BaseAddressRegister register, ulong offset, ulong length) =>
        offset <= register.Length && length <= register.Length - offset;

    private bool CanReach(PciStructure structure, bool byWindow)
    {
        BaseAddressRegister? register = _function.BaseAddress(structure.Bar);
        return register != null && structure.Offset < register.Length
            && (byWindow ? _window != null : register.IsAssigned);
    }

    private MmioRegion? Map(PciStructure structure, ulong offset, uint length, bool byWindow)
    {
        ulong start = structure.Offset + offset;
        if (!byWindow)
        {
            return _function.Map(_machine, structure.Bar, start, length);
        }

        // A driver must not point the window outside a base address, or where no other capability points.
        BaseAddressRegister? register = _function.BaseAddress(structure.Bar);
        if (_window == null || register == null || !IsInside(register, start, length)
            || start > uint.MaxValue - length)
        {
            return null;
        }

        UsesWindow = true;
        return new PciWindowRegion(_function, _window, structure.Bar, (uint)start, length);
    }
}
