using System;

namespace VirtioGuest.Pci;

/// <summary>
/// One extended capability of a function (PCI Express 3.0, 7.9), as a window of its configuration space.
/// </summary>
/// <remarks>
/// Offsets count from the capability's first byte. An access outside <see cref="Length"/>, or one that is unaligned,
/// throws <see cref="ArgumentOutOfRangeException"/>.
/// </remarks>
public sealed class ExtendedCapability
{
    private readonly PciFunction _function;

    internal ExtendedCapability(PciFunction function, ushort id, byte version, uint offset)
    {
        _function = function;
        Id = id;
        Version = version;
        Offset = offset;
    }

    /// <summary>What it is: 0x0001 for advanced error reporting, 0x0010 for virtual functions, and so on.</summary>
    public ushort Id { get; }

    /// <summary>The version of its layout, 0 to 15.</summary>
    public byte Version { get; }

    /// <summary>Where it begins in configuration space; a multiple of 4 from 0x100 on.</summary>
    public uint Offset { get; }

    /// <summary>How many bytes may be accessed: all up to the end of the space.</summary>
    public uint Length => ConfigurationHeader.ExtendedEnd - Offset;

    /// <summary>Reads 8 bits.</summary>
    public byte Read8(uint offset) => _function.Read8(Place(offset, 1));

    /// <summary>Reads 16 bits.</summary>
    public ushort Read16(uint offset) => _function.Read16(Place(offset, 2));

    /// <summary>Reads 32 bits.</summary>
    public uint Read32(uint offset) => _function.Read32(Place(offset, 4));

    private uint Place(uint offset, uint width)
    {
        if (offset > Length || width > Length - offset)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }

        return Offset + offset;
    }
}
