using System;

namespace VirtioGuest.Pci;

/// <summary>One capability of a function (PCI 3.0, 6.7), as a window of its configuration space.</summary>
/// <remarks>
/// Offsets count from the capability's first byte, its ID. An access outside <see cref="Length"/>, or at an offset that
/// makes it unaligned, throws <see cref="ArgumentOutOfRangeException"/>: a driver compares <see cref="Length"/> with
/// what it needs before it reads.
/// </remarks>
public sealed class Capability
{
    private readonly PciFunction _function;

    internal Capability(PciFunction function, byte id, uint offset, uint length)
    {
        _function = function;
        Id = id;
        Offset = offset;
        Length = length;
    }

    /// <summary>What it is: one of <see cref="CapabilityId"/>, or a number that those do not name.</summary>
    public byte Id { get; }

    /// <summary>Where it begins in configuration space; a multiple of 4 from 0x40 on.</summary>
    public uint Offset { get; }

    /// <summary>
    /// How many bytes may be accessed: what a vendor-specific capability says of itself, otherwise what lies between
    /// its beginning and the end of the space; never beyond that end.
    /// </summary>
    public uint Length { get; }

    /// <summary>Reads 8 bits.</summary>
    public byte Read8(uint offset) => _function.Read8(Place(offset, 1));

    /// <summary>Reads 16 bits.</summary>
    public ushort Read16(uint offset) => _function.Read16(Place(offset, 2));

    /// <summary>Reads 32 bits.</summary>
    public uint Read32(uint offset) => _function.Read32(Place(offset, 4));

    /// <summary>Writes 8 bits.</summary>
    public void Write8(uint offset, byte value) => _function.Write8(Place(offset, 1), value);

    /// <summary>Writes 16 bits.</summary>
    public void Write16(uint offset, ushort value) => _function.Write16(Place(offset, 2), value);

    /// <summary>Writes 32 bits.</summary>
    public void Write32(uint offset, uint value) => _function.Write32(Place(offset, 4), value);

    private uint Place(uint offset, uint width)
    {
        if (offset > Length || width > Length - offset)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }

        return Offset + offset;
    }
}
