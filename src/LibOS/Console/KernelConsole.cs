using System;
using VirtioGuest.LibOS.Boot;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Console;

/// <summary>
/// Where the kernel writes: the serial port and the screen, each where there is one. A screen that is attached later
/// begins empty.
/// </summary>
/// <remarks>
/// A line feed is sent as carriage return and line feed over the serial line. Callers hold off interrupts. What the
/// serial port does not take at once waits in <see cref="SerialOutput"/>.
/// </remarks>
internal static unsafe class KernelConsole
{
    private const uint VgaCells = VgaTextScreen.Columns * VgaTextScreen.Rows;

    private static ScreenKind s_screen;
    private static bool s_isInLine;
    private static TextGrid s_grid;
    private static FramebufferScreen s_framebuffer;
    private static byte* s_vgaCells;
    private static VgaStore s_vgaStore;

    public static bool HasScreen => s_screen != ScreenKind.None;

    /// <summary>The columns of the screen; 0 without one.</summary>
    public static uint Columns => s_screen == ScreenKind.None ? 0 : s_grid.Columns;

    /// <summary>The rows of the screen; 0 without one.</summary>
    public static uint Rows => s_screen == ScreenKind.None ? 0 : s_grid.Rows;

    /// <summary>Starts with the serial port alone, where there is one.</summary>
    public static void Initialize()
    {
        s_screen = ScreenKind.None;
        SerialOutput.Initialize();
    }

    /// <summary>Adds the VGA text screen.</summary>
    /// <param name="cells">Where the physical address 0xB8000 is mapped.</param>
    public static void AttachVgaText(byte* cells)
    {
        s_vgaCells = cells;

        // Statics do not move, so the grid may keep the address.
        fixed (VgaStore* store = &s_vgaStore)
        {
            s_grid.Attach(store->Bytes, VgaTextScreen.Columns, VgaTextScreen.Rows);
            VgaTextScreen.Clear(cells, store->Bytes + VgaCells);
        }

        s_screen = ScreenKind.VgaText;
    }

    /// <summary>Adds a framebuffer.</summary>
    /// <param name="screen">How it is laid out.</param>
    /// <param name="pixels">Where it is mapped, <see cref="FramebufferInformation.Bytes"/> bytes.</param>
    /// <param name="font">256 glyphs of 16 bytes, which stay where they are.</param>
    /// <param name="shadow">Memory of the console's own from now on: <see cref="ShadowLength"/> bytes.</param>
    /// <param name="shadowLength">How much of it there is; with less, the lower rows of the screen stay empty.</param>
    /// <returns>False where the layout is not one that text can be drawn in, or there is no room for a row.</returns>
    public static bool AttachFramebuffer(
        FramebufferInformation* screen, byte* pixels, byte* font, byte* shadow, ulong shadowLength)
    {
        if (!FramebufferScreen.CanShow(screen))
        {
            return false;
        }

        uint columns = screen->Width / FramebufferScreen.GlyphWidth;
        ulong rows = screen->Height / FramebufferScreen.GlyphHeight;
        ulong room = shadowLength / (2UL * columns);
        rows = Math.Min(rows, room);
        if (rows < 1)
        {
            return false;
        }

        uint cells = columns * (uint)rows;
        s_screen = ScreenKind.None;
        s_grid.Attach(shadow, columns, (uint)rows);
        s_framebuffer.Clear(screen, pixels, font, shadow + cells, cells);
        s_screen = ScreenKind.Framebuffer;
        return true;
    }

    /// <summary>How many bytes of shadow a framebuffer takes; 0 where it cannot be used.</summary>
    public static ulong ShadowLength(FramebufferInformation* screen)
    {
        if (!FramebufferScreen.CanShow(screen))
        {
            return 0;
        }

        ulong columns = screen->Width / FramebufferScreen.GlyphWidth;
        return 2 * columns * (screen->Height / FramebufferScreen.GlyphHeight);
    }

    /// <summary>Writes bytes: text in ASCII or UTF-8.</summary>
    public static void Write(byte* text, ulong length)
    {
        for (ulong index = 0; index < length; index++)
        {
            Put(text[index]);
        }

        Show();
    }

    /// <summary>Writes ASCII text.</summary>
    public static void Write(string text)
    {
        for (int index = 0; index < text.Length; index++)
        {
            Put((byte)text[index]);
        }

        Show();
    }

    public static void WriteLine(string text)
    {
        Write(text);
        WriteLine();
    }

    /// <summary>Ends the line that somebody began, if any, so that a report starts on a line of its own.</summary>
    public static void StartLine()
    {
        if (s_isInLine)
        {
            WriteLine();
        }
    }

    public static void WriteLine()
    {
        Put((byte)'\n');
        Show();
    }

    /// <summary>Writes a number as <c>0x</c> and lower-case hexadecimal digits without leading zeros.</summary>
    public static void WriteHex(ulong value)
    {
        Put((byte)'0');
        Put((byte)'x');
        int shift = 60;
        while (shift > 0 && value >> shift == 0)
        {
            shift -= 4;
        }

        for (; shift >= 0; shift -= 4)
        {
            var digit = (uint)(value >> shift) & 15;
            Put((byte)(digit < 10 ? '0' + digit : 'a' - 10 + digit));
        }

        Show();
    }

    public static void WriteDecimal(ulong value)
    {
        ulong unit = 1;
        while (value / unit >= 10)
        {
            unit *= 10;
        }

        for (; unit != 0; unit /= 10)
        {
            Put((byte)('0' + value / unit % 10));
        }

        Show();
    }

    private static void Put(byte value)
    {
        s_isInLine = value != '\n';
        if (value == '\n')
        {
            SerialOutput.Put((byte)'\r');
        }

        SerialOutput.Put(value);
        if (s_screen != ScreenKind.None)
        {
            s_grid.Put(value);
        }
    }

    private static void Show()
    {
        SerialOutput.Move();
        if (s_screen == ScreenKind.None)
        {
            return;
        }

        fixed (TextGrid* grid = &s_grid)
        {
            if (s_screen == ScreenKind.Framebuffer)
            {
                s_framebuffer.Show(grid);
            }
            else
            {
                VgaTextScreen.Show(grid, s_vgaCells, grid->Cells + VgaCells);
            }

            grid->ClearDirty();
        }
    }

    private enum ScreenKind : uint
    {
        None = 0,
        VgaText = 1,
        Framebuffer = 2,
    }

    // The grid's cells, and after them what the screen shows.
    private struct VgaStore
    {
        public fixed byte Bytes[(int)(2 * VgaCells)];
    }
}
