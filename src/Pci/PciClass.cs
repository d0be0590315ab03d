namespace VirtioGuest.Pci;

/// <summary>The base classes and subclasses that code asks for (PCI Code and ID Assignment 1.11, 1).</summary>
public static class PciClass
{
    /// <summary>Disks and their controllers.</summary>
    public const byte MassStorage = 0x01;

    /// <summary>Network cards.</summary>
    public const byte Network = 0x02;

    /// <summary>Graphics.</summary>
    public const byte Display = 0x03;

    /// <summary>Bridges of any kind.</summary>
    public const byte Bridge = 0x06;

    /// <summary>The subclass of a bridge that joins processor and PCI.</summary>
    public const byte HostBridge = 0x00;
}
