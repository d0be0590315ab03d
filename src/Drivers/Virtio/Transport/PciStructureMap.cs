using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Transport;

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
