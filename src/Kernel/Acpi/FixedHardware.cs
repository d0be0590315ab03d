using System;
using System.Buffers.Binary;
using System.Text;

namespace VirtioGuest.Kernel.Acpi;

/// <summary>
/// The registers that events come through, as the Fixed ACPI Description Table tells of them (ACPI 6.5, 5.2.9 and
/// 4.8.3). Ports are 0 where there is none.
/// </summary>
internal sealed class FixedHardware
{
    private const uint ButtonIsDeviceFlag = 1 << 4;
    private const uint HardwareReducedFlag = 1 << 20;
    private const byte PortSpace = 1;

    /// <summary>Reads a table whose length and checksum are right; what lies outside of it reads as 0.</summary>
    public FixedHardware(ReadOnlySpan<byte> table)
    {
        byte revision = Load8(table, 8);
        uint flags = Load32(table, 112);
        Maker = Encoding.ASCII.GetString(table.Slice(10, 6));
        IsReduced = revision >= 5 && (flags & HardwareReducedFlag) != 0;
        if (IsReduced)
        {
            return;
        }

        Line = Load16(table, 46);
        SmiCommandPort = Port(Load32(table, 48));
        EnableValue = Load8(table, 52);
        EventLength = Load8(table, 88);
        EventA = BlockPort(table, 148, 56);
        EventB = BlockPort(table, 160, 60);
        ControlA = BlockPort(table, 172, 64);
        GeneralLength = Load8(table, 92);
        General = BlockPort(table, 220, 80);
        HasButton = (flags & ButtonIsDeviceFlag) == 0;
    }

    /// <summary>Who wrote the table: six characters.</summary>
    public string Maker { get; }

    /// <summary>Whether none of this hardware exists (HW_REDUCED_ACPI).</summary>
    public bool IsReduced { get; }

    /// <summary>The line of the system control interrupt, an ISA line or a global system interrupt.</summary>
    public ushort Line { get; }

    /// <summary>The port that takes <see cref="EnableValue"/>; 0 where ACPI mode is always on.</summary>
    public ushort SmiCommandPort { get; }

    /// <summary>The value that turns ACPI mode on.</summary>
    public byte EnableValue { get; }

    /// <summary>The PM1a event block: status, then enable bits.</summary>
    public ushort EventA { get; }

    /// <summary>The PM1b event block.</summary>
    public ushort EventB { get; }

    /// <summary>The bytes of an event block, half of them status.</summary>
    public byte EventLength { get; }

    /// <summary>The PM1a control register.</summary>
    public ushort ControlA { get; }

    /// <summary>The block of general-purpose events 0 and up: status, then enable bits.</summary>
    public ushort General { get; }

    /// <summary>The bytes of that block, half of them status.</summary>
    public byte GeneralLength { get; }

    /// <summary>Whether the power button is a bit of the event block, and no device of its own.</summary>
    public bool HasButton { get; }

    // The extended block counts where it is filled in (5.2.9), else the old one.
    private static ushort BlockPort(ReadOnlySpan<byte> table, int extended, int old)
    {
        ulong address = table.Length >= extended + 12
            ? BinaryPrimitives.ReadUInt64LittleEndian(table[(extended + 4)..])
            : 0;
        return address != 0
            ? Load8(table, extended) == PortSpace ? Port(address) : (ushort)0
            : Port(Load32(table, old));
    }

    private static ushort Port(ulong address) => address <= ushort.MaxValue ? (ushort)address : (ushort)0;

    private static byte Load8(ReadOnlySpan<byte> table, int offset) => offset < table.Length ? table[offset] : (byte)0;

    private static ushort Load16(ReadOnlySpan<byte> table, int offset) =>
        (ushort)(Load8(table, offset) | (Load8(table, offset + 1) << 8));

    private static uint Load32(ReadOnlySpan<byte> table, int offset) =>
        Load16(table, offset) | ((uint)Load16(table, offset + 2) << 16);
}
