namespace VirtioGuest.Pci;

/// <summary>What people call classes and devices (PCI Code and ID Assignment 1.11, 1).</summary>
public static class PciNames
{
    /// <summary>What a function of a class is; at least its broad kind.</summary>
    public static string Class(byte baseClass, byte subclass) =>
        Subclass(baseClass, subclass) ?? BaseClass(baseClass);

    /// <summary>Who a vendor ID was given to, or null where the table does not know.</summary>
    public static string? Vendor(ushort vendorId) => PciDeviceNames.Vendor(vendorId);

    /// <summary>What a device is called, or null where the table does not know.</summary>
    public static string? Device(ushort vendorId, ushort deviceId) => PciDeviceNames.Device(vendorId, deviceId);

    private static string BaseClass(byte baseClass) => baseClass switch
    {
        0x00 => "Unclassified device",
        0x01 => "Mass storage controller",
        0x02 => "Network controller",
        0x03 => "Display controller",
        0x04 => "Multimedia controller",
        0x05 => "Memory controller",
        0x06 => "Bridge",
        0x07 => "Communication controller",
        0x08 => "System peripheral",
        0x09 => "Input device",
        0x0A => "Docking station",
        0x0B => "Processor",
        0x0C => "Serial bus controller",
        0x0D => "Wireless controller",
        0x0E => "Intelligent I/O controller",
        0x0F => "Satellite controller",
        0x10 => "Encryption controller",
        0x11 => "Signal processing controller",
        0x12 => "Processing accelerator",
        0x13 => "Instrumentation",
        0xFF => "Unassigned class",
        _ => "Unknown class",
    };

    private static string? Subclass(byte baseClass, byte subclass) => ((baseClass << 8) | subclass) switch
    {
        0x0001 => "VGA device",
        0x0100 => "SCSI controller",
        0x0101 => "IDE controller",
        0x0102 => "Floppy controller",
        0x0104 => "RAID controller",
        0x0105 => "ATA controller",
        0x0106 => "SATA controller",
        0x0107 => "SAS controller",
        0x0108 => "NVM controller",
        0x0200 => "Ethernet controller",
        0x0300 => "VGA controller",
        0x0302 => "3D controller",
        0x0401 => "Audio device",
        0x0403 => "HD audio device",
        0x0500 => "RAM",
        0x0600 => "Host bridge",
        0x0601 => "ISA bridge",
        0x0602 => "EISA bridge",
        0x0604 => "PCI bridge",
        0x0607 => "CardBus bridge",
        0x0700 => "Serial controller",
        0x0702 => "Multiport serial controller",
        0x0703 => "Modem",
        0x0800 => "Interrupt controller",
        0x0801 => "DMA controller",
        0x0802 => "Timer",
        0x0803 => "Real-time clock",
        0x0805 => "SD host controller",
        0x0806 => "IOMMU",
        0x0900 => "Keyboard controller",
        0x0902 => "Mouse controller",
        0x0C00 => "FireWire controller",
        0x0C03 => "USB controller",
        0x0C05 => "SMBus controller",
        0x0D11 => "Bluetooth controller",
        0x1000 => "Network encryption controller",
        _ => null,
    };
}
