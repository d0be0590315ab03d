using VirtioGuest.Hal.Text;

namespace VirtioGuest.Pci;

/// <summary>Where a function is: segment group, bus (0 to 255), device (0 to 31) and function (0 to 7).</summary>
public readonly struct PciAddress
{
    private readonly uint _value;

    /// <summary>Creates an address. Bits beyond a device's five and a function's three are dropped.</summary>
    public PciAddress(ushort segment, byte bus, byte device, byte function)
    {
        _value = ((uint)segment << 16) | ((uint)bus << 8) | ((device & 0x1Fu) << 3) | (function & 7u);
    }

    /// <summary>The segment group: 0 where the platform names none.</summary>
    public ushort Segment => (ushort)(_value >> 16);

    /// <summary>The bus, 0 to 255.</summary>
    public byte Bus => (byte)(_value >> 8);

    /// <summary>The device on its bus, 0 to 31.</summary>
    public byte Device => (byte)((_value >> 3) & 0x1F);

    /// <summary>The function of its device, 0 to 7.</summary>
    public byte Function => (byte)(_value & 7);

    /// <summary>A number that orders functions by segment, bus, device and function.</summary>
    internal uint Order => _value;

    /// <summary>Whether both name the same function.</summary>
    public static bool operator ==(PciAddress left, PciAddress right) => left._value == right._value;

    /// <summary>Whether they name different functions.</summary>
    public static bool operator !=(PciAddress left, PciAddress right) => left._value != right._value;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is PciAddress other && other._value == _value;

    /// <inheritdoc/>
    public override int GetHashCode() => (int)_value;

    /// <summary>As people write it: <c>00:04.0</c>, with the segment in front where it is not 0.</summary>
    public override string ToString()
    {
        string text = Hexadecimal.Format(Bus, 2) + ":" + Hexadecimal.Format(Device, 2) + "."
            + Hexadecimal.Format(Function, 1);
        return Segment == 0 ? text : Hexadecimal.Format(Segment, 4) + ":" + text;
    }
}
