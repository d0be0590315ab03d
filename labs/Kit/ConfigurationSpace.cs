using VirtioGuest.Pci;

namespace VirtioGuest.Labs;

/// <summary>The 256 bytes of PCI configuration space of one function (PCI 3.0, 6).</summary>
/// <remarks>An access has its natural alignment: 16 bits at an even offset, 32 bits at a multiple of 4.</remarks>
public sealed class ConfigurationSpace
{
    private const uint Length = 256;

    private readonly ConfigurationAccess _access;
    private readonly PciAddress _address;
    private readonly LabWatch _watch;

    internal ConfigurationSpace(ConfigurationAccess access, byte device, LabWatch watch)
    {
        _access = access;
        _address = new PciAddress(0, 0, device, 0);
        _watch = watch;
    }

    /// <summary>Reads 8 bits.</summary>
    public byte Read8(uint offset)
    {
        Check(offset, 1);
        return _access.Read8(_address, offset);
    }

    /// <summary>Reads 16 bits.</summary>
    public ushort Read16(uint offset)
    {
        Check(offset, 2);
        return _access.Read16(_address, offset);
    }

    /// <summary>Reads 32 bits.</summary>
    public uint Read32(uint offset)
    {
        Check(offset, 4);
        return _access.Read32(_address, offset);
    }

    /// <summary>Writes 16 bits.</summary>
    public void Write16(uint offset, ushort value)
    {
        Check(offset, 2);
        _access.Write16(_address, offset, value);
    }

    /// <summary>Writes 32 bits.</summary>
    public void Write32(uint offset, uint value)
    {
        Check(offset, 4);
        _access.Write32(_address, offset, value);
    }

    private void Check(uint offset, uint width)
    {
        if (offset > Length - width || offset % width != 0)
        {
            throw new WrongAccessException(
                $"Configuration space has 256 bytes, and {width} of them cannot be accessed at 0x{offset:x}.");
        }

        _watch.OnStep();
    }
}
