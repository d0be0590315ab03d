namespace VirtioGuest.Hal;

/// <summary>The x86 I/O port space.</summary>
public abstract class PortSpace
{
    /// <summary>Reads 8 bits from a port.</summary>
    public abstract byte Read8(ushort port);

    /// <summary>Reads 16 bits from a port.</summary>
    public abstract ushort Read16(ushort port);

    /// <summary>Reads 32 bits from a port.</summary>
    public abstract uint Read32(ushort port);

    /// <summary>Writes 8 bits to a port.</summary>
    public abstract void Write8(ushort port, byte value);

    /// <summary>Writes 16 bits to a port.</summary>
    public abstract void Write16(ushort port, ushort value);

    /// <summary>Writes 32 bits to a port.</summary>
    public abstract void Write32(ushort port, uint value);
}
