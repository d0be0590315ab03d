using VirtioGuest.Conformance.Events;

namespace VirtioGuest.Conformance.Judge;

/// <summary>The way to a function's structures through its configuration space (virtio 1.4, 4.1.4.9).</summary>
internal sealed class PciWindow
{
    private const uint BarField = 4;
    private const uint OffsetField = 8;
    private const uint LengthField = 12;
    private const uint DataField = 16;
    private const uint End = 20;

    private readonly DeviceFacts _facts;

    public PciWindow(DeviceFacts facts)
    {
        _facts = facts;
    }

    /// <summary>Which base address it is set to.</summary>
    public int Bar { get; private set; }

    /// <summary>Which place behind that.</summary>
    public uint Offset { get; private set; }

    /// <summary>How many bytes are accessed there.</summary>
    public uint Length { get; private set; }

    /// <summary>Whether the length is one that an access can have, and the place a multiple of it.</summary>
    public bool IsAligned => Length is 1 or 2 or 4 && Offset % Length == 0;

    /// <summary>Whether a structure lies there.</summary>
    public bool IsInStructure => Find() is not null;

    /// <summary>Whether a place of configuration space is for the driver to write.</summary>
    public bool IsWritable(uint offset) => IsField(offset, BarField, BarField + 1) || IsField(offset, OffsetField, End);

    /// <summary>Whether an access to configuration space is one through the window.</summary>
    public bool IsThrough(RegisterAccess access) =>
        access.Region == RegisterRegion.Pci && IsField(access.Offset, DataField, End);

    /// <summary>What an access through the window is on the other side; null where there is nothing.</summary>
    public RegisterAccess? Translate(RegisterAccess access) => IsAligned && Find() is PciStructure found
        ? new RegisterAccess(found.Region, access.IsWrite, Offset - found.Offset, (int)Length, access.Value)
        : null;

    public void Apply(RegisterAccess access)
    {
        switch (access.Offset - _facts.Window)
        {
            case BarField when _facts.Window != 0:
                Bar = (int)(access.Value & 0xFF);
                break;
            case OffsetField when _facts.Window != 0:
                Offset = access.Value;
                break;
            case LengthField when _facts.Window != 0:
                Length = access.Value;
                break;
            default:
                break;
        }
    }

    private bool IsField(uint offset, uint first, uint end) =>
        _facts.Window != 0 && offset >= _facts.Window + first && offset < _facts.Window + end;

    private PciStructure? Find()
    {
        foreach (PciStructure each in _facts.Structures)
        {
            if (each.Holds(Bar, Offset, Length))
            {
                return each;
            }
        }

        return null;
    }
}
