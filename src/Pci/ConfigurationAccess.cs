using System;

namespace VirtioGuest.Pci;

/// <summary>A way to the configuration space of all functions of one segment group (PCI 3.0, 3.2.2.3).</summary>
/// <remarks>
/// <para>
/// Accesses are naturally aligned and have exactly the given width. An offset that the mechanism cannot reach, or that
/// is not a multiple of the width, throws <see cref="ArgumentOutOfRangeException"/>; so does an address that it does
/// not serve. Reading an absent function gives whatever the host answers, all ones or all zeros.
/// </para>
/// <para>
/// An access may take several steps on the bus. Who shares one between threads wraps it in an access that serialises,
/// single accesses as well as what lies between <see cref="BeginSequence"/> and <see cref="EndSequence"/>.
/// </para>
/// </remarks>
public abstract class ConfigurationAccess
{
    /// <summary>Describes what the mechanism reaches.</summary>
    protected ConfigurationAccess(ushort segment, byte firstBus, byte lastBus, uint length)
    {
        Segment = segment;
        FirstBus = firstBus;
        LastBus = lastBus;
        Length = length;
    }

    /// <summary>The segment group that is reached.</summary>
    public ushort Segment { get; }

    /// <summary>The first bus that is reached, where enumeration begins.</summary>
    public byte FirstBus { get; }

    /// <summary>The last bus that is reached.</summary>
    public byte LastBus { get; }

    /// <summary>
    /// How many bytes of each function are reached: 0x100, or 0x1000 with extended configuration space.
    /// </summary>
    public uint Length { get; }

    /// <summary>Reads 8 bits.</summary>
    public byte Read8(PciAddress address, uint offset)
    {
        Check(address, offset, 1);
        return ReadByte(address, offset);
    }

    /// <summary>Reads 16 bits.</summary>
    public ushort Read16(PciAddress address, uint offset)
    {
        Check(address, offset, 2);
        return ReadWord(address, offset);
    }

    /// <summary>Reads 32 bits.</summary>
    public uint Read32(PciAddress address, uint offset)
    {
        Check(address, offset, 4);
        return ReadDoubleWord(address, offset);
    }

    /// <summary>Writes 8 bits.</summary>
    public void Write8(PciAddress address, uint offset, byte value)
    {
        Check(address, offset, 1);
        WriteByte(address, offset, value);
    }

    /// <summary>Writes 16 bits.</summary>
    public void Write16(PciAddress address, uint offset, ushort value)
    {
        Check(address, offset, 2);
        WriteWord(address, offset, value);
    }

    /// <summary>Writes 32 bits.</summary>
    public void Write32(PciAddress address, uint offset, uint value)
    {
        Check(address, offset, 4);
        WriteDoubleWord(address, offset, value);
    }

    /// <summary>
    /// Begins accesses that belong together, such as those of a window in configuration space: until
    /// <see cref="EndSequence"/>, no other thread's come between. Nothing is to be done where there is one thread only.
    /// </summary>
    public virtual void BeginSequence()
    {
    }

    /// <summary>Ends what <see cref="BeginSequence"/> began, in the same thread.</summary>
    public virtual void EndSequence()
    {
    }

    /// <summary>Reads 8 bits of a checked place.</summary>
    protected abstract byte ReadByte(PciAddress address, uint offset);

    /// <summary>Reads 16 bits of a checked place.</summary>
    protected abstract ushort ReadWord(PciAddress address, uint offset);

    /// <summary>Reads 32 bits of a checked place.</summary>
    protected abstract uint ReadDoubleWord(PciAddress address, uint offset);

    /// <summary>Writes 8 bits to a checked place.</summary>
    protected abstract void WriteByte(PciAddress address, uint offset, byte value);

    /// <summary>Writes 16 bits to a checked place.</summary>
    protected abstract void WriteWord(PciAddress address, uint offset, ushort value);

    /// <summary>Writes 32 bits to a checked place.</summary>
    protected abstract void WriteDoubleWord(PciAddress address, uint offset, uint value);

    private void Check(PciAddress address, uint offset, uint width)
    {
        if (offset >= Length || (offset & (width - 1)) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }

        if (address.Segment != Segment || address.Bus < FirstBus || address.Bus > LastBus)
        {
            throw new ArgumentOutOfRangeException(nameof(address));
        }
    }
}
