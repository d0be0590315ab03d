using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Devices;

/// <summary>A window of registers that are functions of offset and width.</summary>
public abstract class RegisterWindow : MmioRegion
{
    /// <param name="length">The size of the window in bytes.</param>
    protected RegisterWindow(uint length)
        : base(length)
    {
    }

    /// <inheritdoc/>
    public sealed override byte Read8(uint offset) => (byte)Read(Check(offset, 1), 1);

    /// <inheritdoc/>
    public sealed override ushort Read16(uint offset) => (ushort)Read(Check(offset, 2), 2);

    /// <inheritdoc/>
    public sealed override uint Read32(uint offset) => Read(Check(offset, 4), 4);

    /// <inheritdoc/>
    public sealed override void Write8(uint offset, byte value) => Write(Check(offset, 1), 1, value);

    /// <inheritdoc/>
    public sealed override void Write16(uint offset, ushort value) => Write(Check(offset, 2), 2, value);

    /// <inheritdoc/>
    public sealed override void Write32(uint offset, uint value) => Write(Check(offset, 4), 4, value);

    /// <summary>Reads 1, 2 or 4 bytes; the offset is in the window and a multiple of the width.</summary>
    protected abstract uint Read(uint offset, int width);

    /// <summary>Writes 1, 2 or 4 bytes; the offset is in the window and a multiple of the width.</summary>
    protected abstract void Write(uint offset, int width, uint value);

    /// <summary>Reads 1, 2 or 4 bytes of other registers.</summary>
    protected static uint Read(MmioRegion registers, uint offset, int width)
    {
        ArgumentNullException.ThrowIfNull(registers);
        return width switch
        {
            1 => registers.Read8(offset),
            2 => registers.Read16(offset),
            _ => registers.Read32(offset),
        };
    }

    /// <summary>Writes 1, 2 or 4 bytes of other registers.</summary>
    protected static void Write(MmioRegion registers, uint offset, int width, uint value)
    {
        ArgumentNullException.ThrowIfNull(registers);
        switch (width)
        {
            case 1:
                registers.Write8(offset, (byte)value);
                break;
            case 2:
                registers.Write16(offset, (ushort)value);
                break;
            default:
                registers.Write32(offset, value);
                break;
        }
    }

    private uint Check(uint offset, uint width)
    {
        if (offset > Length || width > Length - offset || offset % width != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }

        return offset;
    }
}
