using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Build.Image;

namespace VirtioGuest.Build.Tests;

/// <summary>The console font is put into Latin-1 order by the font's own table of characters.</summary>
internal sealed class ConsoleFontTests
{
    [Test]
    public void Glyphs_are_ordered_by_character_and_missing_ones_get_the_question_mark()
    {
        // Glyph 0 is the question mark, glyph 1 the letter A; the sequence after it stands for no single character.
        byte[] latin1 = ConsoleFont.ToLatin1(Font(['?', 0xFFFF, 'A', 0xFFFE, 'B', 0x0301, 0xFFFF]));

        Assert.Multiple(() =>
        {
            Assert.That(latin1, Has.Length.EqualTo(ConsoleFont.GlyphCount * ConsoleFont.GlyphHeight));
            Assert.That(latin1['?' * ConsoleFont.GlyphHeight], Is.EqualTo(1));
            Assert.That(latin1['A' * ConsoleFont.GlyphHeight], Is.EqualTo(2));
            Assert.That(latin1['B' * ConsoleFont.GlyphHeight], Is.EqualTo(1));
        });
    }

    [Test]
    public void Font_whose_table_is_cut_off_is_refused()
    {
        byte[] font = Font(['?', 0xFFFF]);

        Assert.That(() => ConsoleFont.ToLatin1(font.AsSpan(0, font.Length - 4)), Throws.TypeOf<BuildFailure>());
    }

    [Test]
    public void Other_formats_are_refused()
    {
        Assert.That(() => ConsoleFont.ToLatin1([0x72, 0xB5, 0x4A, 0x86]), Throws.TypeOf<BuildFailure>());
    }

    /// <summary>256 glyphs, with n + 1 in the first row of glyph n; those beyond the table have no character.</summary>
    private static byte[] Font(int[] table)
    {
        List<byte> font = [0x36, 0x04, 0x02, ConsoleFont.GlyphHeight];
        for (int glyph = 0; glyph < ConsoleFont.GlyphCount; glyph++)
        {
            byte[] rows = new byte[ConsoleFont.GlyphHeight];
            rows[0] = (byte)(glyph + 1);
            font.AddRange(rows);
        }

        int ended = 0;
        foreach (int value in table)
        {
            ended += value == 0xFFFF ? 1 : 0;
            font.AddRange([(byte)value, (byte)(value >> 8)]);
        }

        for (; ended < ConsoleFont.GlyphCount; ended++)
        {
            font.AddRange([0xFF, 0xFF]);
        }

        return [.. font];
    }
}
