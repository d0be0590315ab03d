using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Acpi;

/// <summary>
/// What LibOS takes from the Multiple APIC Description Table (ACPI 6.5, 5.2.12), or from the older MultiProcessor
/// table.
/// </summary>
internal unsafe struct InterruptDescription
{
    /// <summary>The room for I/O APICs; more are counted in <see cref="Ignored"/>.</summary>
    public const int IoApicCapacity = 16;

    /// <summary>The room for overrides; more are counted in <see cref="Ignored"/>.</summary>
    public const int OverrideCapacity = 24;

    private const ulong FirstEntry = 44;
    private const byte ProcessorEntry = 0;
    private const byte IoApicEntry = 1;
    private const byte OverrideEntry = 2;
    private const byte LocalApicAddressEntry = 5;
    private const byte X2ApicEntry = 9;

    private fixed uint _ioApicAddress[IoApicCapacity];
    private fixed uint _ioApicFirst[IoApicCapacity];
    private fixed byte _ioApicId[IoApicCapacity];
    private fixed uint _overrideTo[OverrideCapacity];
    private fixed ushort _overrideFlags[OverrideCapacity];
    private fixed byte _overrideFrom[OverrideCapacity];

    /// <summary>Whether the table is there; everything else is 0 without it.</summary>
    public bool IsPresent;

    /// <summary>Whether an entry was malformed, so that those after it were not read.</summary>
    public bool IsCut;

    /// <summary>Whether the machine also has a pair of 8259s (PCAT_COMPAT).</summary>
    public bool HasLegacyControllers;

    /// <summary>The physical address of the local APICs.</summary>
    public ulong LocalApicAddress;

    /// <summary>How many processors are enabled.</summary>
    public uint Processors;

    public int IoApics;
    public int Overrides;

    /// <summary>How many I/O APICs and overrides found no room.</summary>
    public uint Ignored;

    /// <summary>Copies an I/O APIC's entry out; false at and past <see cref="IoApics"/>.</summary>
    public readonly bool TryGetIoApic(int index, IoApicDescription* ioApic)
    {
        if (index < 0 || index >= IoApics)
        {
            return false;
        }

        ioApic->Id = _ioApicId[index];
        ioApic->Address = _ioApicAddress[index];
        ioApic->FirstInterrupt = _ioApicFirst[index];
        return true;
    }

    /// <summary>Finds where an ISA line is connected.</summary>
    /// <param name="line">The ISA line, 0 to 15.</param>
    /// <param name="flags">
    /// Polarity (bits 0-1) and trigger mode (bits 2-3), 5.2.12.5; 0 for what the bus usually has.
    /// </param>
    /// <returns>The global system interrupt; the line's own number where no override names it.</returns>
    public readonly uint GlobalInterruptOf(byte line, out ushort flags)
    {
        for (int index = 0; index < Overrides; index++)
        {
            if (_overrideFrom[index] == line)
            {
                flags = _overrideFlags[index];
                return _overrideTo[index];
            }
        }

        flags = 0;
        return line;
    }

    /// <summary>Reads a table whose checksum is right.</summary>
    public void Read(ByteWindow table)
    {
        if (IsPresent)
        {
            return;
        }

        IsPresent = true;
        LocalApicAddress = table.Load32(36);
        HasLegacyControllers = (table.Load32(40) & 1) != 0;
        ulong offset = FirstEntry;
        while (table.Has(offset, 2))
        {
            ulong length = table.Load8(offset + 1);
            if (length < 2 || !table.Has(offset, length))
            {
                IsCut = true;
                return;
            }

            ReadEntry(table.Part(offset, length));
            offset += length;
        }
    }

    /// <summary>Adds an I/O APIC, if there is room.</summary>
    public void AddIoApic(byte id, uint address, uint firstInterrupt)
    {
        if (IoApics == IoApicCapacity)
        {
            Ignored++;
            return;
        }

        _ioApicId[IoApics] = id;
        _ioApicAddress[IoApics] = address;
        _ioApicFirst[IoApics] = firstInterrupt;
        IoApics++;
    }

    /// <summary>Adds where and how an ISA line is connected, if there is room.</summary>
    public void AddOverride(byte line, uint globalInterrupt, ushort flags)
    {
        if (Overrides == OverrideCapacity)
        {
            Ignored++;
            return;
        }

        _overrideFrom[Overrides] = line;
        _overrideTo[Overrides] = globalInterrupt;
        _overrideFlags[Overrides] = flags;
        Overrides++;
    }

    private void ReadEntry(ByteWindow entry)
    {
        switch (entry.Load8(0))
        {
            case ProcessorEntry:
                Processors += entry.Load32(4) & 1;
                break;
            case X2ApicEntry:
                Processors += entry.Load32(8) & 1;
                break;
            case LocalApicAddressEntry when entry.Has(4, 8):
                LocalApicAddress = entry.Load64(4);
                break;
            case IoApicEntry when entry.Has(0, 12):
                AddIoApic(entry.Load8(2), entry.Load32(4), entry.Load32(8));
                break;
            case OverrideEntry when entry.Has(0, 10):
                AddOverride(entry.Load8(3), entry.Load32(4), entry.Load16(8));
                break;
            default:
                break;
        }
    }
}

internal struct IoApicDescription
{
    public byte Id;

    /// <summary>The physical address of its registers.</summary>
    public uint Address;

    /// <summary>The global system interrupt of its first input, or <see cref="AfterPrevious"/>.</summary>
    public uint FirstInterrupt;

    /// <summary>Its inputs follow those of the previous one: the MultiProcessor table does not number them.</summary>
    public const uint AfterPrevious = uint.MaxValue;
}
