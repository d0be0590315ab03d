namespace VirtioGuest.Pci;

/// <summary>The capability IDs that the usual devices carry (PCI Code and ID Assignment 1.11, 2).</summary>
public static class CapabilityId
{
    /// <summary>Holds nothing; ends kvm-host's lists.</summary>
    public const byte Null = 0x00;

    /// <summary>Power management.</summary>
    public const byte PowerManagement = 0x01;

    /// <summary>Message-signalled interrupts.</summary>
    public const byte Msi = 0x05;

    /// <summary>Vendor-specific: virtio's structures are told in these.</summary>
    public const byte VendorSpecific = 0x09;

    /// <summary>The subsystem IDs of a bridge.</summary>
    public const byte BridgeSubsystem = 0x0D;

    /// <summary>PCI Express.</summary>
    public const byte Express = 0x10;

    /// <summary>Message-signalled interrupts with a table in memory.</summary>
    public const byte MsiX = 0x11;

    /// <summary>The short name that <c>lspci</c> prints, or null where the ID is not a usual one.</summary>
    public static string? NameOf(byte id) => id switch
    {
        Null => "null",
        PowerManagement => "PM",
        0x02 => "AGP",
        0x03 => "VPD",
        0x04 => "slot ID",
        Msi => "MSI",
        0x07 => "PCI-X",
        0x08 => "HyperTransport",
        VendorSpecific => "vendor",
        0x0A => "debug port",
        0x0C => "hot-plug",
        BridgeSubsystem => "subsystem",
        Express => "PCIe",
        MsiX => "MSI-X",
        0x12 => "SATA",
        0x13 => "AF",
        _ => null,
    };
}
