using VirtioGuest.Hal;

namespace VirtioGuest.Pci;

/// <summary>
/// Configuration mechanism 1: the address goes to port 0xCF8, the data through ports 0xCFC to 0xCFF
/// (PCI 3.0, 3.2.2.3.2). It reaches 256 bytes of each function on 256 buses of segment 0.
/// </summary>
/// <remarks>
/// The address stays in the host bridge between the two steps, so two contexts never use one machine's ports at a time.
/// </remarks>
public sealed class ConfigurationMechanism1 : ConfigurationAccess
{
    private const ushort AddressPort = 0xCF8;
    private const ushort DataPort = 0xCFC;
    private const uint Enable = 0x80000000;

    private readonly PortSpace _ports;

    /// <summary>Uses a machine's ports, which <see cref="IsPresent"/> found to answer.</summary>
    public ConfigurationMechanism1(PortSpace ports)
        : base(0, 0, 255, 0x100)
    {
        _ports = ports;
    }

    /// <summary>Whether a machine has the mechanism: its address register keeps what is written.</summary>
    public static bool IsPresent(PortSpace ports)
    {
        uint before = ports.Read32(AddressPort);
        ports.Write32(AddressPort, Enable);
        bool present = ports.Read32(AddressPort) == Enable;
        ports.Write32(AddressPort, before);
        return present;
    }

    /// <inheritdoc/>
    protected override byte ReadByte(PciAddress address, uint offset) => _ports.Read8(Select(address, offset));

    /// <inheritdoc/>
    protected override ushort ReadWord(PciAddress address, uint offset) => _ports.Read16(Select(address, offset));

    /// <inheritdoc/>
    protected override uint ReadDoubleWord(PciAddress address, uint offset) => _ports.Read32(Select(address, offset));

    /// <inheritdoc/>
    protected override void WriteByte(PciAddress address, uint offset, byte value) =>
        _ports.Write8(Select(address, offset), value);

    /// <inheritdoc/>
    protected override void WriteWord(PciAddress address, uint offset, ushort value) =>
        _ports.Write16(Select(address, offset), value);

    /// <inheritdoc/>
    protected override void WriteDoubleWord(PciAddress address, uint offset, uint value) =>
        _ports.Write32(Select(address, offset), value);

    /// <summary>Latches the register's address and gives the data port of the byte within it.</summary>
    private ushort Select(PciAddress address, uint offset)
    {
        uint function = ((uint)address.Bus << 16) | ((uint)address.Device << 11) | ((uint)address.Function << 8);
        _ports.Write32(AddressPort, Enable | function | (offset & 0xFC));
        return (ushort)(DataPort + (offset & 3));
    }
}
