using Cosmos.Core;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>The I/O ports, by way of Cosmos.Core.</summary>
public sealed class CosmosPorts : PortSpace
{
    /// <inheritdoc/>
    public override byte Read8(ushort port) => IOPort.Read8(port);

    /// <inheritdoc/>
    public override ushort Read16(ushort port) => IOPort.Read16(port);

    /// <inheritdoc/>
    public override uint Read32(ushort port) => IOPort.Read32(port);

    /// <inheritdoc/>
    public override void Write8(ushort port, byte value) => IOPort.Write8(port, value);

    /// <inheritdoc/>
    public override void Write16(ushort port, ushort value) => IOPort.Write16(port, value);

    /// <inheritdoc/>
    public override void Write32(ushort port, uint value) => IOPort.Write32(port, value);
}
