namespace VirtioGuest.Devices.Pci;

/// <summary>What a device's PCI function looks like, as far as the specification leaves it open.</summary>
public sealed class PciFunctionOptions
{
    /// <summary>How many MSI-X vectors there are, 0 to 2048; 0 for no MSI-X.</summary>
    public int VectorCount { get; init; } = 4;

    /// <summary>How many of the vectors can be mapped; mapping others fails.</summary>
    public int MappableVectors { get; init; } = int.MaxValue;

    /// <summary>The interrupt pin: 1 to 4 for INTA to INTD, 0 for none.</summary>
    public byte InterruptPin { get; init; } = 1;

    /// <summary>What the Interrupt Line register holds at first.</summary>
    public byte InterruptLine { get; init; } = 11;

    /// <summary>
    /// How many bytes lie between the places for notifications: 0, 4 or a larger power of two; 2 too without
    /// NOTIFICATION_DATA.
    /// </summary>
    public uint NotifyMultiplier { get; init; } = 4;

    /// <summary>Whether the structures are behind a 64-bit base address.</summary>
    public bool HasWideBaseAddress { get; init; }

    /// <summary>The revision; 1 or more for a device that is not transitional.</summary>
    public byte RevisionId { get; init; } = 1;

    /// <summary>The subsystem's ID; 0x40 or more for a device that is not transitional.</summary>
    public ushort SubsystemId { get; init; } = 0x40;
}
