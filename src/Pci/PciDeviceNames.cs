namespace VirtioGuest.Pci;

/// <summary>The vendors and devices that virtual machines commonly have (virtio 1.4, 4.1.2 and 5).</summary>
internal static class PciDeviceNames
{
    private const ushort Virtio = 0x1AF4;
    private const ushort FirstModern = 0x1040;

    public static string? Vendor(ushort vendorId) => vendorId switch
    {
        0x1000 => "LSI Logic",
        0x1013 => "Cirrus Logic",
        0x1022 => "AMD",
        0x1033 => "NEC",
        0x106B => "Apple",
        0x10DE => "NVIDIA",
        0x10EC => "Realtek",
        0x1234 => "Bochs",
        0x1274 => "Ensoniq",
        0x1414 => "Microsoft",
        0x15AD => "VMware",
        Virtio => "virtio",
        0x1B36 => "Red Hat",
        0x1D0F => "Amazon",
        0x80EE => "VirtualBox",
        0x8086 => "Intel",
        _ => null,
    };

    public static string? Device(ushort vendorId, ushort deviceId)
    {
        if (vendorId == Virtio)
        {
            return VirtioDevice(deviceId);
        }

        return (((uint)vendorId << 16) | deviceId) switch
        {
            0x10000012 => "53c895a",
            0x101300B8 => "GD 5446",
            0x10220022 => "PCnet",
            0x10222000 => "PCnet",
            0x10330194 => "uPD720200 xHCI",
            0x10EC8029 => "RTL8029",
            0x10EC8139 => "RTL8139",
            0x12341111 => "VGA",
            0x123411E8 => "edu",
            0x12745000 => "ES1370",
            0x15AD0405 => "SVGA II",
            0x15AD07B0 => "VMXNET3",
            0x15AD07C0 => "PVSCSI",
            0x1B360001 => "PCI bridge",
            0x1B360002 => "serial port",
            0x1B360003 => "serial ports, two",
            0x1B360004 => "serial ports, four",
            0x1B360005 => "PCI test device",
            0x1B360007 => "SD host controller",
            0x1B360008 => "PCIe host bridge",
            0x1B360009 => "PCI expander bridge",
            0x1B36000B => "PCIe expander bridge",
            0x1B36000C => "PCIe root port",
            0x1B36000D => "xHCI",
            0x1B360010 => "NVMe",
            0x1B360011 => "PVPANIC",
            0x1B360100 => "QXL",
            0x8086100E => "82540EM",
            0x808610D3 => "82574L",
            0x80861237 => "440FX host bridge",
            0x80862415 => "82801AA AC'97",
            0x8086244E => "82801 PCI bridge",
            0x80862448 => "82801 Mobile PCI bridge",
            0x80862668 => "82801FB HD audio",
            0x8086293E => "82801I HD audio",
            0x80862918 => "82801IB LPC",
            0x80862922 => "82801I AHCI",
            0x80862930 => "82801I SMBus",
            0x80862934 => "82801I UHCI",
            0x80862935 => "82801I UHCI",
            0x80862936 => "82801I UHCI",
            0x8086293A => "82801I EHCI",
            0x808629C0 => "Q35 host bridge",
            0x80867000 => "PIIX3 ISA",
            0x80867010 => "PIIX3 IDE",
            0x80867020 => "PIIX3 USB",
            0x80867110 => "PIIX4 ISA",
            0x80867111 => "PIIX4 IDE",
            0x80867113 => "PIIX4 ACPI",
            _ => null,
        };
    }

    /// <summary>A transitional device has a number of its own; a modern one has 0x1040 plus its device type.</summary>
    private static string? VirtioDevice(ushort deviceId) => deviceId switch
    {
        0x1000 => "network, transitional",
        0x1001 => "block, transitional",
        0x1002 => "memory balloon, transitional",
        0x1003 => "console, transitional",
        0x1004 => "SCSI host, transitional",
        0x1005 => "entropy, transitional",
        0x1009 => "9P, transitional",
        0x1110 => "shared memory (ivshmem)",
        FirstModern + 1 => "network",
        FirstModern + 2 => "block",
        FirstModern + 3 => "console",
        FirstModern + 4 => "entropy",
        FirstModern + 5 => "memory balloon",
        FirstModern + 8 => "SCSI host",
        FirstModern + 9 => "9P",
        FirstModern + 16 => "GPU",
        FirstModern + 18 => "input",
        FirstModern + 19 => "socket",
        FirstModern + 20 => "crypto",
        FirstModern + 23 => "IOMMU",
        FirstModern + 24 => "memory",
        FirstModern + 25 => "sound",
        FirstModern + 26 => "file system",
        FirstModern + 27 => "persistent memory",
        FirstModern + 34 => "SCMI",
        FirstModern + 36 => "I2C adapter",
        FirstModern + 41 => "GPIO",
        _ => null,
    };
}
