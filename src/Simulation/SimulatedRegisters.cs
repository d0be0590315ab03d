using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>
/// A window on the bus of a <see cref="SimulatedMachine"/>. Where no model answers, reads have all bits set and writes
/// are lost, as on a real bus.
/// </summary>
internal sealed class SimulatedRegisters : MmioRegion
{
    private readonly SimulatedMachine _machine;
    private readonly ulong _start;

    /// <summary>Creates the window.</summary>
    internal SimulatedRegisters(SimulatedMachine machine, ulong start, uint length)
        : base(length)
    {
        _machine = machine;
        _start = start;
    }

    /// <inheritdoc/>
    public override byte Read8(uint offset) => (byte)Read(offset, 1);

    /// <inheritdoc/>
    public override ushort Read16(uint offset) => (ushort)Read(offset, 2);

    /// <inheritdoc/>
    public override uint Read32(uint offset) => Read(offset, 4);

    /// <inheritdoc/>
    public override void Write8(uint offset, byte value) => Write(offset, 1, value);

    /// <inheritdoc/>
    public override void Write16(uint offset, ushort value) => Write(offset, 2, value);

    /// <inheritdoc/>
    public override void Write32(uint offset, uint value) => Write(offset, 4, value);

    private uint Read(uint offset, uint width)
    {
        RegisterModel? model = Find(offset, width, out uint place);
        return model == null ? uint.MaxValue : model.Read(place, width);
    }

    private void Write(uint offset, uint width, uint value)
    {
        RegisterModel? model = Find(offset, width, out uint place);
        model?.Write(place, width, value);
    }

    private RegisterModel? Find(uint offset, uint width, out uint place)
    {
        if (offset > Length || width > Length - offset || (offset & (width - 1)) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }

        return _machine.FindRegisters(_start + offset, width, out place);
    }
}
