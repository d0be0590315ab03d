namespace VirtioGuest.Pci;

/// <summary>Offsets and bits of the configuration header (PCI 3.0, 6.1 and 6.2; PCI-to-PCI Bridge 1.2, 3.2).</summary>
internal static class ConfigurationHeader
{
    public const uint VendorId = 0x00;
    public const uint DeviceId = 0x02;
    public const uint Command = 0x04;
    public const uint Status = 0x06;
    public const uint RevisionId = 0x08;
    public const uint ProgrammingInterface = 0x09;
    public const uint Subclass = 0x0A;
    public const uint BaseClass = 0x0B;
    public const uint HeaderType = 0x0E;
    public const uint FirstBaseAddress = 0x10;
    public const uint SubsystemVendorId = 0x2C;
    public const uint SubsystemId = 0x2E;
    public const uint CapabilitiesPointer = 0x34;
    public const uint InterruptLine = 0x3C;
    public const uint InterruptPin = 0x3D;

    /// <summary>Where capabilities may begin: after the header.</summary>
    public const uint FirstCapability = 0x40;

    /// <summary>Where the space ends that capability pointers can name.</summary>
    public const uint CapabilityEnd = 0x100;

    /// <summary>Where extended configuration space ends.</summary>
    public const uint ExtendedEnd = 0x1000;

    public const byte DeviceLayout = 0;
    public const byte BridgeLayout = 1;
    public const byte CardBusLayout = 2;
    public const byte LayoutMask = 0x7F;
    public const byte Multifunction = 0x80;

    public const ushort IoSpace = 1 << 0;
    public const ushort MemorySpace = 1 << 1;
    public const ushort Decode = IoSpace | MemorySpace;
    public const ushort BusMaster = 1 << 2;
    public const ushort InterruptDisable = 1 << 10;

    public const ushort InterruptStatus = 1 << 3;
    public const ushort CapabilitiesList = 1 << 4;

    public const uint PrimaryBus = 0x18;
    public const uint SecondaryBus = 0x19;
    public const uint SubordinateBus = 0x1A;
    public const uint IoBase = 0x1C;
    public const uint IoLimit = 0x1D;
    public const uint MemoryBase = 0x20;
    public const uint MemoryLimit = 0x22;
    public const uint PrefetchableBase = 0x24;
    public const uint PrefetchableLimit = 0x26;
    public const uint PrefetchableBaseUpper = 0x28;
    public const uint PrefetchableLimitUpper = 0x2C;
    public const uint IoBaseUpper = 0x30;
    public const uint IoLimitUpper = 0x32;
}
