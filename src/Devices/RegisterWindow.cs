using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Devices;

/// <summary>A window of registers that are functions of offset and width.</summary>
internal abstract class RegisterWindow : MmioRegion
{
    protected RegisterWindow(uint length)
        : base(length)
    {
    }

    public sealed override byte Read8(uint offset) => (byte)Read(Check(offset, 1), 1);

    public sealed override ushort Read16(uint offset) => (ushort)Read(Check(offset, 2), 2);

    public sealed override uint Read32(uint offset) => Read(Check(offset, 4), 4);

    public sealed override void Write8(uint offset, byte value) => Write(Check(offset, 1), 1, value);

    public sealed override void Write16(uint offset, ushort value) => Write(Check(offset, 2), 2, value);

    public sealed override void Write32(uint offset, uint value) => Write(Check(offset, 4), 4, value);

    protected abstract uint Read(uint offset, int width);

    protected abstract void Write(uint offset, int width, uint value);

    private uint Check(uint offset, uint width)
    {
        if (offset > Length || width > Length - offset || offset % width != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }

        return offset;
    }
}
