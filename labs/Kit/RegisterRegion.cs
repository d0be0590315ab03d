using System.Diagnostics;
using VirtioGuest.Hal;

namespace VirtioGuest.Labs;

/// <summary>
/// Registers of a device. An access reaches the device as it is written: with its width, in its order.
/// </summary>
/// <remarks>A 64-bit register is two accesses of 32 bits, the low half first (virtio 1.4, 4.1.3.1).</remarks>
public sealed class RegisterRegion
{
    private readonly MmioRegion _region;
    private readonly LabWatch _watch;

    /// <summary>Describes registers that are mapped.</summary>
    public RegisterRegion(MmioRegion region, LabWatch watch)
    {
        (_region, _watch) = (region, watch);
    }

    /// <summary>How many bytes there are.</summary>
    public uint Length => _region.Length;

    /// <summary>Reads 8 bits.</summary>
    public byte Read8(uint offset)
    {
        Check(offset, 1);
        return _region.Read8(offset);
    }

    /// <summary>Reads 16 bits at a multiple of 2.</summary>
    public ushort Read16(uint offset)
    {
        Check(offset, 2);
        return _region.Read16(offset);
    }

    /// <summary>Reads 32 bits at a multiple of 4.</summary>
    public uint Read32(uint offset)
    {
        Check(offset, 4);
        return _region.Read32(offset);
    }

    /// <summary>Writes 8 bits.</summary>
    public void Write8(uint offset, byte value)
    {
        Check(offset, 1);
        _region.Write8(offset, value);
    }

    /// <summary>Writes 16 bits at a multiple of 2.</summary>
    public void Write16(uint offset, ushort value)
    {
        Check(offset, 2);
        _region.Write16(offset, value);
    }

    /// <summary>Writes 32 bits at a multiple of 4.</summary>
    public void Write32(uint offset, uint value)
    {
        Check(offset, 4);
        _region.Write32(offset, value);
    }

    [StackTraceHidden]
    private void Check(uint offset, uint width)
    {
        if (offset % width != 0 || (ulong)offset + width > Length)
        {
            throw new WrongAccessException(
                $"A register region of {Length} bytes has no {8 * width}-bit register at 0x{offset:x}.");
        }

        _watch.OnStep();
    }
}
