using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>A port space where nobody answers.</summary>
public sealed class EmptyPorts : PortSpace
{
    /// <inheritdoc/>
    public override byte Read8(ushort port) => byte.MaxValue;

    /// <inheritdoc/>
    public override ushort Read16(ushort port) => ushort.MaxValue;

    /// <inheritdoc/>
    public override uint Read32(ushort port) => uint.MaxValue;

    /// <inheritdoc/>
    public override void Write8(ushort port, byte value)
    {
    }

    /// <inheritdoc/>
    public override void Write16(ushort port, ushort value)
    {
    }

    /// <inheritdoc/>
    public override void Write32(ushort port, uint value)
    {
    }
}
