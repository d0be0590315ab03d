using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Machine;

/// <summary>The processor's own <c>in</c> and <c>out</c> instructions.</summary>
internal sealed class LibOsPorts : PortSpace
{
    /// <inheritdoc/>
    public override byte Read8(ushort port) => LibOsCalls.In8(port);

    /// <inheritdoc/>
    public override ushort Read16(ushort port) => LibOsCalls.In16(port);

    /// <inheritdoc/>
    public override uint Read32(ushort port) => LibOsCalls.In32(port);

    /// <inheritdoc/>
    public override void Write8(ushort port, byte value) => LibOsCalls.Out8(port, value);

    /// <inheritdoc/>
    public override void Write16(ushort port, ushort value) => LibOsCalls.Out16(port, value);

    /// <inheritdoc/>
    public override void Write32(ushort port, uint value) => LibOsCalls.Out32(port, value);
}
