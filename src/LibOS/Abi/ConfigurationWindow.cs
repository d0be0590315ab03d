namespace VirtioGuest.LibOS.Abi;

/// <summary>
/// Where the firmware says that PCI configuration space is in memory; filled in by <c>libos_configuration_window</c>.
/// </summary>
/// <remarks>Each bus takes 1 MB. The range of the buses named here does not wrap around.</remarks>
public struct ConfigurationWindow
{
    /// <summary>The physical address of bus 0, whatever the first bus is; a multiple of 1 MB, not 0.</summary>
    public ulong BaseAddress;

    /// <summary>The segment group.</summary>
    public ushort Segment;

    /// <summary>The first bus that is reached.</summary>
    public byte FirstBus;

    /// <summary>The last bus that is reached, at least <see cref="FirstBus"/>.</summary>
    public byte LastBus;
}
