using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Console;

/// <summary>The 80 by 25 text mode that PC firmware leaves a VGA in, with its hardware cursor.</summary>
internal static unsafe class VgaTextScreen
{
    /// <summary>The number of columns.</summary>
    public const uint Columns = 80;

    /// <summary>The number of rows.</summary>
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

    /// <summary>Brings the screen up to what the grid says.</summary>
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
