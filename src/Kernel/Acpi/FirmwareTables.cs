using System.Collections.Generic;
using VirtioGuest.Hal;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Acpi;

/// <summary>The ACPI tables that the program reads, copied out of the firmware's memory.</summary>
internal sealed class FirmwareTables
{
    /// <summary>The bytes of the header that all tables begin with (ACPI 6.5, 5.2.6).</summary>
    public const int HeaderLength = 36;

    private const uint FixedSignature = 0x5043_4146; // "FACP"
    private const uint DifferentiatedSignature = 0x5444_5344; // "DSDT"
    private const uint SecondarySignature = 0x5444_5353; // "SSDT"
    private const uint MaximumLength = 1 << 20;

    private FirmwareTables(FixedHardware? fixedHardware, List<byte[]> definitions)
    {
        Fixed = fixedHardware;
        Names = AmlNamespace.Load(definitions);
    }

    /// <summary>The fixed hardware; null on a machine without ACPI.</summary>
    public FixedHardware? Fixed { get; }

    /// <summary>What the definition blocks define.</summary>
    public AmlNamespace Names { get; }

    /// <summary>Reads the tables.</summary>
    /// <param name="machine">Maps them.</param>
    /// <param name="tables">Where LibOS found them; length and checksum are right.</param>
    public static FirmwareTables Read(Hal.Machine machine, IReadOnlyList<AcpiTable> tables)
    {
        FixedHardware? fixedHardware = null;
        var definitions = new List<byte[]>();
        foreach (AcpiTable table in tables)
        {
            bool isDifferentiated = table.Signature == DifferentiatedSignature;
            bool isDefinition = isDifferentiated || table.Signature == SecondarySignature;
            byte[]? bytes = isDefinition || table.Signature == FixedSignature ? Copy(machine, table) : null;
            if (bytes is null)
            {
                continue;
            }

            if (!isDefinition)
            {
                fixedHardware ??= new FixedHardware(bytes);
            }
            else
            {
                // What secondary blocks define lies within what the DSDT defines.
                definitions.Insert(isDifferentiated ? 0 : definitions.Count, bytes);
            }
        }

        return new FirmwareTables(fixedHardware, definitions);
    }

    private static byte[]? Copy(Hal.Machine machine, AcpiTable table)
    {
        if (table.Length is < HeaderLength or > MaximumLength)
        {
            return null;
        }

        MmioRegion? memory = machine.MapMmio(table.PhysicalAddress, table.Length);
        if (memory is null)
        {
            return null;
        }

        var bytes = new byte[table.Length];
        for (uint offset = 0; offset < table.Length; offset++)
        {
            bytes[offset] = memory.Read8(offset);
        }

        return bytes;
    }
}
