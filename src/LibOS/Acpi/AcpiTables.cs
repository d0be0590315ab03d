using VirtioGuest.LibOS.Boot;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Acpi;

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

    // Far more than any machine has: a root table that claims more is read to here.
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

    /// <summary>Whether the machine can be switched off through these tables.</summary>
    public readonly bool HasSoftOff => SoftOff.IsPresent && (Fixed.Pm1aControl != 0 || Fixed.SleepControl.IsPresent);

    /// <summary>Reads the tables of a machine. Everything stays zero for what is absent or not in order.</summary>
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

        // The DSDT hangs from the FADT, and is where \_S5 is on nearly every machine; its word counts.
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
