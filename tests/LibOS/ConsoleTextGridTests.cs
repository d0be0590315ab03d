using System;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.LibOS.Console;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed unsafe class ConsoleTextGridTests
{
    private const uint Columns = 10;
    private const uint Rows = 3;

    /// <summary>What stands on a grid of 10 by 3 after a text, rows separated by a bar.</summary>
    private static string Show(byte[] text, out uint column, out uint row)
    {
        byte[] memory = new byte[Columns * Rows + 64];
        memory.AsSpan().Fill(0xEE);
        fixed (byte* start = memory)
        {
            var grid = default(TextGrid);
            grid.Attach(start + 32, Columns, Rows);
            foreach (byte value in text)
            {
                grid.Put(value);
            }

            column = grid.Column;
            row = grid.Row;
        }

        Assert.That(memory.AsSpan(0, 32).ContainsAnyExcept((byte)0xEE), Is.False, "written before the grid");
        Assert.That(memory.AsSpan(32 + 30).ContainsAnyExcept((byte)0xEE), Is.False, "written behind the grid");
        string cells = Encoding.Latin1.GetString(memory, 32, 30);
        return $"{cells[..10].TrimEnd()}|{cells[10..20].TrimEnd()}|{cells[20..].TrimEnd()}";
    }

    [TestCase("abc", "abc||")]
    [TestCase("a\nb", "a|b|")]
    [TestCase("abc\rX", "Xbc||")]
    [TestCase("abc\bX", "abX||")]
    [TestCase("\b\bX", "X||")]
    [TestCase("a\tb", "a       b||")]
    [TestCase("a\t\t\tb", "a        b||")]
    [TestCase("0123456789", "0123456789||")]
    [TestCase("0123456789A", "0123456789|A|")]
    [TestCase("0123456789\nA", "0123456789|A|")]
    [TestCase("0123456789\bX", "01234567X9||")]
    [TestCase("a\nb\nc\nd", "b|c|d")]
    [TestCase("a\nb\nc\n", "b|c|")]
    [TestCase("\u001b[31mred\u001b[0m", "red||")]
    [TestCase("\u001b[?25lx\u001b[2;5Hy", "xy||")]
    [TestCase("\u001b(Bx", "x||")]
    [TestCase("\u001bcx", "x||")]
    [TestCase("\u001b[12\nx", "|x|")]
    [TestCase("a\0\u0007\u007fb", "ab||")]
    public void Control_characters_do_what_a_terminal_does(string text, string expected) =>
        Assert.That(Show(Encoding.Latin1.GetBytes(text), out _, out _), Is.EqualTo(expected));

    [Test]
    public void A_character_without_a_glyph_is_one_question_mark() =>
        Assert.That(Show("a\u00e9\u4e2d\U0001F600b"u8.ToArray(), out _, out _), Is.EqualTo("a???b||"));

    [Test]
    public void Only_changed_rows_are_dirty()
    {
        byte* cells = stackalloc byte[30];
        var grid = default(TextGrid);
        grid.Attach(cells, Columns, Rows);
        Assert.That((grid.DirtyFirst, grid.DirtyEnd), Is.EqualTo((0u, 3u)));
        grid.ClearDirty();
        grid.Put((byte)'\n');
        grid.Put((byte)'x');
        Assert.That((grid.DirtyFirst, grid.DirtyEnd), Is.EqualTo((0u, 2u)));
        grid.ClearDirty();
        grid.Put((byte)'y');
        Assert.That((grid.DirtyFirst, grid.DirtyEnd), Is.EqualTo((1u, 2u)));
        grid.Put((byte)'\n');
        grid.ClearDirty();
        grid.Put((byte)'\n');
        Assert.That((grid.DirtyFirst, grid.DirtyEnd), Is.EqualTo((0u, 3u)));
    }

    [Test]
    public void Any_bytes_stay_within_the_grid()
    {
        Gen<int> value = Gen.OneOf(
            Gen.Choose(0, 255), Gen.Elements<int>('\n', '\r', '\b', '\t', 0x1B, '[', 'm'));
        Prop.ForAll(value.Select(number => (byte)number).ArrayOf().ToArbitrary(), text =>
        {
            Show(text, out uint column, out uint row);
            return column <= Columns && row < Rows;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));
    }
}
