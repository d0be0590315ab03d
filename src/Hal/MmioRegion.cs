namespace VirtioGuest.Hal;

/// <summary>
/// A window of device registers. Accesses have exactly the given width, reach the device in program order, and are not
/// combined.
/// </summary>
/// <remarks>
/// There is no 64-bit access: a 64-bit register is two 32-bit accesses, low half first. An offset outside the window,
/// or not a multiple of the width, throws <see cref="System.ArgumentOutOfRangeException"/>: it is a bug of the driver,
/// which has checked what the device said before.
/// </remarks>
public abstract class MmioRegion
{
    /// <summary>Describes a window of <paramref name="length"/> bytes.</summary>
    protected MmioRegion(uint length)
    {
        Length = length;
    }

    /// <summary>The size of the window in bytes.</summary>
    public uint Length { get; }

    /// <summary>Reads 8 bits.</summary>
    public abstract byte Read8(uint offset);

    /// <summary>Reads 16 bits.</summary>
    public abstract ushort Read16(uint offset);

    /// <summary>Reads 32 bits.</summary>
    public abstract uint Read32(uint offset);

    /// <summary>Writes 8 bits.</summary>
    public abstract void Write8(uint offset, byte value);

    /// <summary>Writes 16 bits.</summary>
    public abstract void Write16(uint offset, ushort value);

    /// <summary>Writes 32 bits.</summary>
    public abstract void Write32(uint offset, uint value);
}
