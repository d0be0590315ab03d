using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Pci;

/// <summary>Device registers in I/O ports, for structures that a device put behind an I/O base address.</summary>
internal sealed class PortRegion : MmioRegion
{
    private readonly PortSpace _ports;
    private readonly ushort _first;

    /// <summary>Covers <paramref name="length"/> ports from <paramref name="first"/> on, all below 0x10000.</summary>
    public PortRegion(PortSpace ports, ushort first, uint length)
        : base(length)
    {
        _ports = ports;
        _first = first;
    }

    /// <inheritdoc/>
    public override byte Read8(uint offset) => _ports.Read8(Port(offset, 1));

    /// <inheritdoc/>
    public override ushort Read16(uint offset) => _ports.Read16(Port(offset, 2));

    /// <inheritdoc/>
    public override uint Read32(uint offset) => _ports.Read32(Port(offset, 4));

    /// <inheritdoc/>
    public override void Write8(uint offset, byte value) => _ports.Write8(Port(offset, 1), value);

    /// <inheritdoc/>
    public override void Write16(uint offset, ushort value) => _ports.Write16(Port(offset, 2), value);

    /// <inheritdoc/>
    public override void Write32(uint offset, uint value) => _ports.Write32(Port(offset, 4), value);

    private ushort Port(uint offset, uint width)
    {
        if (offset > Length || width > Length - offset || (offset & (width - 1)) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }

        return (ushort)(_first + offset);
    }
}
