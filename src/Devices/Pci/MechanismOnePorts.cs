using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Devices.Pci;

/// <summary>
/// The host bridge's ports of configuration mechanism 1 (PCI 3.0, 3.2.2.3.2) in front of a bus, and no other ports.
/// </summary>
public sealed class MechanismOnePorts : PortSpace
{
    private const ushort AddressPort = 0xCF8;
    private const ushort DataPort = 0xCFC;
    private const uint Enable = 0x80000000;

    private readonly PciBus _bus;
    private uint _address;

    /// <summary>Leads to a bus.</summary>
    public MechanismOnePorts(PciBus bus)
    {
        _bus = bus;
    }

    /// <inheritdoc/>
    public override byte Read8(ushort port) =>
        TryPlace(port, out PciAddress address, out uint offset) ? _bus.Read8(address, offset) : (byte)_bus.Absent;

    /// <inheritdoc/>
    public override ushort Read16(ushort port) =>
        TryPlace(port, out PciAddress address, out uint offset) ? _bus.Read16(address, offset) : (ushort)_bus.Absent;

    /// <inheritdoc/>
    public override uint Read32(ushort port)
    {
        if (port == AddressPort)
        {
            return _address;
        }

        return TryPlace(port, out PciAddress address, out uint offset) ? _bus.Read32(address, offset) : _bus.Absent;
    }

    /// <inheritdoc/>
    public override void Write8(ushort port, byte value)
    {
        if (TryPlace(port, out PciAddress address, out uint offset))
        {
            _bus.Write8(address, offset, value);
        }
    }

    /// <inheritdoc/>
    public override void Write16(ushort port, ushort value)
    {
        if (TryPlace(port, out PciAddress address, out uint offset))
        {
            _bus.Write16(address, offset, value);
        }
    }

    /// <inheritdoc/>
    public override void Write32(ushort port, uint value)
    {
        if (port == AddressPort)
        {
            _address = value & ~3u;
        }
        else if (TryPlace(port, out PciAddress address, out uint offset))
        {
            _bus.Write32(address, offset, value);
        }
    }

    /// <summary>Takes the latched address apart; only bus 0 is there.</summary>
    private bool TryPlace(ushort port, out PciAddress address, out uint offset)
    {
        address = new PciAddress(0, 0, (byte)((_address >> 11) & 31), (byte)((_address >> 8) & 7));
        offset = (_address & 0xFC) | (port & 3u);
        return port is >= DataPort and < DataPort + 4
            && (_address & Enable) != 0
            && ((_address >> 16) & 0xFF) == 0;
    }
}
