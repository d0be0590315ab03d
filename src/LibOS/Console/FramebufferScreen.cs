using VirtioGuest.LibOS.Boot;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Console;

/// <summary>Text drawn into a linear framebuffer of 15, 16, 24 or 32 bits a pixel, in glyphs of 8 by 16.</summary>
/// <remarks>
/// Framebuffers are slow to write and slower to read: only cells that changed are drawn, and none is read.
/// </remarks>
internal unsafe struct FramebufferScreen
{
    public const uint GlyphWidth = 8;

    /// <summary>The height of a glyph in pixels, and its size in bytes.</summary>
    public const uint GlyphHeight = 16;

    /// <summary>Marks a shown cell that has the cursor on it. Characters are ASCII, so the bit is free.</summary>
    private const byte CursorMark = 0x80;

    private const uint MaximumSide = 16384;
    private const byte Brightness = 0xC0;

    private byte* _pixels;
    private byte* _font;
    private byte* _shown;
    private uint _pitch;
    private uint _bytesPerPixel;
    private uint _foreground;

    /// <summary>Whether text can be drawn on a screen of this description.</summary>
    public static bool CanShow(FramebufferInformation* screen)
    {
        uint bits = screen->BitsPerPixel;
        return screen->Kind == FramebufferKind.Rgb && screen->Address != 0 &&
            (bits == 15 || bits == 16 || bits == 24 || bits == 32) &&
            screen->Width >= GlyphWidth && screen->Width <= MaximumSide &&
            screen->Height >= GlyphHeight && screen->Height <= MaximumSide &&
            screen->Pitch >= screen->Width * BytesPerPixel(bits) && screen->Pitch <= MaximumSide * 8 &&
            FieldFits(screen->RedPosition, screen->RedSize, bits) &&
            FieldFits(screen->GreenPosition, screen->GreenSize, bits) &&
            FieldFits(screen->BluePosition, screen->BlueSize, bits);
    }

    /// <summary>Takes a screen over and clears it.</summary>
    /// <param name="screen">A screen for which <see cref="CanShow"/> holds.</param>
    /// <param name="pixels">Where the framebuffer is mapped.</param>
    /// <param name="font">256 glyphs of <see cref="GlyphHeight"/> bytes, one per line, leftmost pixel highest.</param>
    /// <param name="shown">Room for what the screen shows, one byte per cell.</param>
    /// <param name="cells">The number of cells.</param>
    public void Clear(FramebufferInformation* screen, byte* pixels, byte* font, byte* shown, uint cells)
    {
        _pixels = pixels;
        _font = font;
        _shown = shown;
        _pitch = screen->Pitch;
        _bytesPerPixel = BytesPerPixel(screen->BitsPerPixel);
        _foreground = Field(screen->RedPosition, screen->RedSize) |
            Field(screen->GreenPosition, screen->GreenSize) |
            Field(screen->BluePosition, screen->BlueSize);
        Processor.Fill(shown, (byte)' ', cells);
        for (uint line = 0; line < screen->Height; line++)
        {
            Processor.Fill(pixels + (ulong)line * _pitch, 0, (ulong)screen->Width * _bytesPerPixel);
        }
    }

    /// <summary>Brings the screen up to date with the grid.</summary>
    public readonly void Show(TextGrid* grid)
    {
        uint columns = grid->Columns;
        uint cursor = grid->CursorCell;
        for (uint cell = grid->DirtyFirst * columns; cell < grid->DirtyEnd * columns; cell++)
        {
            ShowCell(grid, cell, cursor);
        }
    }

    private readonly void ShowCell(TextGrid* grid, uint cell, uint cursor)
    {
        byte value = grid->Cells[cell];
        if (cell == cursor)
        {
            value |= CursorMark;
        }

        if (value != _shown[cell])
        {
            _shown[cell] = value;
            Draw(cell % grid->Columns, cell / grid->Columns, value);
        }
    }

    private readonly void Draw(uint column, uint row, byte value)
    {
        byte* glyph = _font + (value & ~CursorMark & 0xFF) * (int)GlyphHeight;
        uint inverse = (value & CursorMark) != 0 ? 0xFFU : 0;
        byte* line = _pixels + (ulong)row * GlyphHeight * _pitch + (ulong)column * GlyphWidth * _bytesPerPixel;
        for (uint y = 0; y < GlyphHeight; y++)
        {
            DrawLine(line, glyph[y] ^ inverse);
            line += _pitch;
        }
    }

    private readonly void DrawLine(byte* pixel, uint bits)
    {
        for (uint mask = 0x80; mask != 0; mask >>= 1)
        {
            uint colour = (bits & mask) != 0 ? _foreground : 0;
            switch (_bytesPerPixel)
            {
                case 2:
                    *(ushort*)pixel = (ushort)colour;
                    break;
                case 3:
                    *(ushort*)pixel = (ushort)colour;
                    pixel[2] = (byte)(colour >> 16);
                    break;
                default:
                    *(uint*)pixel = colour;
                    break;
            }

            pixel += _bytesPerPixel;
        }
    }

    private static uint BytesPerPixel(uint bits) => (bits + 7) / 8;

    private static bool FieldFits(byte position, byte size, uint bits) =>
        size >= 1 && size <= 16 && (uint)position + size <= bits;

    private static uint Field(byte position, byte size) => (Brightness * ((1U << size) - 1) / 255) << position;
}
