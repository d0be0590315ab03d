using System;
using System.Runtime.InteropServices;
using VirtioGuest.LibOS.Acpi;
using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Tests;

/// <summary>A machine's memory with ACPI tables in it, laid out as SeaBIOS leaves QEMU's.</summary>
internal sealed unsafe class AcpiMachine : IDisposable
{
    public const ulong PointerAt = 0xF_59D0;
    public const ulong RootAt = 0x7FE_2000;
    public const ulong FadtAt = 0x7FE_2100;
    public const ulong MadtAt = 0x7FE_2400;
    public const ulong DsdtAt = 0x7FE_0040;
    public const ulong SsdtAt = 0x7FE_3000;

    // Name (_S5, Package (4) { 0, 0, 0, 0 }), between other things, as QEMU's DSDT has it on pc and on q35.
    public const string QemuSoftOff = "5f53345f120802 0200 0008 5f53355f 1206 04 00000000 103b5c2e5f53425f50";

    private readonly BootMemory _memory = new();

    public AcpiMachine() => Tables = (AcpiTables*)NativeMemory.AllocZeroed((nuint)sizeof(AcpiTables));

    public AcpiTables* Tables { get; }

    public BootInformation* Information => _memory.Information;

    public static byte[] Bytes(string hexadecimal) => Convert.FromHexString(hexadecimal.Replace(" ", ""));

    /// <summary>QEMU's pc: ACPI 1.0, no ports beyond the old fields.</summary>
    public static BootTable PcFadt() => Header("FACP", 1, 116)
        .Put32(40, (uint)DsdtAt).Put16(46, 9).Put32(48, 0xB2).Put8(52, 0xF1).Put8(53, 0xF0)
        .Put32(56, 0x600).Put32(64, 0x604).Put32(76, 0x608).Put8(88, 4).Put8(89, 2).Put8(91, 4)
        .Put8(108, 0x32).Put32(112, 0x80A5);

    /// <summary>QEMU's q35: ACPI 2.0, with a reset register and extended blocks.</summary>
    public static BootTable Q35Fadt() => Header("FACP", 3, 244)
        .Put32(40, (uint)DsdtAt).Put16(46, 9).Put32(48, 0xB2).Put8(52, 2).Put8(53, 3)
        .Put32(56, 0x600).Put32(64, 0x604).Put32(76, 0x608).Put8(88, 4).Put8(89, 2).Put8(91, 4)
        .Put8(108, 0x32).Put16(109, 2).Put32(112, 0x84A5)
        .Put8(116, 1).Put8(117, 8).Put64(120, 0xCF9).Put8(128, 0x0F)
        .Put64(140, DsdtAt)
        .Put8(148, 1).Put8(149, 0x20).Put64(152, 0x600)
        .Put8(172, 1).Put8(173, 0x10).Put64(176, 0x604)
        .Put8(208, 1).Put8(209, 0x20).Put64(212, 0x608);

    /// <summary>QEMU's MADT for one processor.</summary>
    public static BootTable Madt() => Header("APIC", 1, 36)
        .Add32(0xFEE0_0000).Add32(1)
        .Add8(0, 8, 0, 0).Add32(1)
        .Add8(1, 12, 0, 0).Add32(0xFEC0_0000).Add32(0)
        .Add8(2, 10, 0, 0).Add32(2).Add16(0)
        .Add8(2, 10, 0, 5).Add32(5).Add16(0x0D)
        .Add8(2, 10, 0, 9).Add32(9).Add16(0x0D)
        .Add8(4, 6, 0xFF, 0, 0, 1);

    public static BootTable Header(string signature, byte revision, int length) => new BootTable()
        .AddText(signature).Add32(0).Add8(revision, 0).AddText("BOCHS BXPC    ").Add32(1).AddText("BXPC").Add32(1)
        .PadTo(length);

    public static BootTable Definition(string signature, string aml) => Header(signature, 1, 36).Add8(Bytes(aml));

    /// <summary>Sets length and checksum and writes the table.</summary>
    public void Write(ulong at, BootTable table)
    {
        table.Put32(4, (uint)table.Length).PutChecksum(9, table.Length);
        WriteRaw(at, table);
    }

    public void WriteRaw(ulong at, BootTable table) => _memory.Write(at, table.ToArray());

    public void WriteRaw(ulong at, byte[] bytes) => _memory.Write(at, bytes);

    public void Fill(ulong at, int length, byte value) => _memory.Fill(at, length, value);

    public void WriteOldPointer(ulong at, ulong rsdt = RootAt) => WriteRaw(at, OldPointer(rsdt));

    public static BootTable OldPointer(ulong rsdt = RootAt) => new BootTable()
        .AddText("RSD PTR ").Add8(0).AddText("BOCHS ").Add8(0).Add32((uint)rsdt).PutChecksum(8, 20);

    public static BootTable NewPointer(ulong rsdt, ulong xsdt) => new BootTable()
        .AddText("RSD PTR ").Add8(0).AddText("BOCHS ").Add8(2).Add32((uint)rsdt).Add32(36).Add64(xsdt).Add32(0)
        .PutChecksum(8, 20).PutChecksum(32, 36);

    public void WriteRsdt(params ulong[] tables)
    {
        BootTable root = Header("RSDT", 1, 36);
        foreach (ulong table in tables)
        {
            root.Add32((uint)table);
        }

        Write(RootAt, root);
    }

    public void WriteXsdt(ulong at, params ulong[] tables)
    {
        BootTable root = Header("XSDT", 1, 36);
        foreach (ulong table in tables)
        {
            root.Add64(table);
        }

        Write(at, root);
    }

    /// <summary>All tables of a QEMU machine.</summary>
    public AcpiMachine WithGoldenTables(BootTable fadt)
    {
        WriteOldPointer(PointerAt);
        WriteRsdt(FadtAt, MadtAt);
        Write(FadtAt, fadt);
        Write(MadtAt, Madt());
        Write(DsdtAt, Definition("DSDT", QemuSoftOff));
        return this;
    }

    public AcpiStatus Find() => AcpiTables.Find(Information, Tables);

    public void Dispose()
    {
        NativeMemory.Free(Tables);
        _memory.Dispose();
    }
}
