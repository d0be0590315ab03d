using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Boot;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Acpi;

/// <summary>Whether ACPI tables were found, and what is wrong with them if not.</summary>
internal enum AcpiStatus : uint
{
    /// <summary>A root table was found. Which tables it lists is in <see cref="AcpiTables"/>.</summary>
    Ok = 0,

    /// <summary>There is no root pointer: a machine without ACPI.</summary>
    NoRootPointer = 1,

    /// <summary>There is a root pointer, but neither the XSDT nor the RSDT is valid.</summary>
    NoRootTable = 2,
}

/// <summary>What LibOS takes from the ACPI tables.</summary>
internal unsafe struct AcpiTables
{
    private const uint RsdtSignature = 0x5444_5352; // "RSDT"
    private const uint XsdtSignature = 0x5444_5358; // "XSDT"
    private const uint FadtSignature = 0x5043_4146; // "FACP"
    private const uint MadtSignature = 0x4349_5041; // "APIC"
    private const uint McfgSignature = 0x4746_434D; // "MCFG"
    private const uint DsdtSignature = 0x5444_5344; // "DSDT"
    private const uint SsdtSignature = 0x5444_5353; // "SSDT"

    // Far more than any machine has: a root table that claims more is read up to here.
    private const uint MaximumTables = 256;

    /// <summary>The fixed hardware (FADT).</summary>
    public FixedDescription Fixed;

    /// <summary>The interrupt controllers (MADT).</summary>
    public InterruptDescription Interrupts;

    /// <summary>Where PCI configuration space is in memory (MCFG or _CBA).</summary>
    public ConfigurationDescription Configuration;

    /// <summary>How to switch off (\_S5 of the DSDT or an SSDT).</summary>
    public SoftOff SoftOff;

    /// <summary>All tables, for the program.</summary>
    public AcpiTableList List;

    public readonly bool HasSoftOff => SoftOff.IsPresent && (Fixed.Pm1aControl != 0 || Fixed.SleepControl.IsPresent);

    /// <summary>Reads the tables of a machine. Whatever is absent or not valid stays zero.</summary>
    /// <remarks>Only tables below 4 GB are read: those are mapped when this runs.</remarks>
    public static AcpiStatus Find(BootInformation* information, AcpiTables* tables)
    {
        Processor.Fill(tables, 0, (ulong)sizeof(AcpiTables));
        if (!RootPointer.TryFind(information, out ulong rsdt, out ulong xsdt))
        {
            return AcpiStatus.NoRootPointer;
        }

        uint pointerLength = 8;
        if (!SystemDescriptionTable.TryOpen(xsdt, XsdtSignature, out ByteWindow root))
        {
            pointerLength = 4;
            if (!SystemDescriptionTable.TryOpen(rsdt, RsdtSignature, out root))
            {
                return AcpiStatus.NoRootTable;
            }
        }

        Walk(root, pointerLength, tables);
        return AcpiStatus.Ok;
    }

    private static void Walk(ByteWindow root, uint pointerLength, AcpiTables* tables)
    {
        for (uint index = 0; index < MaximumTables; index++)
        {
            ulong offset = SystemDescriptionTable.HeaderLength + (ulong)index * pointerLength;
            if (!root.Has(offset, pointerLength))
            {
                break;
            }

            ulong physical = pointerLength == 8 ? root.Load64(offset) : root.Load32(offset);
            if (!SystemDescriptionTable.TryOpen(physical, 0, out ByteWindow table))
            {
                continue;
            }

            tables->List.Add(physical, table);
            switch (table.Load32(0))
            {
                case FadtSignature:
                    tables->Fixed.Read(table);
                    break;
                case MadtSignature:
                    tables->Interrupts.Read(table);
                    break;
                case McfgSignature:
                    tables->Configuration.Read(table);
                    break;
                case SsdtSignature:
                    ReadDefinitions(table, tables);
                    break;
                default:
                    break;
            }
        }

        // The FADT names the DSDT, which has \_S5 on nearly every machine; its values take precedence.
        if (SystemDescriptionTable.TryOpen(tables->Fixed.DsdtAddress, DsdtSignature, out ByteWindow dsdt))
        {
            tables->List.Add(tables->Fixed.DsdtAddress, dsdt);
            ReadDefinitions(dsdt, tables);
        }

        tables->Configuration.Complete();
    }

    private static void ReadDefinitions(ByteWindow table, AcpiTables* tables)
    {
        ulong header = SystemDescriptionTable.HeaderLength;
        ByteWindow definitions = table.Part(header, table.Length - header);
        if (SoftOff.TryFind(definitions, out SoftOff found))
        {
            tables->SoftOff = found;
        }

        tables->Configuration.FindBase(definitions);
    }
}

/// <summary>Opens tables that begin with the common header (ACPI 6.5, 5.2.6).</summary>
internal static class SystemDescriptionTable
{
    public const ulong HeaderLength = 36;

    private const ulong MaximumLength = 4 << 20;

    /// <summary>Opens a table after checking its length and its checksum.</summary>
    /// <param name="physical">Where it is.</param>
    /// <param name="signature">Its four letters as a little-endian number, or 0 for any table.</param>
    /// <param name="table">The whole table, header included.</param>
    /// <returns>False where there is no such table that is valid.</returns>
    public static bool TryOpen(ulong physical, uint signature, out ByteWindow table)
    {
        if (!ByteWindow.TryOpen(physical, HeaderLength, out table) ||
            (signature != 0 && table.Load32(0) != signature))
        {
            return false;
        }

        ulong length = table.Load32(4);
        return length >= HeaderLength && length <= MaximumLength &&
            ByteWindow.TryOpen(physical, length, out table) && table.Sum(length) == 0;
    }
}

/// <summary>The tables that were found, for the program, which reads more of them than LibOS needs.</summary>
internal unsafe struct AcpiTableList
{
    /// <summary>How many tables there is room for; more are counted in <see cref="Ignored"/>.</summary>
    public const int Capacity = 64;

    private fixed ulong _address[Capacity];
    private fixed uint _length[Capacity];
    private fixed uint _signature[Capacity];

    public int Count;

    /// <summary>How many found no room.</summary>
    public uint Ignored;

    /// <summary>Adds a table whose length and checksum are right.</summary>
    public void Add(ulong physical, ByteWindow table)
    {
        if (Count == Capacity)
        {
            Ignored++;
            return;
        }

        _address[Count] = physical;
        _length[Count] = (uint)table.Length;
        _signature[Count] = table.Load32(0);
        Count++;
    }

    /// <summary>Copies an entry out; false at and past <see cref="Count"/>.</summary>
    public readonly bool TryGet(int index, AcpiTable* table)
    {
        if (index < 0 || index >= Count)
        {
            return false;
        }

        table->PhysicalAddress = _address[index];
        table->Length = _length[index];
        table->Signature = _signature[index];
        return true;
    }
}
