using VirtioGuest.Hal;

namespace VirtioGuest.Pci;

/// <summary>A function's MSI-X vectors (PCI 3.0, 6.8.2): each has an address, data and a mask of its own.</summary>
/// <remarks>
/// Vectors are numbered from 0 to <see cref="VectorCount"/> - 1; another number throws
/// <see cref="System.ArgumentOutOfRangeException"/>. Writes are read back, so that a device has taken them on return.
/// </remarks>
public sealed class MsixTable
{
    private const uint ControlOffset = 2;
    private const uint TableOffset = 4;
    private const uint PendingOffset = 8;
    private const uint CapabilityLength = 12;

    private const ushort Enabled = 1 << 15;
    private const ushort AllMasked = 1 << 14;
    private const ushort SizeMask = 0x7FF;

    private const uint EntryLength = 16;
    private const uint EntryData = 8;
    private const uint EntryControl = 12;
    private const uint EntryMasked = 1;

    private readonly PciFunction _function;
    private readonly Capability _capability;
    private readonly MmioRegion _entries;
    private readonly MmioRegion _pending;

    private MsixTable(PciFunction function, Capability capability, MmioRegion entries, MmioRegion pending)
    {
        _function = function;
        _capability = capability;
        _entries = entries;
        _pending = pending;
        VectorCount = (int)(entries.Length / EntryLength);
    }

    /// <summary>How many vectors the function has, 1 to 2048.</summary>
    public int VectorCount { get; }

    /// <summary>Whether the function signals by MSI-X; its interrupt pin is then silent.</summary>
    public bool IsEnabled => (Control & Enabled) != 0;

    /// <summary>Whether all vectors are masked at once, whatever their own masks say.</summary>
    public bool IsFunctionMasked
    {
        get => (Control & AllMasked) != 0;
        set => Control = (ushort)(value ? Control | AllMasked : Control & ~AllMasked);
    }

    private ushort Control
    {
        get => _capability.Read16(ControlOffset);
        set => _capability.Write16(ControlOffset, value);
    }

    /// <summary>Maps a function's table, turns its memory decode on, and masks all vectors.</summary>
    /// <returns>
    /// The table, with MSI-X not enabled; null where the function has none, or describes one that is not in its
    /// memory or cannot be mapped, which is logged.
    /// </returns>
    public static MsixTable? Open(PciFunction function, Machine machine)
    {
        Capability? capability = function.FindCapability(CapabilityId.MsiX);
        if (capability == null)
        {
            return null;
        }

        MmioRegion? entries = null;
        MmioRegion? pending = null;
        if (capability.Length >= CapabilityLength)
        {
            uint count = (capability.Read16(ControlOffset) & (uint)SizeMask) + 1;
            entries = Map(function, machine, capability.Read32(TableOffset), count * EntryLength);
            pending = Map(function, machine, capability.Read32(PendingOffset), (count + 63) / 64 * 8);
        }

        if (entries == null || pending == null)
        {
            machine.Log.Warning(function.Address.ToString() + ": the MSI-X table is not in reachable memory: not used");
            return null;
        }

        function.MemoryDecode = true;
        MsixTable table = new MsixTable(function, capability, entries, pending);
        table.Control = (ushort)((table.Control & ~Enabled) | AllMasked);
        for (int vector = 0; vector < table.VectorCount; vector++)
        {
            table.Mask(vector);
        }

        return table;
    }

    /// <summary>Sets where a vector's message goes, and leaves the vector masked.</summary>
    /// <param name="vector">The vector.</param>
    /// <param name="address">Where the function writes, a multiple of 4.</param>
    /// <param name="data">What it writes.</param>
    /// <returns>Whether the device took all of it.</returns>
    public bool TryProgram(int vector, ulong address, uint data)
    {
        uint entry = Entry(vector);
        if ((address & 3) != 0)
        {
            return false;
        }

        // A vector may change only while it is masked (PCI 3.0, 6.8.2).
        Mask(vector);
        _entries.Write32(entry, (uint)address);
        _entries.Write32(entry + 4, (uint)(address >> 32));
        _entries.Write32(entry + EntryData, data);
        return _entries.Read32(entry) == (uint)address
            && _entries.Read32(entry + 4) == (uint)(address >> 32)
            && _entries.Read32(entry + EntryData) == data
            && IsMasked(vector);
    }

    /// <summary>Keeps a vector from being sent; what comes meanwhile stays pending.</summary>
    public void Mask(int vector) => SetMask(vector, true);

    /// <summary>Lets a vector be sent, at once where it is pending.</summary>
    public void Unmask(int vector) => SetMask(vector, false);

    /// <summary>Whether a vector's own mask is set.</summary>
    public bool IsMasked(int vector) => (_entries.Read32(Entry(vector) + EntryControl) & EntryMasked) != 0;

    /// <summary>Whether a vector waits to be sent.</summary>
    public bool IsPending(int vector)
    {
        Entry(vector);
        uint word = _pending.Read32((uint)vector / 32 * 4);
        return (word & (1u << (vector & 31))) != 0;
    }

    /// <summary>Lets the function signal by the vectors that are not masked, and by nothing else.</summary>
    /// <returns>Whether the device took it. Messages also need <see cref="PciFunction.BusMaster"/>.</returns>
    public bool Enable()
    {
        // A function signals in one way only (PCI 3.0, 6.8).
        MsiCapability.Find(_function)?.Disable();
        Control = (ushort)((Control & ~AllMasked) | Enabled);
        return (Control & (Enabled | AllMasked)) == Enabled;
    }

    /// <summary>Stops signalling by vectors and keeps what is programmed; the pin is no longer silenced.</summary>
    public void Disable() => Control = (ushort)((Control & ~Enabled) | AllMasked);

    /// <summary>Turns MSI-X off at a function whose table nobody opened.</summary>
    internal static void Disable(PciFunction function)
    {
        Capability? capability = function.FindCapability(CapabilityId.MsiX);
        if (capability != null && capability.Length >= CapabilityLength)
        {
            capability.Write16(ControlOffset, (ushort)(capability.Read16(ControlOffset) & ~Enabled));
        }
    }

    /// <summary>Maps a structure that a device placed by register number (low three bits) and offset.</summary>
    private static MmioRegion? Map(PciFunction function, Machine machine, uint place, uint length)
    {
        int index = (int)(place & 7);
        BaseAddressRegister? register = function.BaseAddress(index);
        return register == null || register.IsIo ? null : function.Map(machine, index, place & ~7u, length);
    }

    private void SetMask(int vector, bool masked)
    {
        uint control = Entry(vector) + EntryControl;
        uint value = _entries.Read32(control);
        _entries.Write32(control, masked ? value | EntryMasked : value & ~EntryMasked);

        // Reading pushes the write to the device: once masked, no message is still to come.
        _entries.Read32(control);
    }

    private uint Entry(int vector)
    {
        if (vector < 0 || vector >= VectorCount)
        {
            throw new System.ArgumentOutOfRangeException(nameof(vector));
        }

        return (uint)vector * EntryLength;
    }
}
