using System;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Console;

/// <summary>Whether the PCI bus has a VGA: for loaders that do not describe a screen.</summary>
internal static class VgaPresence
{
    private const ushort AddressPort = 0xCF8;
    private const ushort DataPort = 0xCFC;
    private const uint Enable = 0x8000_0000;

    private const uint DevicesPerBus = 32;
    private const uint FunctionsPerDevice = 8;
    private const uint MultiFunction = 0x80;

    // Class and subclass (PCI code and ID assignment 1.11): a VGA, a VGA from before there were classes, a bridge.
    private const uint VgaClass = 0x0300;
    private const uint OldVgaClass = 0x0001;
    private const uint BridgeClass = 0x0604;

    /// <summary>
    /// Looks on bus 0 and behind every bridge, by configuration mechanism 1 (PCI 3.0, 3.2.2.3.2).
    /// </summary>
    /// <returns>
    /// Whether a VGA-compatible function exists. A display controller of another kind does not count: it shows no text.
    /// </returns>
    public static bool Check()
    {
        Processor.Out32(AddressPort, Enable);
        if (Processor.In32(AddressPort) != Enable)
        {
            return false;
        }

        // Every bridge leads to a higher bus, so one walk upwards meets them all, once each.
        uint last = 0;
        for (uint bus = 0; bus <= last; bus++)
        {
            if (HasVga(bus, ref last))
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasVga(uint bus, ref uint last)
    {
        for (uint device = 0; device < DevicesPerBus; device++)
        {
            uint functions = 1;
            for (uint function = 0; function < functions; function++)
            {
                uint address = Enable | (bus << 16) | (device << 11) | (function << 8);
                uint vendor = Read(address) & 0xFFFF;
                if (vendor == 0 || vendor == 0xFFFF)
                {
                    continue;
                }

                uint kind = Read(address + 0x08) >> 16;
                if (kind == VgaClass || kind == OldVgaClass)
                {
                    return true;
                }

                uint header = (Read(address + 0x0C) >> 16) & 0xFF;
                if (function == 0 && (header & MultiFunction) != 0)
                {
                    functions = FunctionsPerDevice;
                }

                if (kind == BridgeClass && (header & ~MultiFunction) == 1)
                {
                    uint secondary = (Read(address + 0x18) >> 8) & 0xFF;
                    last = Math.Max(last, secondary);
                }
            }
        }

        return false;
    }

    private static uint Read(uint address)
    {
        Processor.Out32(AddressPort, address);
        return Processor.In32(DataPort);
    }
}

/// <summary>The 80 by 25 text mode that PC firmware leaves a VGA in, with its hardware cursor.</summary>
internal static unsafe class VgaTextScreen
{
    public const uint Columns = 80;
    public const uint Rows = 25;

    private const ushort ControllerIndex = 0x3D4;
    private const ushort ControllerData = 0x3D5;
    private const byte CursorStart = 0x0A;
    private const byte CursorEnd = 0x0B;
    private const byte CursorHigh = 0x0E;
    private const byte CursorLow = 0x0F;
    private const ushort LightGreyOnBlack = 0x0700;

    /// <summary>Clears the screen and gives the cursor its shape.</summary>
    /// <param name="cells">The cells of the screen, character and attribute.</param>
    /// <param name="shown">Room for what the screen shows: <see cref="Columns"/> by <see cref="Rows"/> bytes.</param>
    public static void Clear(byte* cells, byte* shown)
    {
        for (uint cell = 0; cell < Columns * Rows; cell++)
        {
            ((ushort*)cells)[cell] = LightGreyOnBlack | ' ';
            shown[cell] = (byte)' ';
        }

        WriteController(CursorStart, 14);
        WriteController(CursorEnd, 15);
        MoveCursor(0);
    }

    /// <summary>Brings the screen up to date with the grid.</summary>
    public static void Show(TextGrid* grid, byte* cells, byte* shown)
    {
        // Reading from the screen is slow: compare with what is known to stand there.
        for (uint cell = grid->DirtyFirst * Columns; cell < grid->DirtyEnd * Columns; cell++)
        {
            byte value = grid->Cells[cell];
            if (value != shown[cell])
            {
                ((ushort*)cells)[cell] = (ushort)(LightGreyOnBlack | value);
                shown[cell] = value;
            }
        }

        MoveCursor(grid->CursorCell);
    }

    private static void MoveCursor(uint cell)
    {
        WriteController(CursorHigh, (byte)(cell >> 8));
        WriteController(CursorLow, (byte)cell);
    }

    private static void WriteController(byte index, byte value)
    {
        Processor.Out8(ControllerIndex, index);
        Processor.Out8(ControllerData, value);
    }
}
