using System;
using System.Buffers.Binary;
using System.IO;
using System.IO.Compression;
using System.Linq;

namespace VirtioGuest.Build.Image;

/// <summary>
/// Turns a PC Screen Font, version 1, of 8x16 pixels into 256 glyphs in Latin-1 order. A character that the font lacks
/// gets the glyph of the question mark.
/// </summary>
internal static class ConsoleFont
{
    /// <summary>From Debian's package fonts-spleen.</summary>
    public const string Source = "/usr/share/consolefonts/spleen-8x16.psfu.gz";

    public const int GlyphHeight = 16;

    public const int GlyphCount = 256;

    private const int HeaderSize = 4;
    private const int ModeHas512Glyphs = 1;
    private const int ModeHasTable = 2;
    private const ushort StartOfSequence = 0xFFFE;
    private const ushort EndOfGlyph = 0xFFFF;

    /// <param name="source">The compressed font file.</param>
    /// <param name="target">The file of glyphs.</param>
    public static void Convert(string source, string target)
    {
        using var stream = new GZipStream(File.OpenRead(source), CompressionMode.Decompress);
        using var content = new MemoryStream();
        stream.CopyTo(content);
        File.WriteAllBytes(target, ToLatin1(content.ToArray()));
    }

    /// <exception cref="BuildFailure">
    /// It is not such a font, or its table of characters is missing or too short.
    /// </exception>
    public static byte[] ToLatin1(ReadOnlySpan<byte> font)
    {
        if (font.Length < HeaderSize || font[0] != 0x36 || font[1] != 0x04 || font[3] != GlyphHeight)
        {
            throw new BuildFailure("the console font is not a PC Screen Font, version 1, of 8x16 pixels");
        }

        int glyphs = (font[2] & ModeHas512Glyphs) != 0 ? 512 : 256;
        ReadOnlySpan<byte> table = font[Math.Min(font.Length, HeaderSize + (glyphs * GlyphHeight))..];
        int[] glyphOf = (font[2] & ModeHasTable) != 0 ? ReadTable(table, glyphs) : [];
        if (glyphOf.Length == 0 || glyphOf['?'] < 0)
        {
            throw new BuildFailure("the console font does not say which characters its glyphs are");
        }

        byte[] result = new byte[GlyphCount * GlyphHeight];
        for (int character = 0; character < GlyphCount; character++)
        {
            int glyph = glyphOf[character] >= 0 ? glyphOf[character] : glyphOf['?'];
            font.Slice(HeaderSize + (glyph * GlyphHeight), GlyphHeight).CopyTo(result.AsSpan(character * GlyphHeight));
        }

        return result;
    }

    /// <summary>The glyph of each Latin-1 character, or -1; empty if the table is too short.</summary>
    private static int[] ReadTable(ReadOnlySpan<byte> table, int glyphs)
    {
        int[] glyphOf = new int[GlyphCount];
        Array.Fill(glyphOf, -1);
        int glyph = 0;
        bool inSequence = false;
        for (int at = 0; at + 2 <= table.Length && glyph < glyphs; at += 2)
        {
            ushort value = BinaryPrimitives.ReadUInt16LittleEndian(table[at..]);
            if (value == EndOfGlyph)
            {
                glyph++;
                inSequence = false;
            }
            else if (value == StartOfSequence)
            {
                inSequence = true;
            }
            else if (!inSequence && value < GlyphCount && glyphOf[value] < 0)
            {
                glyphOf[value] = glyph;
            }
        }

        return glyph == glyphs ? glyphOf : [];
    }
}
